from __future__ import annotations

import gzip
import logging

import orjson
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from repaintd.core.event import UPDATED
from repaintd.core.status import Daemon, status_document
from repaintd.web import Check, Readiness

NOW = 1_800_000_000.0
PROBLEM = "application/problem+json"


async def test_the_whole_status_is_the_status_document(house, client):
    house.add("b")
    house.add("a", error_count=1, last_error="no")
    house.metrics.tally("a").fetches_error += 1
    house.metrics.count_event(UPDATED)
    daemon = Daemon(
        version="1.2.3",
        started_at=NOW - 130,
        now=NOW,
        ready=True,
        public_url="https://pics.example.net",
    )

    async with client.get("/status.json") as response:
        document = orjson.loads(await response.read())

    assert document == status_document(
        house.bindings.all(), house.metrics.tallies(), daemon, events=house.metrics.events()
    )
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Cache-Control"] == "no-cache"


async def test_without_bindings_the_status_is_still_one_document(client):
    async with client.get("/status.json") as response:
        document = orjson.loads(await response.read())

    assert document["bindings"] == []
    assert document["totals"]["bindings"] == 0


async def test_a_quiet_daemon_answers_304_within_the_minute(house, client):
    house.add("a")
    async with client.get("/status.json") as first:
        etag = first.headers["ETag"]
    house.clock.time += 40

    async with client.get("/status.json", headers={"If-None-Match": etag}) as second:
        assert second.status == 304
        assert second.headers["ETag"] == etag
        assert await second.read() == b""


async def test_news_change_the_entity_tag(house, client):
    house.add("a")
    async with client.get("/status.json") as first:
        etag = first.headers["ETag"]
    house.metrics.tally("a").publishes += 1

    async with client.get("/status.json", headers={"If-None-Match": etag}) as second:
        assert second.status == 200
    async with client.get("/status.json", headers={"If-Match": etag}) as third:
        assert third.status == 412


async def test_one_binding_is_to_be_had_alone(house, client):
    house.add("a")
    house.add("b")
    house.metrics.tally("b").publishes += 7

    async with client.get("/status.json?uid=b") as response:
        document = orjson.loads(await response.read())

    assert (document["uid"], document["publishes"]) == ("b", 7)
    assert "ETag" in response.headers


async def test_an_unknown_binding_has_no_status(client):
    async with client.get("/status.json?uid=nobody") as response:
        document = await response.json(content_type=PROBLEM)

    assert response.status == 404
    assert document["code"] == "binding_not_found"


async def test_the_totals_are_to_be_had_without_the_bindings(house, client):
    house.add("a")

    async with client.get("/status.json?bindings=false") as response:
        document = orjson.loads(await response.read())

    assert set(document) == {"daemon", "totals"}
    assert document["totals"]["bindings"] == 1


async def test_a_question_that_is_none_is_a_400(client):
    async with client.get("/status.json?bindings=perhaps") as response:
        document = await response.json(content_type=PROBLEM)

    assert response.status == 400
    assert document["errors"][0]["field"] == "bindings"


async def test_metrics_are_text_unless_more_is_asked_for(house, client):
    house.add("a")

    async with client.get("/metrics", headers={"Accept-Encoding": "identity"}) as response:
        text = await response.text()

    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "Content-Encoding" not in response.headers
    assert "repaintd_bindings" in {family.name for family in parse_text(text)}


PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


async def test_metrics_are_openmetrics_in_gzip_for_prometheus(house, client):
    house.add("a")
    headers = {"Accept": PROMETHEUS, "Accept-Encoding": "gzip"}

    async with client.get("/metrics", headers=headers, auto_decompress=False) as response:
        body = await response.read()

    media_type = response.headers["Content-Type"]
    assert media_type.startswith("application/openmetrics-text; version=1.0.0")
    assert response.headers["Content-Encoding"] == "gzip"
    assert response.headers["Vary"] == "Accept, Accept-Encoding"
    families = parse_openmetrics(gzip.decompress(body).decode())
    assert "repaintd_fetches" in {family.name for family in families}


async def test_what_a_stranger_accepts_breaks_nothing(client):
    headers = {"Accept": "application/openmetrics-text;version=abc;escaping=é, ,;;q=x"}

    async with client.get("/metrics", headers=headers) as response:
        assert response.status == 200


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
async def test_health_is_200_while_all_is_well(client, path):
    async with client.get(path) as response:
        document = await response.json()

    assert response.status == 200
    assert document["ok"] is True
    assert response.headers["Cache-Control"] == "no-store"


async def test_readyz_tells_the_truth(house, client):
    house.health.readiness = Readiness(
        ok=False,
        checks={"renderer": Check(ok=False, detail="no browser"), "database": Check(ok=True)},
    )

    async with client.get("/readyz") as response:
        document = await response.json()

    assert response.status == 503
    assert document == {
        "ok": False,
        "checks": {
            "renderer": {"ok": False, "detail": "no browser"},
            "database": {"ok": True, "detail": ""},
        },
    }
    async with client.get("/livez") as response:
        assert response.status == 200
    async with client.get("/status.json") as response:
        assert orjson.loads(await response.read())["daemon"]["ready"] is False


async def test_a_health_check_that_hangs_is_a_bad_sign(house, client):
    house.health.hangs = True

    async with client.get("/readyz") as response:
        document = await response.json()

    assert response.status == 503
    assert document["checks"]["health"]["ok"] is False


async def test_the_index_names_the_paths(house, client):
    async with client.get("/") as response:
        text = await response.text()

    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    paths = {r.canonical.removeprefix("/v1") for r in house.app.router.resources()} - {"/"}
    assert [p for p in paths if p.split("{")[0] not in text and "bindings" not in p] == []
    assert "/bindings/{uid}/refresh" in text


async def test_the_access_log_is_off_unless_asked_for(house, caplog):
    house.add("a")
    with caplog.at_level(logging.DEBUG):
        async with house.client() as client, client.get("/b/a.png"):
            pass

    assert [r for r in caplog.records if "access" in r.name] == []
