"""`python -m repaintd`."""

from __future__ import annotations

from repaintd.cli import main

main()
