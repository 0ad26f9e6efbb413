from __future__ import annotations

import contextlib
from importlib.metadata import entry_points

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from prometheus_client import CollectorRegistry

from repaintd.core.egress import EgressPolicy
from repaintd.net import open_door
from repaintd.plugin import (
    NO_VALIDATORS,
    Fetched,
    FetchFailed,
    FetchRequest,
    NotModified,
    Plugin,
    PluginContext,
    Validators,
)
from repaintd_http import Http

ETAG = '"v1"'


class Api:
    """A small API that knows whom it serves."""

    def __init__(self):
        self.requests = []
        self.document = {"stars": 7}

    async def data(self, request):
        self.requests.append(request)
        if request.headers.get("If-None-Match") == ETAG:
            return web.Response(status=304, headers={"ETag": ETAG})
        response = web.json_response(self.document, headers={"ETag": ETAG})
        response.enable_compression()
        return response

    async def search(self, request):
        self.requests.append(request)
        return web.json_response({"asked": await request.json()})

    async def moved(self, request):
        raise web.HTTPFound("/data")

    async def down(self, request):
        raise web.HTTPServiceUnavailable(headers={"Retry-After": "30"})


@pytest.fixture
async def api():
    return Api()


@pytest.fixture
async def fetch(api, secret, tmp_path):
    """Fetch from the API through the plugin and a real door: `await fetch("/data", …)`."""
    app = web.Application()
    app.router.add_get("/data", api.data)
    app.router.add_post("/search", api.search)
    app.router.add_get("/moved", api.moved)
    app.router.add_get("/down", api.down)
    async with contextlib.AsyncExitStack() as stack:
        server = TestServer(app)
        await server.start_server()
        stack.push_async_callback(server.close)
        policy = EgressPolicy.parse([f"127.0.0.1:{server.port}"])
        door = await stack.enter_async_context(
            open_door(policy, per_host=4, limit=20, user_agent="repaintd-test")
        )
        context = PluginContext(
            http=door, secret=secret, registry=CollectorRegistry(), log=None, directory=tmp_path
        )
        components = await stack.enter_async_context(Http().open(None, context))
        source = components.sources["http"]

        async def ask(path, validators=NO_VALIDATORS, *, host="127.0.0.1", **keys):
            url = f"http://{host}:{server.port}{path}"
            spec = Http.source_specs["http"].model_validate({"url": url, **keys})
            return await source.fetch(FetchRequest(uid="u", spec=spec, validators=validators))

        yield ask


def test_the_entry_point_names_the_plugin():
    (entry,) = entry_points(group="repaintd.plugins", name="http")
    assert entry.load() is Http
    assert isinstance(Http(), Plugin)
    assert Http.settings_model.model_validate({}) is not None


async def test_first_the_document_then_304s(fetch, api):
    first = await fetch("/data")
    assert isinstance(first, Fetched)
    assert first.document == {"stars": 7}
    second = await fetch("/data", first.validators)
    assert second == NotModified(validators=first.validators)
    assert api.requests[1].headers["If-None-Match"] == ETAG


async def test_credentials_and_headers_arrive(fetch, api):
    await fetch(
        "/data?q=${env:TOKEN}",
        headers={"X-A": "${env:USER}"},
        credentials={"type": "bearer_token", "value": "${env:TOKEN}"},
    )
    (request,) = api.requests
    assert request.headers["Authorization"] == "Bearer t0ken"
    assert request.headers["X-A"] == "anna"
    assert request.headers["Accept"] == "application/json"
    assert request.headers["User-Agent"] == "repaintd-test"
    assert request.query["q"] == "t0ken"


async def test_post_with_a_body(fetch, api):
    fetched = await fetch("/search", method="POST", body={"query": "${env:TOKEN}"})
    assert fetched.document == {"asked": {"query": "t0ken"}}
    assert api.requests[0].content_type == "application/json"


async def test_a_redirect_is_followed_with_conditions(fetch):
    assert isinstance(await fetch("/moved", Validators(etag=ETAG)), NotModified)


async def test_a_failing_source_tells_its_status_and_wish(fetch):
    with pytest.raises(FetchFailed) as caught:
        await fetch("/down")
    assert str(caught.value) == "Data source returned 503"
    assert (caught.value.reason, caught.value.retry_after) == ("status", 30.0)


async def test_a_private_address_that_is_not_listed_is_refused(fetch):
    with pytest.raises(FetchFailed) as caught:
        await fetch("/data", host="127.0.0.2")
    assert caught.value.reason == "egress_denied"
