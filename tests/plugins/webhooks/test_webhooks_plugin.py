from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from repaintd.plugin import EventSink, HttpResponse, Plugin, PluginContext
from repaintd.testing.http import FakeHttp
from repaintd_webhooks import Webhooks


def yes(request):
    return HttpResponse(status=200, headers={}, body=b"", url=request.url)


@pytest.fixture
def context_with(secret, tmp_path):
    def make(**doors):
        return PluginContext(
            secret=secret, registry=CollectorRegistry(), log=None, directory=tmp_path, **doors
        )

    return make


def test_it_is_a_plugin_that_needs_no_settings():
    assert isinstance(Webhooks(), Plugin)
    assert Webhooks.name == "webhooks"
    assert Webhooks.source_specs == {}
    assert Webhooks.settings_model.model_validate({}) is not None


async def test_it_makes_a_sink_for_each_subscription(context_with, make_subscription, make_event):
    general, for_receivers = FakeHttp(yes), FakeHttp(yes)
    context = context_with(http=general, delivery_http=for_receivers)
    settings = Webhooks.settings_model.model_validate({"disableAfter": 2})
    async with Webhooks().open(settings, context) as components:
        assert (components.sources, components.renderers, components.sinks) == ({}, {}, {})
        one = components.subscriber(make_subscription(uid="one"))
        two = components.subscriber(make_subscription(uid="two"))
        for sink in (one, two):
            await sink.deliver(make_event())
    sink: EventSink = one
    assert sink.policy.disable_after == 2
    first, second = (each.headers["X-Pictify-Delivery-Id"] for each in for_receivers.requests)
    assert first != second
    assert general.requests == []


async def test_without_a_door_for_receivers_the_general_one_is_used(
    context_with, make_subscription, make_event
):
    door = FakeHttp(yes)
    settings = Webhooks.settings_model.model_validate({})
    async with Webhooks().open(settings, context_with(http=door)) as components:
        await components.subscriber(make_subscription()).deliver(make_event())
    assert len(door.requests) == 1
