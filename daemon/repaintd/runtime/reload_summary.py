"""What receivers of events and callers of the API are told of a reload; bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from repaintd.config import Problem
    from repaintd.core.difference import Difference

MOST: Final = 100
"""Names of each kind, and problems; the counts say how many there are in all."""
_FIELDS: Final = 40
_TEXT: Final = 1_000


def difference_document(
    difference: Difference, restart_needed: Sequence[str], bindings: int
) -> dict[str, Any]:
    """`data` of `config.applied`; *bindings* is how many there are now."""
    changed = difference.changed
    return {
        "added": list(difference.added[:MOST]),
        "removed": list(difference.removed[:MOST]),
        "changed": [
            {"uid": each.uid, "fields": list(each.fields[:_FIELDS])} for each in changed[:MOST]
        ],
        "templates": list(difference.templates[:MOST]),
        "settings": list(difference.settings[:MOST]),
        "restartNeeded": list(restart_needed[:MOST]),
        "counts": {
            "bindings": bindings,
            "added": len(difference.added),
            "removed": len(difference.removed),
            "changed": len(changed),
            "redrawn": sum(each.redrawn for each in changed),
            "refetched": sum(each.refetched for each in changed),
            "templates": len(difference.templates),
            "settings": len(difference.settings),
            "restartNeeded": len(restart_needed),
        },
    }


def problems_document(problems: Iterable[Problem]) -> dict[str, Any]:
    """`data` of `config.rejected`: the errors, doubts left out."""
    errors = [problem for problem in problems if problem.severity == "error"]
    return {
        "problems": [
            {
                "file": problem.file,
                "line": problem.line,
                "column": problem.column,
                "path": problem.path,
                "message": problem.message[:_TEXT],
            }
            for problem in errors[:MOST]
        ],
        "count": len(errors),
    }
