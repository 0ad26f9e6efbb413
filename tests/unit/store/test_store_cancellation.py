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

from repaintd.core.intake import Push

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from repaintd.core.event import StoredEvent
    from repaintd.core.intake import Accepted

UIDS = [f"b{number}" for number in range(20)]


@dataclass
class _Acknowledged:
    """What the store said is durable: by binding the last version, and all events."""

    versions: dict[str, int] = field(default_factory=dict)
    events: set[str] = field(default_factory=set)
    triggers: set[str] = field(default_factory=set)
    received: dict[str, int] = field(default_factory=dict)
    owed: set[int] = field(default_factory=set)
    cursor: int = 0


async def _one_trigger(store, intake, seen: _Acknowledged) -> None:
    accepted = await store.accept(intake)
    assert not accepted.duplicate
    seen.triggers.update(intake.seen)
    seen.received[intake.uid] = max(accepted.received, seen.received.get(intake.uid, 0))


async def _one_user(store, make, seen: _Acknowledged, number: int) -> None:
    uid = UIDS[number % len(UIDS)]
    make_state, make_event, make_intake, make_entry = make
    match number % 12:
        case 0:
            await store.probe()
        case 1:
            await store.events(limit=5)
        case 2:
            store.note(make_state(f"noted-{uid}", error_count=number))
        case 3 | 4 | 5:
            push = Push(payload=b'{"k%d":1}' % (number % 99), merge="deepMerge")
            await _one_trigger(store, make_intake(uid, f"id{number}", push=push), seen)
        case 6:
            seen.events.add((await store.announce("a", {"number": number})).id)
        case 7:
            await store.keep_owed([make_entry(number)])
            seen.owed.add(number)
        case 8:
            store.note_cursor("mqtt", number)
            seen.cursor = max(seen.cursor, number)
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


@pytest.fixture
def make(make_state, make_event, make_intake, make_entry) -> tuple[Callable, ...]:
    return make_state, make_event, make_intake, make_entry


@pytest.mark.slow
async def test_ten_thousand_cancellations_leave_no_transaction_and_lose_nothing(
    opened, make, make_intake, make_sink, tmp_path
):
    seen = _Acknowledged()
    chance = random.Random(6)
    async with opened(flush_interval=0.002) as store:
        await store.keep_sink(make_sink())
        cancelled, number = 0, 0
        while cancelled < 10_000:
            numbers = range(number, number := number + 1000)
            users = [_one_user(store, make, seen, each) for each in numbers]
            cancelled += await _cancel_at_random(users, chance)
            await store.probe()
            assert not store._writer._database.in_transaction
            _write_as_another_process(tmp_path)
        ids = {each.id for each in await _all_events(store)}
    async with opened() as store:
        states, received = store.states(), store.received()
        assert store.sinks()["mqtt"].cursor == seen.cursor > 0
        assert seen.owed <= {each.event.position for each in await store.owed("mqtt")}
        again = await _send_again(store, make_intake, seen.triggers)
        own = [each.sequence for each in await _all_events(store) if not each.uid]

    assert all(each.duplicate for each in again)
    assert all(received[uid] >= count for uid, count in seen.received.items())
    assert own == list(range(1, len(own) + 1))
    assert store.write_errors == 0
    assert seen.events <= ids
    assert all(states[uid].error_count >= version for uid, version in seen.versions.items())


def _write_as_another_process(tmp_path) -> None:
    path = tmp_path / "state" / "state.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None, timeout=1)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")


async def _send_again(store, make_intake, triggers: set[str]) -> list[Accepted]:
    answers, rest = [], list(triggers)
    while rest:
        part, rest = rest[:1000], rest[1000:]
        uids = [UIDS[int(each.removeprefix("id")) % len(UIDS)] for each in part]
        intakes = map(make_intake, uids, part)
        answers += await asyncio.gather(*(store.accept(each) for each in intakes))
    return answers


async def _all_events(store) -> list[StoredEvent]:
    found: list[StoredEvent] = []
    while batch := await store.events(found[-1].position if found else 0, limit=1000):
        found += batch
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
