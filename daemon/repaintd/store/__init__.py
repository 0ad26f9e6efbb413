"""Keeps states and events through crashes and power loss (DESIGN 7).

One SQLite database in one directory, one daemon, one task that writes. Commits that wait together
go into one transaction; what need not be durable at once is written with the next one.
"""

from __future__ import annotations

from repaintd.store.event import StoredEvent
from repaintd.store.opening import open_store
from repaintd.store.reading import read_document, read_runs, read_states
from repaintd.store.store import Store

__all__ = ["Store", "StoredEvent", "open_store", "read_document", "read_runs", "read_states"]
