"""From a template and its variables to finished markup: engine, filters, checks, fonts."""

from __future__ import annotations
