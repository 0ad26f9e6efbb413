"""Server-sent events as bytes."""

from __future__ import annotations

import orjson
import pytest

from repaintd.core.event import StoredEvent
from repaintd.web.sse import frame, greeting, pieces, reset


def event(number, size=10):
    return StoredEvent(
        position=number,
        id=f"evt_{number}",
        name="binding.updated",
        uid="card",
        sequence=number,
        at=0.0,
        body=b"x" * size,
    )


def test_a_message_has_id_name_and_the_body_as_it_is():
    found = frame("evt_1", "binding.updated", b'{"a":"\xc3\xa9"}')

    assert found == b'id: evt_1\nevent: binding.updated\ndata: {"a":"\xc3\xa9"}\n\n'


@pytest.mark.parametrize("line_end", [b"\n", b"\r", b"\r\n"])
def test_a_body_of_several_lines_stays_one_message(line_end):
    assert frame("e", "n", b"a" + line_end + b"b") == b"id: e\nevent: n\ndata: a\ndata: b\n\n"


def test_without_an_id_a_client_keeps_the_one_it_has():
    assert frame("", "n", b"a") == b"event: n\ndata: a\n\n"


def test_the_greeting_names_the_place_in_the_same_message():
    assert greeting("") == b"retry: 2000\n\n"
    assert greeting("evt_1") == b"id: evt_1\nretry: 2000\n\n"


def test_a_reset_says_behind_what_something_may_be_missing():
    lines = reset("evt_9", "evt_1", "why").splitlines()

    assert lines[:2] == [b"id: evt_9", b"event: reset"]
    data = orjson.loads(lines[2].removeprefix(b"data: "))
    assert data == {"lastEventId": "evt_1", "reason": "why"}


def test_messages_are_sent_together_but_never_more_than_a_piece_and_one():
    found = list(pieces(map(event, range(10)), lambda each: each.position != 3, 100))

    assert b"".join(found).count(b"\n\n") == 9
    assert b"evt_3" not in b"".join(found)
    assert all(
        100 <= len(piece) < 100 + len(frame("evt_1", "binding.updated", b"x" * 10))
        for piece in found[:-1]
    )


def test_nothing_is_no_piece():
    assert list(pieces([event(1)], lambda _: False, 100)) == []
