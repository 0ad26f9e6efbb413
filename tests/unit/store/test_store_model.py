"""Whatever is asked at a time, in whatever order: the store does what the one in memory does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from repaintd.core.intake import Push
from repaintd.errors import DocumentRefused
from repaintd.testing import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from repaintd.store import Store

UIDS = st.sampled_from(["a", "b"])
SINKS = st.sampled_from(["s", "t"])
SMALL = st.integers(1, 4)
PAYLOADS = st.sampled_from(
    [b'{"x":1}', b'{"y":{"z":2}}', b'{"y":{"w":3}}', b"[4]", b'"much too long"']
)
MERGES = st.sampled_from(["replace", "deepMerge", "append"])

steps = st.one_of(
    st.tuples(st.just("accept"), UIDS, st.lists(SMALL, max_size=2), PAYLOADS, MERGES),
    st.tuples(st.just("forget"), UIDS),
    st.tuples(st.just("commit"), UIDS, st.integers(1, 99)),
    st.tuples(st.just("note"), UIDS, st.integers(1, 99)),
    st.tuples(st.just("announce"), SMALL),
    st.tuples(st.just("keep_sink"), SINKS, SMALL),
    st.tuples(st.just("note_cursor"), SINKS, SMALL),
    st.tuples(st.just("forget_sink"), SINKS),
    st.tuples(st.just("keep_owed"), SINKS, st.lists(SMALL, max_size=3), st.booleans()),
    st.tuples(st.just("drop_owed"), SINKS, st.lists(SMALL, max_size=3)),
    st.tuples(st.just("log_delivery"), SINKS, SMALL),
)
lives = st.lists(st.lists(st.lists(steps, max_size=8), max_size=3), min_size=1, max_size=2)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(lives=lives)
def test_what_is_asked_at_a_time_is_done_as_if_one_after_the_other(
    opened, clock, tmp_path_factory, make, lives
):
    directory = tmp_path_factory.mktemp("model") / "state"
    model = MemoryStore(clock)

    async def live() -> None:
        for life in lives:
            async with opened(directory) as store:
                assert store.states() == model.states
                await _compare(store, model)
                for together in life:
                    calls = [make(each) for each in together]
                    answers = await asyncio.gather(*(_answer(call(store)) for call in calls))
                    expected = [await _answer(call(model)) for call in calls]
                    assert answers == expected
                    await _compare(store, model)

    asyncio.run(live())


async def _answer(asked: Any) -> Any:
    """What the caller gets, without what cannot be the same in two databases."""
    try:
        answer = await asked
    except DocumentRefused as exc:
        return str(exc)
    return getattr(answer, "sequence", answer)


async def _compare(store: Store, model: MemoryStore) -> None:
    await store.probe()
    assert store.received() == model.received()
    assert dict(store.sinks()) == dict(model.sinks())
    assert store.latest == model.latest
    assert await store.deliveries() == await model.deliveries()
    for uid in ("a", "b"):
        assert await store.document(uid) == await model.document(uid)
    for sink in ("s", "t"):
        assert await store.owed(sink) == await model.owed(sink)


def _pushes(payload: bytes, merge: Any) -> Push:
    return Push(payload=payload, merge=merge, keep=2, max_bytes=34 if merge != "replace" else 14)


def _called(name: str, *values: Any) -> Callable[[Any], Any]:
    async def call(store: Any) -> Any:
        answer = getattr(store, name)(*values)
        return await answer if asyncio.iscoroutine(answer) else answer

    return call


@pytest.fixture
def make(made_of) -> Callable[[tuple[Any, ...]], Callable[[Any], Any]]:
    """A step as a call that any store answers."""
    return lambda step: _called(step[0], *made_of.get(step[0], lambda *values: values)(*step[1:]))


@pytest.fixture
def made_of(request) -> dict[str, Callable[..., tuple[Any, ...]]]:
    """What a call is given, by its name, where that is not the values of the step."""
    makers = ("state", "event", "intake", "sink", "entry", "line")
    state, event, intake, sink, entry, line = (
        request.getfixturevalue(f"make_{each}") for each in makers
    )
    numbers = iter(range(1, 1_000_000))
    return {
        "accept": lambda uid, ids, payload, merge: (
            intake(uid, *map(str, ids), push=_pushes(payload, merge)),
        ),
        "commit": lambda uid, version: (
            state(uid, error_count=version),
            [event(next(numbers), uid)],
        ),
        "note": lambda uid, version: (state(uid, error_count=version),),
        "announce": lambda number: (f"event{number}", {"n": number}),
        "keep_sink": lambda name, cursor: (sink(name, cursor),),
        "keep_owed": lambda name, positions, dead: (
            [entry(each, name, dead=dead) for each in positions],
        ),
        "log_delivery": lambda name, number: (line(number, name, attempt=next(numbers)),),
    }
