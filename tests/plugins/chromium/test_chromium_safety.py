"""What a page can reach: nothing on the network, nothing on the disk; what runs it is locked in."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from repaintd.plugin import RenderFailed
from repaintd_chromium.processes import arguments, is_renderer, namespace, status_field
from repaintd_chromium.sandbox import why_not_sandboxed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from repaintd.plugin import Renderer, RenderJob
    from repaintd_chromium.processes import Process

pytestmark = [pytest.mark.chromium, pytest.mark.asyncio(loop_scope="session")]

HERE = Path(__file__).parent
NO_SCRIPTS = (HERE / "egress.html").read_text(encoding="utf-8")
SCRIPTS = NO_SCRIPTS.replace("<meta http-equiv=refresh", "<meta name=x").replace("<base", "<i") + (
    HERE / "egress-scripts.html"
).read_text(encoding="utf-8")
FILES = (HERE / "files.html").read_text(encoding="utf-8")


@asynccontextmanager
async def canary() -> AsyncIterator[tuple[str, list[str]]]:
    """A TCP and a UDP port on loopback, and who came."""
    hits: list[str] = []

    class Ear(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, address: Any) -> None:
            hits.append("udp")

    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hits.append("tcp")
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        Ear, local_addr=("127.0.0.1", port)
    )
    try:
        yield f"127.0.0.1:{port}", hits
    finally:
        transport.close()
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize("javascript", [False, True])
async def test_promise_s3_no_kind_of_request_leaves_the_browser(
    renderer: Renderer, make_job: Callable[..., RenderJob], javascript: bool
) -> None:
    async with canary() as (address, hits):
        socket.create_connection(address.split(":"), timeout=5).close()
        await asyncio.sleep(0.05)
        assert hits == ["tcp"]  # the canary sings
        markup = (SCRIPTS if javascript else NO_SCRIPTS).replace("ADDRESS", address)
        job = make_job(markup, javascript=javascript, id="egress", timeout=8)
        try:
            await renderer.render(job)
        except RenderFailed as failure:
            assert failure.reason == "navigation"  # noqa: PT017 - either answer will do
        await asyncio.sleep(1)
        assert hits == ["tcp"]


async def test_promise_s4_no_local_file_is_read(
    renderer: Renderer, make_job: Callable[..., RenderJob], tmp_path: Path, logged: list[Any]
) -> None:
    file = tmp_path / "secret.txt"
    file.write_text("CANARY-4711")
    markup = FILES.replace("FILE", str(file))
    image = await renderer.render(make_job(markup, javascript=True, id="files", width=600))
    same = FILES.replace("FILE", "/there/is/no/such/file")
    assert (await renderer.render(make_job(same, javascript=True, id="files", width=600))).body == (
        image.body
    )
    assert "CANARY" not in repr(logged)


def members(renderer: Any) -> list[Process]:
    return renderer._supervisor._current.leash.members()


async def test_promise_s5_the_browser_is_locked_in(
    renderer: Renderer, make_job: Callable[..., RenderJob]
) -> None:
    await renderer.render(make_job("<p>"))
    living = members(renderer)
    assert why_not_sandboxed(living) == ""
    browser = next(each for each in living if "--no-startup-window" in arguments(each))
    drawing = next(each for each in living if is_renderer(each))
    assert not any("--no-sandbox" in arguments(each) for each in living)
    for kind in ("user", "pid", "net"):
        assert namespace(drawing.pid, kind) != namespace("self", kind)
    assert status_field(drawing, "Seccomp_filters") > status_field(browser, "Seccomp_filters")


async def test_promise_s5_why_not_sandboxed_names_what_is_open(
    renderer: Renderer, make_job: Callable[..., RenderJob]
) -> None:
    await renderer.render(make_job("<p>"))
    living = members(renderer)
    browser = next(each for each in living if "--no-startup-window" in arguments(each))
    drawing = next(each for each in living if is_renderer(each))
    assert "network" in why_not_sandboxed(living, me=browser.pid)
    assert "renderer shares the daemon's user" in why_not_sandboxed(living, me=drawing.pid)
    assert "cannot be seen" in why_not_sandboxed([browser])


def environment_of(process: Process) -> bytes:
    try:
        return Path(f"/proc/{process.pid}/environ").read_bytes()
    except OSError:  # it has ended since
        return b""


async def test_neither_driver_nor_browser_inherits_the_daemons_environment(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NOTIFY_SOCKET", "CREDENTIALS_DIRECTORY", "GITHUB_TOKEN"):
        monkeypatch.setenv(name, "canary-4711")
    before = dict(os.environ)
    async with bench.open() as renderer:
        assert dict(os.environ) == before
        seen = 0
        for process in members(renderer):
            environment = environment_of(process)
            assert b"canary-4711" not in environment
            seen += b"TMPDIR=" in environment
        assert seen >= 2  # driver and browser


async def test_driver_and_browser_keep_their_files_in_the_plugins_directory(bench: Any) -> None:
    async with bench.open() as renderer:
        await renderer.probe()
        directory = bench.directory / "generation-1"
        assert directory.stat().st_mode & 0o077 == 0
        assert (directory / "browser").stat().st_mode & 0o777 == 0o700
        assert list(directory.glob("playwright_chromiumdev_profile-*"))
    assert not directory.exists()
