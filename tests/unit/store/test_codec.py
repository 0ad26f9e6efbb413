from __future__ import annotations

from dataclasses import fields, replace
from types import MappingProxyType

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from repaintd.core.fetch import Validators
from repaintd.core.run import Ending, Run, Streak
from repaintd.core.state import BindingState, Fallback, StoredImage, Trigger
from repaintd.store.codec import decode_run, decode_state, encode_run, encode_state, json_bytes

IMAGE = StoredImage(
    etag="e", size=1, format="png", media_type="image/png", width=2, height=3, published_at=4.5
)
FULL = BindingState(
    uid="card",
    source_fingerprint="s",
    mapping_fingerprint="m",
    render_fingerprint="r",
    attempted="a",
    validators=Validators(etag='W/"x"', last_modified="Thu, 01 Jan 1970 00:00:00 GMT"),
    body_hash="h",
    unconditional_at=1.5,
    variables={"stars": 5, "ünï": ["x", None]},
    fallbacks=(Fallback(variable="v", path="p", reason="r", used="empty"),),
    image=IMAGE,
    default_image="d",
    sequence=6,
    error_count=7,
    last_error="e",
    last_error_stage="fetch",
    last_error_reason="timeout",
    last_attempt_at=8.5,
    last_success_at=9.5,
    last_fetch_at=10.5,
    last_render_at=11.5,
    next_due_at=12.5,
    due_reason="retry",
    created_at=13.5,
    triggers_taken=14,
    pushed_at=15.5,
    stale_since=16.5,
    streak=Streak(
        number=3,
        count=4,
        trigger=Trigger.TTL,
        ending=Ending.NOT_MODIFIED,
        first_at=17.5,
        fetch=0.25,
        turn=0.5,
    ),
)

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def test_the_example_sets_every_field():
    defaults = BindingState(uid="")
    assert all(getattr(FULL, each.name) != getattr(defaults, each.name) for each in fields(FULL))


def test_every_field_comes_back():
    assert decode_state("card", encode_state(FULL)) == FULL


@given(document=json_values)
def test_whatever_json_a_source_sends_comes_back_exactly(document):
    state = BindingState(uid="card", variables={"v": document})
    assert decode_state("card", encode_state(state)) == state


def test_big_integers_are_not_rounded():
    state = BindingState(uid="card", variables={"n": 2**70, "m": -(2**64)})
    assert decode_state("card", encode_state(state)).variables == {"n": 2**70, "m": -(2**64)}


def test_unknown_keys_of_a_later_version_are_ignored():
    blob = orjson.dumps(
        {
            "uid": "card",
            "telepathy": 1,
            "validators": {"etag": "x", "aura": 2},
            "image": {**orjson.loads(orjson.dumps(IMAGE)), "mood": 3},
        }
    )
    state = decode_state("card", blob)
    assert (state.validators, state.image) == (Validators(etag="x"), IMAGE)


def test_missing_keys_of_an_earlier_version_are_defaulted():
    assert decode_state("card", b"{}") == BindingState(uid="card")


@pytest.mark.parametrize("part", ["validators", "fallbacks", "image"])
@pytest.mark.parametrize("value", [None, 5, "x", [], {}, [5], [{}], {"etag": []}])
def test_a_part_that_lacks_what_it_needs_is_taken_as_absent(part, value):
    state = decode_state("card", orjson.dumps({part: value}))
    assert isinstance(state.validators, Validators)
    assert state.image is None
    assert state.fallbacks == ()


@pytest.mark.parametrize("blob", [b"", b"{", b"[]", b"5", b" {", b"\xff"])
def test_a_blob_that_is_no_object_is_an_error(blob):
    with pytest.raises(ValueError):  # noqa: PT011 — each parser has its own words
        decode_state("card", blob)


def test_a_read_only_mapping_is_stored_as_an_object():
    state = BindingState(uid="card", variables=MappingProxyType({"a": 1}))
    assert decode_state("card", encode_state(state)).variables == {"a": 1}


def test_words_from_bounded_sets_are_shared_between_states():
    first, second = (decode_state("card", encode_state(FULL)) for _ in range(2))
    assert first.due_reason is second.due_reason
    assert first.image.media_type is second.image.media_type


@pytest.mark.parametrize("value", [{"a": object()}, {"a": {1, 2}}, {"a": b"bytes"}])
def test_what_is_no_json_is_an_error(value):
    with pytest.raises(TypeError):
        encode_state(BindingState(uid="card", variables=value))
    with pytest.raises(TypeError):
        json_bytes(value)


def test_a_document_deeper_than_any_parser_is_an_error():
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(TypeError, match="JSON"):
        json_bytes(deep)


def test_bodies_with_big_integers_and_lone_surrogates_are_still_json():
    assert json_bytes({"n": 2**70, "s": "\ud800"}) == b'{"n":1180591620717411303424,"s":"\\ud800"}'


RUN = Run(
    number=3,
    trigger=Trigger.ETAG,
    ending=Ending.FAILED,
    at=1.5,
    last_at=2.5,
    count=2,
    seconds=3.5,
    stages={"fetch": 0.5},
    late=0.1,
    stage="fetch",
    reason="timeout",
    error="no answer",
    changed=("title",),
    fallbacks=FULL.fallbacks,
    next_at=4.5,
    due_reason="retry",
)


def test_the_run_of_the_example_sets_every_field():
    plain = Run(number=1, trigger=Trigger.TTL, ending=Ending.PUBLISHED, at=0.0, last_at=0.0)
    assert all(getattr(RUN, each.name) != getattr(plain, each.name) for each in fields(Run))


def test_every_field_of_a_run_comes_back_and_the_usual_ones_are_not_written():
    plain = Run(number=1, trigger=Trigger.TTL, ending=Ending.PUBLISHED, at=0.0, last_at=0.0)
    assert decode_run(encode_run(RUN)) == RUN
    assert decode_run(encode_run(plain)) == plain
    assert orjson.loads(encode_run(plain)).keys() == {
        "number",
        "trigger",
        "ending",
        "at",
        "last_at",
    }


def test_a_run_whose_error_holds_a_lone_surrogate_comes_back():
    run = replace(RUN, error="no \ud800")
    assert decode_run(encode_run(run)) == run


@pytest.mark.parametrize(
    "blob", [b"[]", b"{}", b'{"number":1,"trigger":"dice"}', b'{"trigger":"ttl","ending":"failed"}']
)
def test_what_is_no_run_is_refused(blob):
    with pytest.raises(ValueError):  # noqa: PT011 — the words are for the log
        decode_run(blob)


def test_a_streak_of_a_kind_that_this_version_does_not_know_ends():
    document = orjson.loads(encode_state(FULL))
    document["streak"]["ending"] = "sung"
    assert decode_state("card", orjson.dumps(document)).streak == Streak(number=7)


def test_a_streak_that_is_none_is_left_out():
    document = orjson.loads(encode_state(FULL))
    document["streak"] = 5
    assert decode_state("card", orjson.dumps(document)).streak is None
