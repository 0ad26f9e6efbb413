"""What the store knows by heart, as it is in the database."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from repaintd.core.delivery import SinkRecord
    from repaintd.core.event import Event
    from repaintd.core.intake import Accepted
    from repaintd.errors import DocumentRefused
    from repaintd.store.write import Write


@dataclass(slots=True, kw_only=True)
class Written:
    """What one transaction did, to be made known once it is durable.

    Attributes:
        answers: what callers get, where it is not None.
        forgotten: bindings whose triggers were forgotten, before those of `received` came.
        received: triggers so far, by uid.
        sinks: as they are now; None for those that are gone.
        latest: position of the latest event, None where none was written.
        announced: sequence of the daemon's own latest event.
    """

    answers: dict[Write, Accepted | Event | DocumentRefused] = field(default_factory=dict)
    forgotten: set[str] = field(default_factory=set)
    received: dict[str, int] = field(default_factory=dict)
    sinks: dict[str, SinkRecord | None] = field(default_factory=dict)
    latest: int | None = None
    announced: int | None = None


@dataclass(slots=True, kw_only=True)
class Live:
    """Read at the start, then kept in step; only the event loop's thread changes it.

    Attributes:
        instance: name of the database, given to it when it was made.
        latest: position of the latest event, 0 before the first.
        announced: sequence of the daemon's own latest event, 0 before the first.
        received: triggers accepted so far, by uid.
        sinks: by name.
    """

    instance: str = ""
    latest: int = 0
    announced: int = 0
    received: dict[str, int] = field(default_factory=dict)
    sinks: dict[str, SinkRecord] = field(default_factory=dict)

    def apply(self, written: Written, cursors: Mapping[str, int]) -> bool:
        """Take over what is durable now; whether there are new events.

        *cursors* were noted later than what was written.
        """
        for uid in written.forgotten:
            self.received.pop(uid, None)
        self.received.update(written.received)
        for name, record in written.sinks.items():
            self._keep_sink(name, record, cursors.get(name, 0))
        if written.announced is not None:
            self.announced = written.announced
        before, self.latest = self.latest, max(self.latest, written.latest or 0)
        return self.latest > before

    def _keep_sink(self, name: str, record: SinkRecord | None, noted: int) -> None:
        if record is None:
            self.sinks.pop(name, None)
        else:
            self.sinks[name] = record
            self.move(name, noted)

    def move(self, sink: str, cursor: int) -> None:
        """Move the cursor of *sink* on, never back."""
        record = self.sinks.get(sink)
        if record is not None and record.cursor < cursor:
            self.sinks[sink] = replace(record, cursor=cursor)
