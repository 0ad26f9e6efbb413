"""Which browser is taken, how it is wrapped, and what a machine without one is told."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from repaintd.plugin import PluginError
from repaintd_chromium.lookup import Machine, find_browser, read_version
from repaintd_chromium.sandbox import remedy, why_no_namespaces, why_not_sandboxed
from repaintd_chromium.wrapper import (
    browser_script,
    clean_environment,
    driver_script,
    write_scripts,
)

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def install(tmp_path: Path) -> Callable[[str], Path]:
    def make(name: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\necho Chromium 156.0\n")
        path.chmod(0o755)
        return path

    return make


def machine(tmp_path: Path, **commands: str) -> Machine:
    return Machine(
        environment={"HOME": str(tmp_path)},
        which={name.replace("_", "-"): path for name, path in commands.items()}.get,
        channels=(tmp_path / "opt/chrome",),
    )


def test_playwrights_newest_shell_comes_first(tmp_path: Path, install: Any) -> None:
    cache = ".cache/ms-playwright"
    install(f"{cache}/chromium-1300/chrome-linux64/chrome")
    install(f"{cache}/chromium_headless_shell-999/chrome-linux/headless_shell")
    old = install(
        f"{cache}/chromium_headless_shell-999/chrome-headless-shell-linux64/chrome-headless-shell"
    )
    new = install(
        f"{cache}/chromium_headless_shell-1255/chrome-headless-shell-linux64/chrome-headless-shell"
    )
    assert find_browser("auto", machine(tmp_path, chromium="/usr/bin/chromium")) == new
    new.chmod(0o644)
    assert find_browser("auto", machine(tmp_path)) == old


def test_then_what_is_on_the_path_and_then_the_channels(tmp_path: Path, install: Any) -> None:
    channel = install("opt/chrome")
    found = find_browser("auto", machine(tmp_path, chromium="/c", google_chrome="/g"))
    assert found == Path("/c")
    assert find_browser("auto", machine(tmp_path)) == channel


def test_a_snap_and_the_script_that_advertises_it_are_passed_over(
    tmp_path: Path, install: Any
) -> None:
    stub, snap = install("stub"), tmp_path / "bin" / "chromium"
    stub.write_text("#!/bin/sh\necho 'requires the chromium snap; run: snap install chromium'\n")
    snap.parent.mkdir()
    snap.symlink_to(install("snap"))
    real = install("real")
    found = find_browser(
        "auto",
        machine(tmp_path, chromium=str(snap), chromium_browser=str(stub), google_chrome=str(real)),
    )
    assert found == real


@pytest.mark.parametrize(
    ("variable", "place"),
    [("PLAYWRIGHT_BROWSERS_PATH", "b"), ("XDG_CACHE_HOME", "b/ms-playwright")],
)
def test_downloads_are_looked_for_where_the_environment_says(
    tmp_path: Path, install: Any, variable: str, place: str
) -> None:
    path = install(f"{place}/chromium-7/chrome-linux/chrome")
    environment = {"HOME": "/nowhere", variable: str(tmp_path / "b")}
    here = Machine(environment=environment, which=lambda _name: None, channels=())
    assert find_browser("auto", here) == path


def test_without_a_browser_the_message_holds_the_one_command(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"run: playwright install --only-shell chromium$"):
        find_browser("auto", machine(tmp_path))
    with pytest.raises(PluginError, match=r"run: apt-get install -y chromium-headless-shell$"):
        find_browser("auto", machine(tmp_path, apt_get="/usr/bin/apt-get"))


def test_a_browser_that_is_named_is_taken_or_refused(tmp_path: Path, install: Any) -> None:
    path = install("my browser")
    assert find_browser(str(path), machine(tmp_path)) == path
    assert find_browser("mine", machine(tmp_path, mine=str(path))) == path
    with pytest.raises(PluginError, match="names '/no/such'") as failure:
        find_browser("/no/such", machine(tmp_path))
    assert failure.value.status == "config_error"


async def test_the_version_is_what_the_browser_says(
    install: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = install("browser")
    assert await read_version(path) == "Chromium 156.0"
    monkeypatch.setattr("repaintd_chromium.lookup.VERSION_SECONDS", 0.05)
    path.write_text("#!/bin/sh\nexec sleep 1000\n")
    assert await read_version(path) == ""


def test_the_environment_holds_what_finds_programs_and_fonts_and_no_secret() -> None:
    source = {"PATH": "/p", "FONTCONFIG_FILE": "/f", "TOKEN": "x", "NOTIFY_SOCKET": "/n"}
    assert clean_environment(Path("/h"), Path("/t"), source) == {
        "PATH": "/p",
        "FONTCONFIG_FILE": "/f",
        "HOME": "/h",
        "TMPDIR": "/t",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
    }


def test_scripts_run_what_they_are_given_and_write_down_their_pid(tmp_path: Path) -> None:
    place = tmp_path / "with space"
    place.mkdir()
    echo, pid, log = place / "echo", place / "pid", place / "log"
    inner = '#!/bin/sh\necho "$PPID:$$:$TZ:$HOME:$TOKEN:$*"\n'
    scripts = [
        (echo, inner),
        (place / "browser", browser_script(echo, pid, sandboxed=False)),
        (place / "driver", driver_script(str(echo), pid, log, {"TZ": "UTC", "A B": "c d"})),
    ]
    for _ in range(2):  # a second time over the first
        write_scripts(scripts)
    for name, zone in (("browser", ""), ("driver", "UTC")):
        output = subprocess.run(  # noqa: S603 - ours
            [place / name, "a b", "c"], capture_output=True, check=True, env={"TOKEN": "x"}
        ).stdout.decode()
        assert output.split(":")[1] == pid.read_text().strip()
        assert output.strip().endswith(":a b c")
        assert zone in output
        assert ("x" in output.split(":")) == (name == "browser")
        assert (place / name).stat().st_mode & 0o777 == 0o700


def test_the_browser_is_put_into_namespaces() -> None:
    script = browser_script(Path("/usr/bin/chromium"), Path("/run/pid"), sandboxed=True)
    assert script.splitlines()[-1] == (
        'exec unshare --user --net --map-user=65534 --map-group=65534 -- /usr/bin/chromium "$@"'
    )


async def test_without_namespaces_the_reason_and_the_command_are_told(tmp_path: Path) -> None:
    refuse = ["/bin/sh", "-c", "echo not permitted >&2; exit 1"]
    told = await why_no_namespaces(refuse, proc=tmp_path)
    assert "not permitted" in told
    assert "in a container" in told
    switch = tmp_path / "sys/kernel/apparmor_restrict_unprivileged_userns"
    switch.parent.mkdir(parents=True)
    switch.write_text("1\n")
    told = await why_no_namespaces(refuse, proc=tmp_path)
    assert told.endswith("run: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0")
    switch.write_text("0\n")
    assert remedy(tmp_path) == ""


async def test_a_machine_without_unshare_is_told_to_install_it() -> None:
    assert "util-linux" in await why_no_namespaces(["/no/such/unshare"])


async def test_an_unshare_that_hangs_is_no_namespaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("repaintd_chromium.sandbox.TRY_SECONDS", 0.05)
    assert "did not end" in await why_no_namespaces(["/bin/sh", "-c", "exec sleep 1000"])


async def test_namespaces_that_can_be_made_are_fine() -> None:
    assert await why_no_namespaces(["/bin/true"]) == ""


def test_a_browser_that_cannot_be_seen_is_not_proven_sandboxed() -> None:
    assert "cannot be seen" in why_not_sandboxed([])
