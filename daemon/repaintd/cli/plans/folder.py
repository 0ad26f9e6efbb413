"""The folder that `repaintd plan --render` writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from repaintd.cli.plans.document import as_json
from repaintd.cli.plans.markdown import markdown
from repaintd.errors import RepaintdError

if TYPE_CHECKING:
    from pathlib import Path

    from repaintd.cli.plans.report import PlanReport

PAGE: Final = "summary.md"
DOCUMENT: Final = "summary.json"
_PICTURES: Final = ("*.before.png", "*.after.png", "*.difference.png")


def open_folder(folder: Path) -> Path:
    """The folder, made where there is none; pictures of an earlier plan in it are removed.

    Raises:
        RepaintdError: it cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / DOCUMENT).exists():  # what else has such names is not ours
            for pattern in _PICTURES:
                for picture in folder.glob(pattern):
                    picture.unlink()
    except OSError as error:
        raise _refused(folder, error) from error
    return folder


def write_summaries(folder: Path, report: PlanReport) -> None:
    """Write `summary.md` and `summary.json`.

    Raises:
        RepaintdError: they cannot be written.
    """
    try:
        (folder / PAGE).write_text(markdown(report), encoding="utf-8")
        (folder / DOCUMENT).write_text(f"{as_json(report)}\n", encoding="utf-8")
    except OSError as error:
        raise _refused(folder, error) from error


def _refused(folder: Path, error: OSError) -> RepaintdError:
    return RepaintdError(f"{error.filename or folder}: {error.strerror}; name another folder")
