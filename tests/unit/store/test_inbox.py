"""Accepted triggers: counted, remembered by their ids, their data merged."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace

import orjson
import pytest

from repaintd.core.intake import Accepted, Push
from repaintd.errors import DocumentRefused, StoreUnavailable

HOUR = 3600.0


def deep(**values: object) -> Push:
    return Push(payload=orjson.dumps(values), merge="deepMerge")


async def test_each_accepted_trigger_counts_one_more(either, make_intake):
    first, second = make_intake(), make_intake()
    assert await either.accept(first) == Accepted(received=1, refresh_id=first.refresh_id)
    assert await either.accept(second) == Accepted(received=2, refresh_id=second.refresh_id)
    assert (await either.accept(make_intake("other"))).received == 1
    assert either.received() == {"card": 2, "other": 1}


async def test_triggers_that_come_together_get_numbers_of_their_own(either, make_intake):
    accepted = await asyncio.gather(*(either.accept(make_intake()) for _ in range(100)))
    assert [each.received for each in accepted] == list(range(1, 101))


async def test_a_trigger_is_counted_on_after_reopening(opened, make_intake):
    async with opened() as store:
        await store.accept(make_intake())
        await store.accept(make_intake())
    async with opened() as store:
        assert store.received() == {"card": 2}
        assert (await store.accept(make_intake())).received == 3


async def test_a_trigger_is_durable_before_it_is_answered(opened, make_intake, tmp_path):
    async with opened() as store:
        await store.accept(make_intake("card", push=b'{"a":1}'))
        with closing(sqlite3.connect(tmp_path / "state" / "state.sqlite3")) as other:
            row = other.execute('SELECT uid, received, document, "trigger" FROM inbox').fetchone()
    assert row == ("card", 1, b'{"a":1}', "webhook")


async def test_there_is_no_document_before_the_first_payload(either, make_intake):
    assert await either.document("card") is None
    await either.accept(make_intake())
    assert await either.document("card") is None


async def test_data_replaces_the_document_byte_for_byte(either, make_intake):
    await either.accept(make_intake(push=b'{"a": 1}'))
    await either.accept(make_intake(push=b'{ "b" : 2.50 }'))
    assert await either.document("card") == b'{ "b" : 2.50 }'


async def test_a_trigger_without_data_leaves_the_document(either, make_intake):
    await either.accept(make_intake(push=b"[1]"))
    await either.accept(make_intake())
    assert await either.document("card") == b"[1]"


async def test_data_is_merged_in_the_order_in_which_it_came(either, make_intake):
    pushes = [deep(a={"n": number}, **{f"k{number}": number}) for number in range(40)]
    await asyncio.gather(*(either.accept(make_intake(push=push)) for push in pushes))
    document = orjson.loads(await either.document("card"))
    assert document.pop("a") == {"n": 39}
    assert document == {f"k{number}": number for number in range(40)}


async def test_data_is_merged_into_what_was_kept_before(opened, make_intake):
    async with opened() as store:
        await store.accept(make_intake(push=deep(a=1)))
    async with opened() as store:
        await store.accept(make_intake(push=deep(b=2)))
        assert orjson.loads(await store.document("card")) == {"a": 1, "b": 2}


async def test_append_keeps_the_latest(either, make_intake):
    for number in range(5):
        push = Push(payload=str(number).encode(), merge="append", keep=3)
        await either.accept(make_intake(push=push))
    assert orjson.loads(await either.document("card")) == [2, 3, 4]


async def test_many_bindings_are_merged_at_once(opened, make_intake):
    """More than one transaction holds documents at a time, and more than it takes."""
    uids = [f"b{number}" for number in range(150)]
    async with opened() as store:
        for key in ("x", "y"):
            pushes = [make_intake(uid, push=deep(**{key: uid})) for uid in uids]
            plain = [make_intake("plain", push=b"1"), make_intake("bare")]
            await asyncio.gather(*(store.accept(each) for each in [*pushes, *plain]))
        for uid in uids:
            assert orjson.loads(await store.document(uid)) == {"x": uid, "y": uid}
        assert store.received() == {**dict.fromkeys(uids, 2), "plain": 2, "bare": 2}


async def test_refused_data_fails_alone_and_changes_nothing(either, make_intake):
    await either.accept(make_intake(push=b"{}"))
    too_large = Push(payload=b'"' + b"x" * 100 + b'"', merge="deepMerge", max_bytes=50)
    results = await asyncio.gather(
        either.accept(make_intake(push=deep(a=1))),
        either.accept(make_intake("card", "id", push=too_large)),
        either.accept(make_intake("other", push=too_large)),
        either.accept(make_intake(push=deep(b=2))),
        return_exceptions=True,
    )
    kinds = [type(each) for each in results]
    assert kinds == [Accepted, DocumentRefused, DocumentRefused, Accepted]
    assert (results[0].received, results[3].received) == (2, 3)
    assert orjson.loads(await either.document("card")) == {"a": 1, "b": 2}
    assert "other" not in either.received()
    assert not (await either.accept(make_intake("card", "id"))).duplicate


async def test_a_bug_in_merging_fails_its_trigger_alone(opened, make_intake, monkeypatch):
    def merged(document: bytes | None, push: Push) -> bytes:
        if push.payload == b"1":
            raise ZeroDivisionError
        return push.payload

    monkeypatch.setattr("repaintd.store.inbox.merged", merged)
    async with opened() as store:
        results = await asyncio.gather(
            store.accept(make_intake("a", push=b"0")),
            store.accept(make_intake("b", push=b"1")),
            store.accept(make_intake("c", push=b"2")),
            return_exceptions=True,
        )
        assert store.received() == {"a": 1, "c": 1}
    assert [type(each) for each in results] == [Accepted, StoreUnavailable, Accepted]


async def test_an_id_seen_before_changes_nothing(either, make_intake):
    first = await either.accept(make_intake("card", "one", "two", push=b"1"))
    again = await either.accept(make_intake("card", "three", "two", push=b"2"))
    assert again == Accepted(received=1, duplicate=True, refresh_id=first.refresh_id)
    assert await either.document("card") == b"1"
    assert either.received() == {"card": 1}


async def test_an_id_belongs_to_its_binding(either, make_intake):
    await either.accept(make_intake("a", "id"))
    assert not (await either.accept(make_intake("b", "id"))).duplicate


async def test_ids_are_known_after_reopening_with_what_the_sender_was_told(opened, make_intake):
    async with opened() as store:
        first = await store.accept(make_intake("card", "\ud800", "x" * 100_000))
    async with opened() as store:
        for seen in ("\ud800", "x" * 100_000):
            again = await store.accept(make_intake("card", seen))
            assert again == Accepted(received=1, duplicate=True, refresh_id=first.refresh_id)


async def test_of_a_thousand_at_once_with_one_id_one_counts(either, make_intake):
    intakes = [make_intake("card", "id") for _ in range(1000)]
    accepted = await asyncio.gather(*(either.accept(each) for each in intakes))
    assert sum(not each.duplicate for each in accepted) == 1
    assert {each.refresh_id for each in accepted} == {intakes[0].refresh_id}
    assert either.received() == {"card": 1}


async def test_a_duplicate_in_flight_counts_itself_when_the_first_was_refused(either, make_intake):
    bad = Push(payload=b"[1, 2]", max_bytes=1)
    results = await asyncio.gather(
        either.accept(make_intake("card", "id", push=bad)),
        either.accept(make_intake("card", "id", push=b"1")),
        return_exceptions=True,
    )
    assert isinstance(results[0], DocumentRefused)
    assert (results[1].received, results[1].duplicate) == (1, False)


async def test_a_duplicate_counts_itself_when_the_first_could_not_be_written(
    opened, make_intake, tmp_path
):
    async with opened() as store:
        with closing(sqlite3.connect(tmp_path / "state" / "state.sqlite3")) as other:
            other.isolation_level = None
            other.execute("BEGIN IMMEDIATE")
            results = await asyncio.gather(
                *(store.accept(make_intake("card", "id", push=b"1")) for _ in range(2)),
                return_exceptions=True,
            )
            other.execute("ROLLBACK")
        assert [type(each) for each in results] == [StoreUnavailable] * 2
        assert await store.document("card") is None
        retried = await store.accept(make_intake("card", "id"))
        assert (retried.received, retried.duplicate) == (1, False)


async def test_a_full_disk_refuses_triggers_and_recovers_by_itself(opened, make_intake):
    big = Push(payload=b'"' + b"x" * 400_000 + b'"')
    async with opened() as store:
        await store.accept(make_intake())
        await store._writer._database.execute("PRAGMA max_page_count = 60")
        with pytest.raises(StoreUnavailable, match="free space on its disk"):
            await store.accept(make_intake("card", "id", push=big))
        assert await store.document("card") is None
        await store._writer._database.execute("PRAGMA max_page_count = 1000000")
        again = await store.accept(make_intake("card", "id", push=big))
        assert (again.received, again.duplicate) == (2, False)


async def test_a_caller_beyond_the_bound_is_refused_at_once(opened, make_intake, monkeypatch):
    monkeypatch.setattr("repaintd.store.writer.MOST_WAITING", 10)
    async with opened() as store:
        results = await asyncio.gather(
            *(store.accept(make_intake()) for _ in range(25)), return_exceptions=True
        )
        refused = [each for each in results if isinstance(each, StoreUnavailable)]
        assert len(refused) == 15
        assert "try again in a moment" in str(refused[0])
        assert store.received() == {"card": 10}
        await store.accept(make_intake())


async def test_no_more_pushed_data_waits_than_fits(opened, make_intake, monkeypatch):
    monkeypatch.setattr("repaintd.store.writer.MOST_PUSHED", 1000)
    payload = b'"' + b"x" * 298 + b'"'
    async with opened() as store:
        for _ in range(2):
            results = await asyncio.gather(
                *(store.accept(make_intake(push=payload)) for _ in range(5)),
                return_exceptions=True,
            )
            kinds = [type(each) for each in results]
            assert kinds == [Accepted] * 3 + [StoreUnavailable] * 2


async def test_a_cancelled_caller_leaves_nothing_half_done(opened, make_intake):
    """What was handed over is written whole, with nobody waiting; its sender may come again."""
    async with opened() as store:
        task = asyncio.create_task(store.accept(make_intake("card", "id", push=b"1")))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        again = await store.accept(make_intake("card", "id", push=b"2"))
        assert (again.received, again.duplicate) == (1, True)
        assert await store.document("card") == b"1"


async def test_a_forgotten_binding_loses_document_count_and_ids(either, make_intake):
    await either.accept(make_intake("card", "id", push=b"1"))
    await either.accept(make_intake("other", "id", push=b"2"))
    await either.forget("card")
    assert either.received() == {"other": 1}
    assert await either.document("card") is None
    assert (await either.accept(make_intake("other", "id"))).duplicate
    afresh = await either.accept(make_intake("card", "id"))
    assert (afresh.received, afresh.duplicate) == (1, False)


async def test_a_binding_that_comes_back_at_once_starts_afresh(opened, make_intake):
    async with opened() as store:
        await store.accept(make_intake(push=deep(old=1)))
        results = await asyncio.gather(
            store.accept(make_intake("card", "id", push=deep(older=1))),
            store.forget("card"),
            store.accept(make_intake("card", "id", push=deep(new=1))),
        )
        assert (results[0].received, results[2].received) == (2, 1)
        assert not results[2].duplicate
    async with opened() as store:
        assert store.received() == {"card": 1}
        assert orjson.loads(await store.document("card")) == {"new": 1}


async def test_an_id_is_new_again_after_a_day(opened, make_intake, clock):
    async with opened() as store:
        await store.accept(make_intake("card", "id"))
        clock.at += 24 * HOUR - 1
        assert (await store.accept(make_intake("card", "id"))).duplicate
        clock.at += 2
        assert not (await store.accept(make_intake("card", "id"))).duplicate
        assert (await store.accept(make_intake("card", "id"))).duplicate


async def _seen(store) -> int:
    ((count,),) = await store._reader._database.execute_fetchall("SELECT count(*) FROM seen")
    return count


async def test_young_ids_are_kept_beyond_the_bound_and_old_ones_are_not(
    opened, make_intake, clock, monkeypatch
):
    monkeypatch.setattr("repaintd.store.inbox.MOST_SEEN", 10)
    async with opened() as store:
        for number in range(30):
            await store.accept(make_intake("card", f"a{number}"))
        assert await _seen(store) == 30
        clock.at += 601
        for number in range(30):
            await store.accept(make_intake("card", f"b{number}"))
        assert await _seen(store) == 30
        assert not (await store.accept(make_intake("card", "a29"))).duplicate
        assert (await store.accept(make_intake("card", "b0"))).duplicate
        clock.at += 25 * HOUR
        await store.accept(make_intake("card", "c"))
        assert await _seen(store) == 1


async def test_there_is_a_bound_for_young_ids_too(opened, make_intake, monkeypatch):
    monkeypatch.setattr("repaintd.store.inbox.MOST_YOUNG", 20)
    async with opened() as store:
        for number in range(50):
            await store.accept(make_intake("card", f"{number}"))
        assert await _seen(store) == 20


async def test_a_clock_that_was_wrong_keeps_no_id_for_ever(opened, make_intake, clock, monkeypatch):
    monkeypatch.setattr("repaintd.store.inbox.MOST_YOUNG", 20)
    clock.at += 10 * 365 * 24 * HOUR
    async with opened() as store:
        for number in range(15):
            await store.accept(make_intake("card", f"future{number}"))
        clock.at -= 10 * 365 * 24 * HOUR
        for number in range(30):
            await store.accept(make_intake("card", f"{number}"))
        assert await _seen(store) == 20


async def test_a_document_cannot_be_read_from_a_closed_store(opened, make_intake):
    async with opened() as store:
        pass
    with pytest.raises(StoreUnavailable):
        await store.document("card")
    with pytest.raises(StoreUnavailable, match="stopping"):
        await store.accept(make_intake())


async def test_the_count_that_is_handed_over_is_the_callers(either, make_intake):
    await either.accept(make_intake())
    either.received().clear()
    assert either.received() == {"card": 1}


async def test_state_and_triggers_of_one_transaction_are_both_there(
    opened, make_intake, make_state
):
    state = make_state(error_count=3)
    async with opened() as store:
        await asyncio.gather(
            store.commit(state),
            store.accept(make_intake()),
            store.commit(replace(state, error_count=4)),
        )
    async with opened() as store:
        assert (store.states()["card"].error_count, store.received()) == (4, {"card": 1})
