"""Has templates read by minijinja in a child process: some crash whoever reads them."""

from __future__ import annotations

import io
import signal
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import orjson

from repaintd.errors import StartupFailed
from repaintd.render import frames
from repaintd.render.failure import cause_of_end
from repaintd.render.launch import worker_command, worker_environment
from repaintd.render.lexer import pieces_of, used_filters, used_tests

if TYPE_CHECKING:
    from collections.abc import Sequence

    from repaintd.render.limits import Limits
    from repaintd.render.prepared import Prepared

_BATCH: Final = 100
_START: Final = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What minijinja says of a template.

    Attributes:
        error: `{detail, file, line, range}` when it cannot be compiled.
        undeclared: per file, names that the file uses and does not give itself.
        filters: filters that do not exist; tests likewise.
    """

    error: dict[str, Any] | None = None
    undeclared: dict[str, list[str]] = field(default_factory=dict)
    filters: frozenset[str] = frozenset()
    tests: frozenset[str] = frozenset()


def survey(templates: Sequence[Prepared], limits: Limits) -> list[Survey]:
    """Read all templates, in as few processes as they leave alive. Blocks.

    Raises:
        StartupFailed: no process can be started.
    """
    found: list[Survey] = []
    while len(found) < len(templates):
        batch = templates[len(found) : len(found) + _BATCH]
        replies, code = _converse([_request(template) for template in batch], limits)
        found += [_survey(reply) for reply in replies]
        if len(replies) < len(batch):
            found.append(Survey(error={"detail": cause_of_end(code, limits)[1]}))
    return found


def _request(template: Prepared) -> bytes:
    pieces = [piece for source in template.files.values() for piece in pieces_of(source)]
    return orjson.dumps(
        {
            "key": template.key,
            "strict": template.strict,
            "sources": template.files,
            "filters": sorted({token.text for piece in pieces for token in used_filters(piece)}),
            "tests": sorted({token.text for piece in pieces for token in used_tests(piece)}),
        }
    )


def _survey(reply: bytes) -> Survey:
    body = orjson.loads(reply[1:])
    if reply[:1] == frames.ERROR:
        return Survey(error=body)
    return Survey(
        undeclared=body["undeclared"],
        filters=frozenset(body["filters"]),
        tests=frozenset(body["tests"]),
    )


def _converse(requests: Sequence[bytes], limits: Limits) -> tuple[list[bytes], int]:
    """Replies up to the end of the process, and its exit code."""
    try:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            worker_command(limits),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=worker_environment(),
            cwd="/",
        )
    except OSError as error:
        raise StartupFailed(f"the template worker cannot be started: {error}") from error
    with process:
        output, in_time = _talk(process, b"".join(map(frames.framed, requests)), limits)
    stream = io.BytesIO(output)
    if frames.read_frame(stream) != frames.READY:
        raise StartupFailed(
            f"the template worker ends with exit code {process.returncode} while starting: "
            "is this installation complete?"
        )
    replies = list(iter(lambda: frames.read_frame(stream), None))
    return replies, process.returncode if in_time else -signal.SIGALRM


def _talk(process: subprocess.Popen[bytes], text: bytes, limits: Limits) -> tuple[bytes, bool]:
    """All that it says, and whether it ended by itself; its own alarm should see to that."""
    try:
        return process.communicate(text, timeout=_START + _BATCH * limits.deadline)[0], True
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[0], False
