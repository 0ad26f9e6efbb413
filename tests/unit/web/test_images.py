from __future__ import annotations

import io

import pytest
from PIL import Image

from repaintd.core.binding import ImageFormat, OnError, PolicyType
from repaintd.web.conditional import http_date

NOW = 1_800_000_000.0
PNG = b"\x89PNG the picture"


async def test_an_image_comes_with_all_that_a_cache_needs(house, client):
    house.add("card")

    async with client.get("/b/card.png") as response:
        body = await response.read()

    assert body == PNG
    assert response.status == 200
    expected = {
        "Content-Type": "image/png",
        "Content-Length": str(len(PNG)),
        "ETag": '"abc"',
        "Last-Modified": http_date(int(NOW - 501)),
        "Cache-Control": "public, max-age=120",
        "X-Content-Type-Options": "nosniff",
    }
    assert expected == {name: response.headers.get(name) for name in expected}
    assert "X-Pictify-Stale" not in response.headers


async def test_head_says_what_get_would(house, client):
    house.add("card")

    async with client.get("/b/card.png") as get, client.head("/b/card.png") as head:
        body = await head.read()

    assert body == b""
    assert {**get.headers, "Date": ""} == {**head.headers, "Date": ""}


async def test_a_reader_that_has_the_image_gets_a_304(house, client):
    house.add("card")

    async with client.get("/b/card.png", headers={"If-None-Match": '"abc"'}) as response:
        body = await response.read()

    assert response.status == 304
    assert body == b""
    assert response.headers["ETag"] == '"abc"'
    assert response.headers["Cache-Control"] == "public, max-age=120"
    assert "Content-Type" not in response.headers


async def test_a_reader_that_insists_on_another_image_gets_a_412(house, client):
    house.add("card")

    async with client.get("/b/card.png", headers={"If-Match": '"old"'}) as response:
        document = await response.json(content_type="application/problem+json")

    assert response.status == 412
    assert document["code"] == "precondition_failed"


async def test_the_query_is_ignored(house, client):
    house.add("card")

    async with client.get("/b/card.png?_t=123&width=1/2%20") as response:
        assert response.status == 200


async def test_the_path_may_be_percent_encoded(house, client):
    house.add("card")

    assert b"200 OK" in await house.say(
        b"GET /b/c%61rd.png HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )


@pytest.mark.parametrize("path", ["/b/card.jpeg", "/b/card.jpg", "/bindings/card.jpg"])
async def test_jpg_and_jpeg_are_the_same_and_there_is_an_alias(house, client, path):
    house.add("card", format=ImageFormat.JPEG)

    async with client.get(path) as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "image/jpeg"


async def test_a_uid_with_a_dot_is_no_extension(house, client):
    house.add("my.card")

    async with client.get("/b/my.card.png") as response:
        assert response.status == 200


async def test_a_pdf_is_a_pdf(house, client):
    house.add("card", format=ImageFormat.PDF)

    async with client.get("/b/card.pdf") as response:
        assert response.headers["Content-Type"] == "application/pdf"


@pytest.mark.parametrize("extension", ["webp", "jpg", "gif", "PNG", "exe", ""])
async def test_another_extension_is_a_404_that_names_the_right_url(house, client, extension):
    house.add("card")

    async with client.get(f"/b/card.{extension}") as response:
        document = await response.json(content_type="application/problem+json")

    assert response.status == 404
    assert "https://pics.example.net/b/card.png" in document["detail"]


@pytest.mark.parametrize("name", ["nobody.png", ".png", "card", "%2e%2e%2fetc%2fpasswd"])
async def test_an_unknown_uid_is_a_404(house, client, name):
    house.add("card")

    async with client.get(f"/b/{name}") as response:
        document = await response.json(content_type="application/problem+json")

    assert response.status == 404
    assert document["code"] == "binding_not_found"
    assert house.images.reads == []


@pytest.mark.parametrize("policy", [PolicyType.WEBHOOK, PolicyType.MANUAL])
async def test_where_no_timer_runs_caches_have_to_ask(house, client, policy):
    house.add("card", type=policy)

    async with client.get("/b/card.png") as response:
        assert response.headers["Cache-Control"] == "public, no-cache"


async def test_a_paused_binding_is_still_served(house, client):
    house.add("card", paused=True)

    async with client.get("/b/card.png") as response:
        assert response.status == 200
        assert response.headers["Cache-Control"] == "public, no-cache"


FAILING = {"error_count": 3, "last_error": "token s3cret", "last_error_stage": "fetch"}


async def test_serve_stale_shows_the_last_good_image_and_says_how_old_it_is(house, client):
    house.add("card", last_success_at=NOW - 400.7, **FAILING)

    async with client.get("/b/card.png") as response:
        body = await response.read()

    assert body == PNG
    assert response.headers["Warning"] == '110 - "Response is Stale"'
    assert response.headers["X-Pictify-Stale"] == "true"
    assert response.headers["Age"] == "400"
    assert response.headers["ETag"] == '"abc"'


async def test_a_stale_image_counts_from_its_file_when_no_success_is_on_record(house, client):
    house.add("card", **FAILING)

    async with client.get("/b/card.png", headers={"If-None-Match": '"abc"'}) as response:
        assert response.status == 304
        assert response.headers["Age"] == "500"


async def test_serve_default_shows_the_image_of_the_defaults(house, client):
    house.add("card", on_error=OnError.SERVE_DEFAULT, **FAILING)
    house.defaults.put("card.png", body=b"default", etag="def")

    async with client.get("/b/card.png") as response:
        body = await response.read()

    assert body == b"default"
    assert response.headers["ETag"] == '"def"'
    assert response.headers["X-Pictify-Default"] == "true"
    assert "X-Pictify-Stale" not in response.headers


async def test_serve_default_falls_back_to_stale(house, client):
    house.add("card", on_error=OnError.SERVE_DEFAULT, **FAILING)

    async with client.get("/b/card.png") as response:
        assert await response.read() == PNG
        assert response.headers["X-Pictify-Stale"] == "true"


async def test_serve_error_is_a_502_without_the_words_of_the_error(house, client):
    house.add("card", on_error=OnError.SERVE_ERROR, last_error_reason="timeout", **FAILING)

    async with client.get("/b/card.png") as response:
        document = await response.json(content_type="application/problem+json")

    assert response.status == 502
    assert response.headers["Cache-Control"] == "no-store"
    assert document["detail"] == "The latest refresh failed at stage fetch (timeout)."
    assert document["code"] == "url_fetch_failed"


async def test_a_default_is_not_shown_while_all_is_well(house, client):
    house.add("card", on_error=OnError.SERVE_DEFAULT)
    house.defaults.put("card.png", body=b"default", etag="def")

    async with client.get("/b/card.png") as response:
        assert await response.read() == PNG


async def test_a_paused_binding_shows_its_last_good_image_whatever_its_errors(house, client):
    house.add("card", paused=True, on_error=OnError.SERVE_ERROR, **FAILING)

    async with client.get("/b/card.png") as response:
        assert response.status == 200
        assert response.headers["X-Pictify-Stale"] == "true"


async def test_the_first_image_is_waited_for(house, client):
    house.add("card", image=False)
    house.first_image.draw = lambda: house.images.put("card.png")

    async with client.get("/b/card.png") as response:
        assert await response.read() == PNG

    assert house.first_image.asked == [("card", 5.0)]


async def test_an_error_while_waiting_is_answered_as_an_error(house, client):
    house.add("card", image=False, on_error=OnError.SERVE_ERROR)
    house.first_image.draw = lambda: house.restate("card", **FAILING)

    async with client.get("/b/card.png") as response:
        assert response.status == 502


async def test_a_binding_that_goes_while_its_image_is_waited_for(house, client):
    house.add("card", image=False)
    house.first_image.draw = house.bindings.views.clear

    async with client.get("/b/card.png") as response:
        assert response.status == 503


async def test_without_an_image_there_is_a_placeholder(house, client):
    house.add("card", image=False, next_due_at=NOW + 7.2)

    async with client.get("/b/card.png") as response:
        body = await response.read()

    assert response.status == 503
    assert response.headers["Retry-After"] == "8"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Content-Type"] == "image/png"
    assert Image.open(io.BytesIO(body)).size == (600, 315)


async def test_a_collaborator_that_never_comes_back_is_not_waited_for(house):
    house.changes |= {"first_image_timeout": -0.9, "placeholder": "pixel"}
    house.first_image.hangs = True
    house.add("card", image=False)

    async with house.client() as client, client.get("/b/card.png") as response:
        body = await response.read()

    assert response.status == 503
    assert Image.open(io.BytesIO(body)).size == (1, 1)


@pytest.mark.parametrize("changes", [{"paused": True}, FAILING], ids=["paused", "failing"])
async def test_nobody_waits_for_an_image_that_will_not_come(house, client, changes):
    house.add("card", image=False, **changes)

    async with client.get("/b/card.png") as response:
        assert response.status == 503

    assert house.first_image.asked == []


AS_OF = {"Age": "60", "X-Data-As-Of": "2027-01-15T07:59:00Z"}


@pytest.mark.parametrize("conditions", [{}, {"If-None-Match": '"abc"'}])
async def test_an_image_says_of_when_its_data_is(house, client, conditions):
    house.add("card", last_success_at=NOW - 60)

    async with client.get("/b/card.png", headers=conditions) as response:
        assert response.status == (304 if conditions else 200)
        assert {name: response.headers[name] for name in AS_OF} == AS_OF
        assert response.headers["Cache-Control"] == "public, max-age=180"
        assert "X-Pictify-Stale" not in response.headers


async def test_an_image_whose_data_does_not_grow_old_says_nothing_of_it(house, client):
    house.add("card", last_success_at=NOW - 60, type=PolicyType.MANUAL)

    async with client.get("/b/card.png") as response:
        assert not AS_OF.keys() & response.headers.keys()


async def test_an_image_of_the_defaults_is_of_no_data(house, client):
    house.add("card", on_error=OnError.SERVE_DEFAULT, last_success_at=NOW - 60, **FAILING)
    house.defaults.put("card.png", body=b"default", etag="def")

    async with client.get("/b/card.png") as response:
        assert not AS_OF.keys() & response.headers.keys()


async def test_an_image_whose_data_is_too_old_says_so_though_nothing_fails(house, client):
    house.add("card", last_success_at=NOW - 60, stale_since=NOW - 1)

    async with client.get("/b/card.png") as response:
        assert response.headers["Warning"] == '110 - "Response is Stale"'
        assert response.headers["X-Pictify-Stale"] == "true"
        assert {name: response.headers[name] for name in AS_OF} == AS_OF
