"""What one expansion of a template may cost."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one expansion; whatever fuel lets slip, memory and the deadline catch.

    Attributes:
        deadline: seconds of wall time until the worker is killed.
        fuel: instructions of the template engine.
        memory: bytes of address space of a worker.
        output: most bytes of finished markup.
        markup: most bytes of a template and the files it includes.
        variables: most bytes of the variables as JSON.
    """

    deadline: float = 2.0
    fuel: int = 10_000_000
    memory: int = 512 * 1024 * 1024
    output: int = 8 * 1024 * 1024
    markup: int = 1024 * 1024
    variables: int = 2 * 1024 * 1024


DEFAULT_LIMITS = Limits()
