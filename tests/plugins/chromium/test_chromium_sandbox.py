"""Promise S5: the verdict on a browser's sandbox, on process tables as kernels show them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING

import pytest

from repaintd_chromium.processes import Process, read_process
from repaintd_chromium.sandbox import NO_FILTER, NOT_SEEN, why_not_sandboxed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SWITCHES = "--remote-debugging-pipe --no-startup-window"
KINDS = ("user", "pid", "net")
HOST = ("user-0", "pid-0", "net-0")
OUTER = ("user-1", "pid-0", "net-1")  # what unshare makes: the browser's
ZYGOTE = ("user-2", "pid-2", "net-2")
INNER = ("user-2", "pid-3", "net-2")

DRIVER, SHELL, BROWSER, INIT, FORKER, RENDERER = 100, 110, 111, 120, 121, 140


@dataclass(kw_only=True)
class Proc:
    """A /proc of our own."""

    root: Path

    def add(
        self,
        pid: int,
        parent: int,
        command: str,
        spaces: tuple[str, str, str],
        *,
        filters: int = 0,
        state: str = "S",
    ) -> None:
        directory = self.root / str(pid)
        (directory / "ns").mkdir(parents=True, exist_ok=True)
        stat = f"{pid} (chromium) {state} {parent} {SHELL} {'0 ' * 16}{pid + 5000} 0"
        (directory / "stat").write_text(stat)
        (directory / "cmdline").write_bytes(command.replace(" ", "\0").encode())
        (directory / "status").write_text(f"Seccomp_filters:\t{filters}\n")
        for kind, space in zip(KINDS, spaces, strict=True):
            link = directory / "ns" / kind
            link.unlink(missing_ok=True)
            link.symlink_to(space)

    def renderer(self, pid: int, *, parent: int = FORKER, filters: int = 1) -> None:
        self.add(pid, parent, f"chrome --type=renderer {SWITCHES}", INNER, filters=filters)

    def end(self, pid: int) -> None:
        for path in sorted((self.root / str(pid)).rglob("*"), reverse=True):
            if path.is_dir():
                path.rmdir()
            else:
                path.unlink()

    def listed(self) -> list[Process]:
        found = (read_process(int(path.name)) for path in self.root.iterdir() if path.name != "me")
        return sorted((each for each in found if each is not None), key=lambda each: each.pid)

    def verdict(self) -> str:
        return why_not_sandboxed(self.listed(), "me")


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Proc:
    """A browser that is locked in, but for its renderers."""
    monkeypatch.setattr("repaintd_chromium.processes.PROC", tmp_path)
    table = Proc(root=tmp_path)
    table.add(DRIVER, 1, "node cli.js", HOST)
    table.add(SHELL, DRIVER, f"/bin/sh -e /usr/bin/chrome {SWITCHES}", OUTER)
    table.add(BROWSER, SHELL, f"chrome {SWITCHES}", OUTER)
    table.add(INIT, BROWSER, "chrome --type=zygote", ZYGOTE)
    table.add(FORKER, INIT, "chrome --type=zygote", ZYGOTE)
    (tmp_path / "me" / "ns").mkdir(parents=True)
    for kind, space in zip(KINDS, HOST, strict=True):
        (tmp_path / "me" / "ns" / kind).symlink_to(space)
    return table


def test_a_renderer_whose_pid_is_lower_than_the_browsers_is_not_taken_for_the_browser(
    proc: Proc,
) -> None:
    proc.renderer(42)  # pids have started again from the lowest meanwhile
    assert proc.verdict() == ""


def test_no_order_of_the_processes_changes_the_verdict(proc: Proc) -> None:
    proc.renderer(RENDERER)
    listed = [each for each in proc.listed() if each.pid != DRIVER]
    assert {why_not_sandboxed(order, "me") for order in permutations(listed)} == {""}
    proc.add(BROWSER, SHELL, f"chrome {SWITCHES}", ZYGOTE)
    verdicts = {why_not_sandboxed(order, "me") for order in permutations(listed)}
    assert verdicts == {"a renderer shares the browser's user namespace"}


def test_what_the_browser_has_just_forked_is_not_taken_for_it(proc: Proc) -> None:
    proc.add(30, BROWSER, f"chrome {SWITCHES}", INNER)  # in other namespaces, before its exec
    proc.renderer(RENDERER)
    assert proc.verdict() == ""


def test_a_locked_in_wrapper_is_no_proof_for_the_browser_in_it(proc: Proc) -> None:
    proc.add(SHELL, DRIVER, f"wrapper chrome {SWITCHES}", ("user-8", "pid-8", "net-8"))
    proc.add(BROWSER, SHELL, f"chrome {SWITCHES}", INNER)
    proc.renderer(RENDERER)
    assert proc.verdict() == "a renderer shares the browser's user namespace"


@pytest.mark.parametrize(
    ("spaces", "why"),
    [
        (("user-0", "pid-3", "net-2"), "a renderer shares the daemon's user namespace"),
        (("user-2", "pid-0", "net-2"), "a renderer shares the daemon's pid namespace"),
        (("user-2", "pid-3", "net-0"), "a renderer shares the daemon's net namespace"),
        (("user-1", "pid-3", "net-2"), "a renderer shares the browser's user namespace"),
    ],
)
def test_one_open_renderer_among_others_is_told(
    proc: Proc, spaces: tuple[str, str, str], why: str
) -> None:
    proc.renderer(RENDERER)
    proc.add(RENDERER + 1, FORKER, f"chrome --type=renderer {SWITCHES}", spaces, filters=1)
    assert proc.verdict() == why


def test_a_renderer_needs_a_filter_that_the_browser_does_not_have(proc: Proc) -> None:
    proc.add(BROWSER, SHELL, f"chrome {SWITCHES}", OUTER, filters=1)  # as in a container
    proc.renderer(RENDERER)
    assert proc.verdict() == NO_FILTER
    proc.renderer(RENDERER, filters=2)
    assert proc.verdict() == ""


def test_a_renderer_that_ends_while_it_is_looked_at_counts_for_nothing(
    proc: Proc, monkeypatch: pytest.MonkeyPatch
) -> None:
    proc.renderer(RENDERER)
    proc.renderer(RENDERER + 1, filters=0)
    listed = proc.listed()
    proc.end(RENDERER + 1)
    monkeypatch.setattr("repaintd_chromium.sandbox.is_renderer", lambda each: each.pid >= RENDERER)
    assert why_not_sandboxed(listed, "me") == ""
    proc.end(RENDERER)
    assert why_not_sandboxed(listed, "me") == NOT_SEEN


def drop_the_zygote(proc: Proc) -> None:
    proc.add(INIT, BROWSER, "", ZYGOTE, state="Z")


def hide_the_switches(proc: Proc) -> None:
    proc.add(BROWSER, SHELL, "", OUTER)


@pytest.mark.parametrize("spoil", [drop_the_zygote, hide_the_switches])
def test_a_renderer_without_its_browser_proves_nothing(
    proc: Proc, spoil: Callable[[Proc], None]
) -> None:
    proc.renderer(RENDERER)
    spoil(proc)
    assert proc.verdict() == NOT_SEEN


def test_namespaces_that_cannot_be_read_prove_nothing(proc: Proc) -> None:
    proc.renderer(RENDERER)
    (proc.root / str(RENDERER) / "ns" / "user").unlink()
    assert "cannot be read" in proc.verdict()


def test_a_browser_without_a_sandbox_is_told(proc: Proc) -> None:
    proc.add(BROWSER, SHELL, f"chrome --no-sandbox {SWITCHES}", OUTER)
    proc.renderer(RENDERER)
    assert proc.verdict() == "a process of the browser runs with --no-sandbox"


def test_a_browser_on_the_daemons_network_is_told(proc: Proc) -> None:
    proc.add(BROWSER, SHELL, f"chrome {SWITCHES}", ("user-1", "pid-0", "net-0"))
    proc.renderer(RENDERER)
    assert proc.verdict() == "the browser shares the daemon's network"
