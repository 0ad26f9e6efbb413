"""The timetable: which binding is due when. Pure: the clock is an argument."""

from __future__ import annotations

import heapq


class Timetable:
    """A heap of due times with replaceable entries.

    A replaced or removed entry stays in the heap until it surfaces; the heap is rebuilt when such
    leftovers outnumber the living, so that its size stays within twice the number of bindings.
    """

    def __init__(self) -> None:
        self._due: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []

    def __len__(self) -> int:
        return len(self._due)

    def set(self, uid: str, at: float) -> None:
        """Make *uid* due at *at*, whatever it was before."""
        self._due[uid] = at
        heapq.heappush(self._heap, (at, uid))
        if len(self._heap) > 2 * len(self._due) + 64:
            self._rebuild()

    def remove(self, uid: str) -> None:
        """Make *uid* due never."""
        self._due.pop(uid, None)

    def at(self, uid: str) -> float | None:
        """When *uid* is due."""
        return self._due.get(uid)

    def next_at(self) -> float | None:
        """When the next one is due; None when none is."""
        self._drop_leftovers()
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: float) -> tuple[str, float] | None:
        """Take the most overdue entry off the timetable, if one is due."""
        self._drop_leftovers()
        if not self._heap or self._heap[0][0] > now:
            return None
        at, uid = heapq.heappop(self._heap)
        del self._due[uid]
        return uid, at

    def _drop_leftovers(self) -> None:
        heap = self._heap
        while heap and self._due.get(heap[0][1]) != heap[0][0]:
            heapq.heappop(heap)

    def _rebuild(self) -> None:
        self._heap = [(at, uid) for uid, at in self._due.items()]
        heapq.heapify(self._heap)
