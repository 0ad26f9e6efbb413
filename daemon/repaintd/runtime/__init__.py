"""What happens at run time: the catalogue, the scheduler, the refreshes, starting and stopping."""

from __future__ import annotations
