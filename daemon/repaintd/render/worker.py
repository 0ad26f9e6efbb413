"""A small process that expands templates, so that no template can harm the daemon.

It imports little, has no secrets in its environment, and dies of: the end of its input (the daemon
is gone: nothing else is needed to leave no orphan), its own alarm, more memory than it was given,
or the daemon's SIGKILL. SIGTERM and SIGINT it ignores: they are meant for the daemon, which drains.

    request  {key, strict, variables, now, sources?, forget?}   or   {key, sources, filters, tests}
    error    {reason, detail, line, range, file, filter, lost}
"""

from __future__ import annotations

import re
import resource
import signal
import sys
from typing import Any, Final

import minijinja
import orjson

from repaintd.render import frames
from repaintd.render.environment import SEPARATOR, build_environment
from repaintd.render.filters import FilterFailed

_CAUSE: Final = re.compile(r"^caused by: (.*) \(in (.*):(\d+)\)$", re.MULTILINE)
_PLACE: Final = re.compile(r" \(in [^()]*:\d+\)$")
_MAX_DETAIL: Final = 500


class Worker:
    """Answers requests, one after the other."""

    def __init__(self, *, fuel: int, output: int) -> None:
        self._output = output
        self._now = 0.0
        self._environments = {
            strict: build_environment(lambda: self._now, strict=strict, fuel=fuel)
            for strict in (False, True)
        }
        self._files: dict[str, list[str]] = {}

    def answer(self, request: dict[str, Any]) -> bytes:
        """The reply to one request; never raises."""
        try:
            return self._answer(request)
        except minijinja.TemplateError as error:
            return self._failed(request, _about(error))
        except FilterFailed as error:
            return self._failed(request, {"detail": str(error), "filter": error.filter})
        except MemoryError:
            return self._failed(request, {"reason": "template_memory"})
        except BaseException as error:  # noqa: BLE001 - a panic of the engine is a BaseException
            return self._failed(request, {"detail": f"{type(error).__name__}: {error}"})

    def _answer(self, request: dict[str, Any]) -> bytes:
        key = request["key"]
        environment = self._environments[request.get("strict", False)]
        for old in request.get("forget", ()):
            self._forget(old)
        for file, source in request.get("sources", {}).items():
            name = f"{key}{SEPARATOR}{file}"
            self._files.setdefault(key, []).append(name)
            environment.add_template(name, source)
        if "filters" in request:
            self._forget(key)
            return frames.CHECKED + orjson.dumps(_survey(environment, request))
        self._now = request.get("now") or 0.0
        name = f"{key}{SEPARATOR}{frames.MAIN}"
        body = environment.render_template(name, **request["variables"]).encode()
        if len(body) > self._output:
            return self._failed(request, {"reason": "template_too_large", "size": len(body)})
        return frames.MARKUP + body

    def _failed(self, request: dict[str, Any], error: dict[str, Any]) -> bytes:
        if "sources" in request:  # perhaps half of them were added
            self._forget(request["key"])
            error["lost"] = True
        error["detail"] = error.get("detail", "").replace(f"{request['key']}{SEPARATOR}", "")
        error["detail"] = error["detail"][:_MAX_DETAIL]
        return frames.ERROR + orjson.dumps({"reason": "template", **error})

    def _forget(self, key: str) -> None:
        for name in self._files.pop(key, ()):
            for environment in self._environments.values():
                environment.remove_template(name)


def _about(error: minijinja.TemplateError) -> dict[str, Any]:
    whole = str(error)
    causes = _CAUSE.findall(whole)
    if causes:  # an include failed; the last cause is where
        detail, name, line = causes[-1]
        return {"detail": detail, "file": name.partition(SEPARATOR)[2], "line": int(line)}
    return {
        "reason": "template_timeout" if error.kind == "OutOfFuel" else "template",
        "detail": _PLACE.sub("", (whole.splitlines() or [error.kind])[0]),
        "file": (error.name or "").partition(SEPARATOR)[2] or frames.MAIN,
        "line": error.line,
        "range": error.range,
    }


def _survey(environment: minijinja.Environment, request: dict[str, Any]) -> dict[str, Any]:
    """Names that the files of a template use and nobody gives."""
    return {
        "undeclared": {
            file: sorted(environment.undeclared_variables_in_str(source))
            for file, source in request["sources"].items()
        },
        "filters": [n for n in request["filters"] if _is_unknown(environment, f"1|{n}")],
        "tests": [n for n in request["tests"] if _is_unknown(environment, f"1 is {n}")],
    }


def _is_unknown(environment: minijinja.Environment, expression: str) -> bool:
    try:
        environment.eval_expr(expression)
    except minijinja.TemplateError as error:
        return error.kind in {"UnknownFilter", "UnknownTest"}
    except FilterFailed:
        return False
    return False


def _confine(memory: int) -> None:
    """Bound the memory; 1 stands for no core dump, also where a program receives them."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (1, 1))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def main() -> None:
    """Serve standard input to standard output; the argument is the limits as JSON."""
    limits = orjson.loads(sys.argv[1])
    _confine(limits["memory"])
    worker = Worker(fuel=limits["fuel"], output=limits["output"])
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    reply = frames.READY
    while True:
        sink.write(frames.framed(reply))
        sink.flush()
        body = frames.read_frame(source)
        if body is None:
            return
        # The default action of SIGALRM ends a process whatever it is doing, even without a parent.
        signal.setitimer(signal.ITIMER_REAL, limits["alarm"])
        reply = worker.answer(orjson.loads(body))
        signal.setitimer(signal.ITIMER_REAL, 0)
