"""What a database holds when the daemon starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from repaintd.store.delivery import SINK_COLUMNS, sink_record
from repaintd.store.live import Live
from repaintd.store.reading import all_states

if TYPE_CHECKING:
    import sqlite3

    from repaintd.core.state import BindingState


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """All states, and what the store goes on to know by heart."""

    states: dict[str, BindingState]
    live: Live


def read_contents(connection: sqlite3.Connection) -> Contents:
    """Read it from a database of the present schema."""
    name, announced = connection.execute("SELECT name, announced FROM instance").fetchone()
    sinks = map(sink_record, connection.execute(f"SELECT {SINK_COLUMNS} FROM sinks"))  # noqa: S608 — our own words
    live = Live(
        instance=name,
        latest=connection.execute("SELECT coalesce(max(position), 0) FROM events").fetchone()[0],
        announced=announced,
        received=dict(connection.execute("SELECT uid, received FROM inbox").fetchall()),
        sinks={sink.name: sink for sink in sinks},
    )
    return Contents(states=all_states(connection), live=live)
