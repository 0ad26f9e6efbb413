from __future__ import annotations

import random
from collections import defaultdict

from repaintd.core.event import StoredEvent
from repaintd.runtime.lanes import Lanes, Parked


def event(position, uid="a"):
    return StoredEvent(
        position=position, id=str(position), name="n", uid=uid, sequence=1, at=0.0, body=b""
    )


def made(reached=100_000):
    lanes = Lanes()
    lanes.reached(reached)
    return lanes


def deliver(lanes, now=0.0):
    """Take the next lane, and what is its head away; returns the position."""
    lane = lanes.take(now)
    if lane is None:
        return None
    position = lane.head.position
    lanes.done(lane, lane.head)
    lanes.give_back(lane)
    return position


def test_lanes_take_turns():
    lanes = made()
    for position, uid in enumerate("aaab", start=1):
        lanes.add(event(position, uid))
    assert [deliver(lanes) for _ in range(5)] == [1, 4, 2, 3, None]


def test_a_busy_lane_is_not_taken_twice():
    lanes = made()
    lanes.add(event(1))
    lanes.add(event(2))
    lane = lanes.take(0)
    assert lanes.take(0) is None
    lanes.give_back(lane)
    assert lanes.take(0) is lane


def test_a_parked_head_is_taken_when_it_is_due():
    lanes = made()
    lanes.park("a", [Parked(1, 1, due=60.0), Parked(2)])
    assert lanes.next_at() == 60
    assert lanes.take(59.9) is None
    assert [deliver(lanes, 60), deliver(lanes, 60)] == [1, 2]
    assert lanes.next_at() is None
    assert lanes.parked == 0


def test_a_failed_head_takes_those_behind_it_out_of_memory():
    lanes = made()
    for position in (1, 2, 3):
        lanes.add(event(position))
    lane = lanes.take(0)
    lanes.put_off(lane, Parked(1, 1, due=60.0))
    lanes.park("a", [Parked(2), Parked(3)])
    lanes.give_back(lane)
    assert (lanes.fresh, lanes.parked, lanes.first_fresh) == (0, 3, None)
    assert lanes.blocked("a")
    assert not lanes.blocked("b")
    assert lanes.take(1) is None


def test_putting_off_again_replaces_the_entry():
    lanes = made()
    lanes.park("a", [Parked(1, 1)])
    lane = lanes.take(0)
    lanes.put_off(lane, Parked(1, 2, due=9.0))
    lanes.give_back(lane)
    assert lanes.parked == 1
    assert lanes.next_at() == 9
    assert lanes.take(9).head == Parked(1, 2, due=9.0)


def test_what_is_replayed_comes_before_what_is_newer():
    lanes = made()
    lanes.add(event(7))
    lanes.park("a", [Parked(3)])
    lanes.add(event(8))
    lanes.park("a", [Parked(9)])
    assert [deliver(lanes) for _ in range(4)] == [3, 7, 8, 9]


def test_a_replay_before_a_waiting_head_is_taken_at_once_and_the_head_when_it_is_due():
    lanes = made()
    lanes.park("a", [Parked(5, 1, due=60.0)])
    lanes.park("a", [Parked(2)])
    assert deliver(lanes) == 2
    assert deliver(lanes) is None
    assert deliver(lanes, 60) == 5


def test_haste():
    lanes = made()
    lanes.park("a", [Parked(1, 1, due=60.0), Parked(2)])
    lanes.park("b", [Parked(3, 1, due=60.0)])
    lanes.park("c", [Parked(4, 1, due=60.0)])
    lanes.hasten("b", 3)
    assert deliver(lanes) == 3
    assert deliver(lanes) is None
    lanes.hasten_all()
    assert sorted([deliver(lanes), deliver(lanes), deliver(lanes)]) == [1, 2, 4]


def test_parking_twice_counts_once():
    lanes = made()
    lanes.park("a", [Parked(1), Parked(1)])
    lanes.park("a", [Parked(1)])
    assert lanes.parked == 1
    assert lanes.is_parked(1)
    assert lanes.parked_between(0, 2) == 1
    assert lanes.parked_between(1, 2) == 0


def test_what_was_parked_further_on_waits_until_all_before_it_is_read():
    lanes = made(reached=5)
    lanes.park("a", [Parked(9, 1, due=1.0), Parked(10)])
    lanes.park("b", [Parked(5)])
    assert [deliver(lanes, 2), deliver(lanes, 2)] == [5, None]
    lanes.park("a", [Parked(7)])
    lanes.reached(8)
    assert [deliver(lanes, 2), deliver(lanes, 2)] == [7, None]
    lanes.reached(10)
    assert [deliver(lanes, 2), deliver(lanes, 2), deliver(lanes, 2)] == [9, 10, None]


def test_an_expected_event_holds_the_cursor():
    lanes = made()
    lanes.expect(4)
    lanes.add(event(5, "b"))
    assert lanes.first_fresh == 4
    lanes.park("a", [Parked(4)])
    assert lanes.first_fresh == 5
    assert lanes.is_fresh(5)
    assert not lanes.is_fresh(4)


def test_nothing_is_left_of_empty_lanes():
    lanes = made()
    for position in range(1, 1_001):
        lanes.add(event(position, f"b{position}"))
        if position % 2:
            lanes.park(f"c{position}", [Parked(10_000 + position, 1, due=5.0)])
    while deliver(lanes, 10) is not None:
        pass
    assert not lanes._lanes
    assert (lanes.fresh, lanes.parked) == (0, 0)


def test_whatever_happens_each_lane_stays_in_order_and_loses_nothing():
    for seed in range(200):
        dice = random.Random(seed)
        lanes, position, now, taken = made(), 0, 0.0, []
        arrived, added = defaultdict(list), defaultdict(list)
        while position < 60 or lanes.fresh or lanes.parked or taken:
            choice = dice.random()
            if choice < 0.4 and position < 60:
                position += 1
                uid = dice.choice("abc")
                added[uid].append(position)
                if lanes.blocked(uid):
                    lanes.expect(position)
                    lanes.park(uid, [Parked(position)])
                else:
                    lanes.add(event(position, uid))
            elif choice < 0.7 and (lane := lanes.take(now)) is not None:
                assert lane not in taken
                taken.append(lane)
            elif taken:
                lane = taken.pop(dice.randrange(len(taken)))
                if dice.random() < 0.4:
                    behind = [each.position for each in lane.fresh][1:]
                    attempts = dice.randrange(5)
                    lanes.put_off(lane, Parked(lane.head.position, attempts, due=now + 5))
                    lanes.park(lane.uid, [Parked(each) for each in behind])
                else:
                    arrived[lane.uid].append(lane.head.position)
                    lanes.done(lane, lane.head)
                lanes.give_back(lane)
            now += dice.random()
        assert arrived == added, seed
