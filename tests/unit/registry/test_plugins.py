from __future__ import annotations

from contextlib import asynccontextmanager
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import ClassVar

import prometheus_client
import pytest
import structlog
from structlog.testing import capture_logs

from repaintd.plugin import Components, PluginContext, PluginError, SpecModel
from repaintd.registry import PluginStatus, discover, open_plugins
from repaintd.registry.discovery import settings_models, source_specs
from repaintd.testing import FakeHttp, FakeRenderer, FakeSource


class Good:
    name: ClassVar[str] = "good"
    settings_model = SpecModel
    source_specs: ClassVar[dict] = {}
    closed = False
    components = Components(sources={"good": FakeSource([])}, renderers={"good": FakeRenderer()})

    @asynccontextmanager
    async def open(self, settings, context):
        self.check()
        try:
            yield self.components
        finally:
            type(self).closed = True

    def check(self) -> None:
        pass


class Twin(Good):
    name = "twin"


class Refusing(Good):
    name = "refusing"

    def check(self) -> None:
        raise PluginError("no browser; run `apt install chromium`", status="self_check_failed")


class Crashing(Good):
    name = "crashing"

    def check(self) -> None:
        raise ZeroDivisionError("oops")


class Stuck(Good):
    name = "stuck"

    @asynccontextmanager
    async def open(self, settings, context):
        import asyncio

        await asyncio.Event().wait()
        yield Components()


class Early(Good):
    name = "early"

    def open(self, settings, context):
        raise RuntimeError("no context at all")


class Nothing(Good):
    name = "nothing"
    components = None


class Odd(Good):
    name = "odd"

    def check(self) -> None:
        raise PluginError("odd", status="bogus")


class Clinging(Good):
    name = "clinging"

    @asynccontextmanager
    async def open(self, settings, context):
        yield Components()
        raise RuntimeError("does not close")


class Shapeless(Good):
    name = "shapeless"
    source_specs = None


not_a_plugin = object()
SETTINGS = dict.fromkeys(
    ("good", "twin", "refusing", "crashing", "stuck", "early", "nothing", "odd", "clinging")
)
LOG = structlog.get_logger()


def point(name: str, attribute: str) -> EntryPoint:
    import sys

    sys.modules["plugins_under_test"] = sys.modules[__name__]
    return EntryPoint(name, f"plugins_under_test:{attribute}", "repaintd.plugins")


def context(name: str) -> PluginContext:
    return PluginContext(
        http=FakeHttp(lambda request: pytest.fail("no request expected")),
        secret=lambda text: pytest.fail("no secret expected"),
        registry=prometheus_client.CollectorRegistry(),
        log=None,
        directory=Path("/nowhere"),
    )


def test_first_party_plugins_come_through_the_public_door():
    found = {record.name: record.status for record in discover()}
    assert found["http"] is PluginStatus.LOADED
    assert found["chromium"] is PluginStatus.LOADED


def test_a_plugin_that_cannot_be_imported_is_a_load_error_with_its_reason():
    (record,) = discover([EntryPoint("ghost", "no_such_module:Ghost", "repaintd.plugins")])
    assert record.status is PluginStatus.LOAD_ERROR
    assert "no_such_module" in record.reason


@pytest.mark.parametrize(
    ("name", "attribute", "reason"),
    [
        ("thing", "not_a_plugin", "it is not a plugin"),
        ("shapeless", "Shapeless", "its source_specs is no mapping"),
        ("other", "Good", "its entry point is called 'other' and it calls itself 'good'"),
    ],
)
def test_what_is_no_proper_plugin_is_a_load_error(name, attribute, reason):
    (record,) = discover([point(name, attribute)])
    assert record.status is PluginStatus.LOAD_ERROR
    assert reason in record.reason


def test_models_are_gathered_from_the_plugins_that_load():
    records = discover([point("good", "Good"), point("thing", "not_a_plugin")])
    assert settings_models(records) == {"good": SpecModel}
    assert source_specs(records) == {}


async def test_open_plugins_serve_and_are_closed_at_the_end():
    Good.closed = False
    async with open_plugins(discover([point("good", "Good")]), SETTINGS, context, LOG) as opened:
        assert set(opened.sources) == {"good"}
        assert set(opened.renderers) == {"good"}
        assert opened.records[0].status is PluginStatus.LOADED
        assert not Good.closed
    assert Good.closed


@pytest.mark.parametrize(
    ("name", "attribute", "status", "reason"),
    [
        ("refusing", "Refusing", PluginStatus.SELF_CHECK_FAILED, "apt install chromium"),
        ("crashing", "Crashing", PluginStatus.LOAD_ERROR, "ZeroDivisionError: oops"),
        ("stuck", "Stuck", PluginStatus.SELF_CHECK_FAILED, "not ready within"),
        ("early", "Early", PluginStatus.LOAD_ERROR, "RuntimeError: no context at all"),
        ("nothing", "Nothing", PluginStatus.LOAD_ERROR, "AttributeError"),
        ("odd", "Odd", PluginStatus.SELF_CHECK_FAILED, "odd"),
    ],
)
async def test_a_plugin_that_does_not_open_is_a_status_and_the_others_serve(
    name, attribute, status, reason
):
    records = discover([point(name, attribute), point("good", "Good")])
    async with open_plugins(records, SETTINGS, context, LOG, timeout=0.05) as opened:
        assert set(opened.sources) == {"good"}
        broken = next(r for r in opened.records if r.name == name)
        assert broken.status is status
        assert reason in broken.reason


async def test_two_plugins_that_serve_the_same_thing_are_a_config_error_of_the_second():
    records = discover([point("good", "Good"), point("twin", "Twin")])
    async with open_plugins(records, SETTINGS, context, LOG) as opened:
        assert opened.records[1].status is PluginStatus.CONFIG_ERROR
        assert opened.records[1].reason == "another plugin serves good already"


async def test_a_plugin_whose_settings_must_be_given_and_are_not_is_disabled():
    async with open_plugins(discover([point("good", "Good")]), {}, context, LOG) as opened:
        assert opened.records[0].status is PluginStatus.DISABLED
        assert "plugins.good" in opened.records[0].reason


async def test_a_plugin_that_does_not_close_does_not_keep_the_others_from_it():
    Good.closed = False
    records = discover([point("clinging", "Clinging"), point("good", "Good")])
    with capture_logs() as logs:
        async with open_plugins(records, SETTINGS, context, LOG):
            pass
    assert Good.closed
    assert [entry["plugin"] for entry in logs] == ["clinging"]


def test_a_plugin_that_exits_at_import_is_a_load_error(monkeypatch):
    class Leaving:
        name = "leaving"

        def load(self):
            raise SystemExit(3)

    (record,) = discover([Leaving()])
    assert record.status is PluginStatus.LOAD_ERROR
