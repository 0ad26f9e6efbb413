from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from repaintd.core.timetable import Timetable


def test_entries_come_in_order_of_their_time_once_each():
    table = Timetable()
    table.set("b", 2.0)
    table.set("a", 1.0)
    assert table.next_at() == 1.0
    assert table.pop_due(0.5) is None
    assert table.pop_due(5.0) == ("a", 1.0)
    assert table.pop_due(5.0) == ("b", 2.0)
    assert table.pop_due(5.0) is None
    assert table.next_at() is None


def test_a_replaced_time_counts_and_the_old_one_does_not():
    table = Timetable()
    table.set("a", 1.0)
    table.set("a", 3.0)
    assert table.at("a") == 3.0
    assert table.pop_due(2.0) is None
    assert table.pop_due(3.0) == ("a", 3.0)


def test_a_removed_entry_is_due_never():
    table = Timetable()
    table.set("a", 1.0)
    table.remove("a")
    table.remove("unknown")
    assert len(table) == 0
    assert table.pop_due(9.0) is None


def test_rescheduling_for_ever_does_not_grow_the_heap():
    table = Timetable()
    for n in range(10_000):
        table.set("a", float(n))
    assert len(table._heap) <= 2 * len(table) + 65


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 50)), max_size=60))
def test_it_behaves_like_a_dictionary_that_is_sorted_by_time(steps):
    table, model = Timetable(), {}
    for uid, at in steps:
        table.set(uid, float(at))
        model[uid] = float(at)
    popped = []
    while (due := table.pop_due(100.0)) is not None:
        popped.append(due)
    assert sorted(popped) == sorted(model.items())
    assert [at for _, at in popped] == sorted(model.values())
