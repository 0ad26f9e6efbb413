"""The `http` source: JSON documents asked for over HTTP (contract B.2, B.3)."""

from __future__ import annotations

from repaintd_http.http import Http

__all__ = ["Http"]
