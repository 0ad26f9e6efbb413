"""Promise D6: the database cannot wedge, whoever is cancelled wherever."""

from __future__ import annotations

import asyncio
import itertools
import random
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterator

UIDS = [f"b{number}" for number in range(20)]


@dataclass
class _Acknowledged:
    """What the store said is durable: by binding the last version, and all events."""

    versions: dict[str, int] = field(default_factory=dict)
    events: set[str] = field(default_factory=set)


async def _one_user(store, make_state, make_event, seen: _Acknowledged, number: int) -> None:
    uid = UIDS[number % len(UIDS)]
    match number % 7:
        case 0:
            await store.probe()
        case 1:
            await store.events(limit=5)
        case 2:
            store.note(make_state(f"noted-{uid}", error_count=number))
        case _:
            event = make_event(number, uid)
            await store.commit(make_state(uid, error_count=number), [event])
            seen.versions[uid] = max(number, seen.versions.get(uid, 0))
            seen.events.add(event.id)


async def _cancel_at_random(users, chance) -> int:
    tasks = []
    for user in users:
        tasks.append(asyncio.create_task(user, name="user"))
        for _ in range(chance.choice((0, 0, 1, 2))):
            await asyncio.sleep(0)
        chance.choice(tasks).cancel()
        if chance.random() < 0.01:
            await asyncio.wait(tasks)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    return sum(isinstance(each, asyncio.CancelledError) for each in results)


@pytest.mark.slow
async def test_ten_thousand_cancellations_leave_no_transaction_and_lose_nothing(
    opened, make_state, make_event, tmp_path
):
    seen = _Acknowledged()
    chance = random.Random(6)
    async with opened(flush_interval=0.002) as store:
        cancelled, number = 0, 0
        while cancelled < 10_000:
            numbers = range(number, number := number + 1000)
            users = [_one_user(store, make_state, make_event, seen, each) for each in numbers]
            cancelled += await _cancel_at_random(users, chance)
            await store.probe()
            assert not store._writer._database.in_transaction
            _write_as_another_process(tmp_path)
        ids = await _all_event_ids(store)
    async with opened() as store:
        states = store.states()

    assert store.write_errors == 0
    assert seen.events <= ids
    assert all(states[uid].error_count >= version for uid, version in seen.versions.items())


def _write_as_another_process(tmp_path) -> None:
    path = tmp_path / "state" / "state.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None, timeout=1)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")


async def _all_event_ids(store) -> set[str]:
    found: set[str] = set()
    after = 0
    while batch := await store.events(after, limit=1000):
        found |= {each.id for each in batch}
        after = batch[-1].position
    return found


steps = st.lists(
    st.tuples(
        st.sampled_from(["commit", "note", "forget", "bad", "cancelled", "reopen"]),
        st.sampled_from(["a", "b"]),
    ),
    max_size=25,
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=steps)
def test_after_any_sequence_of_calls_the_store_holds_what_a_dictionary_would(
    opened, make_state, tmp_path_factory, steps
):
    directory = tmp_path_factory.mktemp("model") / "state"
    model: dict[str, int] = {}

    async def life(rest: Iterator[tuple[str, str]]) -> bool:
        """From opening to closing; True when there is more to do."""
        async with opened(directory) as store:
            assert {uid: each.error_count for uid, each in store.states().items()} == model
            for step, uid in rest:
                if step == "reopen":
                    return True
                await _play(store, make_state(uid, error_count=next(versions)), step, model)
        return False

    async def lives() -> None:
        rest = iter(steps)
        while await life(rest):
            pass
        await life(iter(()))

    versions = itertools.count(1)
    asyncio.run(lives())


async def _play(store, state, step, model) -> None:
    match step:
        case "commit":
            await store.commit(state)
        case "note":
            store.note(state)
        case "forget":
            await store.forget(state.uid)
        case "bad":
            with pytest.raises(TypeError):
                await store.commit(replace(state, variables={"what": object()}))
        case "cancelled":  # what was handed over is written whole, with nobody waiting
            task = asyncio.create_task(store.commit(state), name="cancelled")
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
    if step == "forget":
        model.pop(state.uid, None)
    elif step != "bad":
        model[state.uid] = state.error_count
