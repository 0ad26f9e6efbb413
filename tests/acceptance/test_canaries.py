"""A thousand secrets in every place that takes one; everything fails, and none of them is told."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import importlib.util
import json
import os
import re
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

import psutil
import pytest

from repaintd.cli import root

pytestmark = [pytest.mark.timeout(240), pytest.mark.chromium, pytest.mark.slow]

ENVIRONMENT_OF_CHILDREN = {
    *("PATH", "HOME", "TMPDIR", "LANG", "TZ", "PWD", "OLDPWD", "SHLVL", "_"),
    *("LD_LIBRARY_PATH", "FONTCONFIG_FILE", "FONTCONFIG_PATH", "NODE_OPTIONS"),
    *("MALLOC_ARENA_MAX", "MALLOC_TRIM_THRESHOLD_", "RUST_BACKTRACE"),
    *("PYTHONPATH", "PYTHONHOME", "PYTHONTZPATH"),
    *("CHROME_DEVEL_SANDBOX", "SBX_CHROME_API_PRV", "SBX_USER_NS", "SBX_PID_NS", "SBX_NET_NS"),
}


def beside(name: str) -> Any:
    """A module beside this one: tests are no package, so that it cannot be imported."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


quoting, vault = beside("quoting"), beside("vault")
COMMANDS = [
    *(["check", "--format", form] for form in ("text", "json", "github", "sarif")),
    *(["config", *form] for form in ((), ("--json",), ("--origin",))),
    *(["config", f"polled-{n}"] for n in range(5)),
    *(["config", "pushed-1", "--json"], ["list"], ["list", "--json"]),
    *(["events"], ["events", "--json"], ["deliveries"], ["deliveries", "--json"]),
    *(["doctor", "--json"], ["refresh", "polled-4"], ["refresh", "nobody"]),
    *(["explain", "polled-5"], ["explain", "polled-5", "--json"], ["explain", "pushed-2"]),
]
ONE_AFTER_THE_OTHER = """
import json, sys
from repaintd.cli import main
for command in json.loads(sys.argv[1]):
    print("###", json.dumps(command), flush=True)
    sys.argv = ["repaintd", *command]
    try:
        main()
    except SystemExit:
        pass
    sys.stdout.flush()
print("### end")
"""


@pytest.fixture
async def canaries(home, outside, tmp_path, monkeypatch):
    """A configuration that holds them all; yields the vault, and the world outside."""
    secrets = vault.Vault(tmp_path / "vault")
    async with quoting.World().listening() as world:
        ways = ("ok", *quoting.MODES, *vault.UNREACHABLE)
        files = vault.fill(secrets, ways, world, home.port, outside.free_port())
        for name, text in files.items():
            (home.home / "config" / name).parent.mkdir(exist_ok=True)
            (home.home / "config" / name).write_text(text)
        (tmp_path / "tmp").mkdir()
        for name, value in {**secrets.environ, "TMPDIR": str(tmp_path / "tmp")}.items():
            monkeypatch.setenv(name, value)
        yield secrets, world


def test_the_unit_writes_no_core():
    root = Path(__file__).parents[2]
    for unit in (root / "systemd").glob("*.service"):
        assert "\nLimitCORE=0\n" in unit.read_text(), unit.name


async def test_none_of_a_thousand_secrets_is_told_to_anybody(home, outside, canaries):
    secrets, world = canaries
    assert len(set(secrets.values)) == vault.CANARIES
    found = Finds()
    async with home.running("--log-level", "debug"):
        await push(home, outside, secrets)
        await home.until(lambda: world.connects > 1, 30)
        world.broker.close()  # from here on it cannot be reached at all
        await home.until(lambda: attempted(home) >= vault.POLLED, 60)
        await home.until(lambda: world.modes >= {*quoting.MODES, "s410"}, 30)
        for each in psutil.Process(home.pid).children(recursive=True):
            of_child(each.pid, found)
        found.look("the daemon's arguments", *psutil.Process(home.pid).cmdline())
        await surface(home, secrets.values[-1], found)
        await commands(home, found)
        files(home, found)
    found.look("the log", *(json.dumps(line) for line in home.log))
    found.look("stderr", *home.stderr)
    files(home, found)
    assert found.hits == []
    assert found.bytes > 1_000_000
    assert_heard(secrets, world)


class Finds:
    """Looks for secrets as they are, and as base64, percent-encoding and hexadecimals show them."""

    def __init__(self) -> None:
        mark = vault.MARK.encode()
        aligned = [base64.b64encode(bytes(k) + mark)[(k * 8 + 5) // 6 :] for k in range(3)]
        forms = [
            mark,
            mark.hex().encode(),
            mark.hex().upper().encode(),
            *(each.rstrip(b"=")[:-1] for each in aligned),
        ]
        self._any = re.compile(b"|".join(map(re.escape, forms)))
        self.hits: list[tuple[str, bytes]] = []
        self.bytes = 0

    def look(self, where: str, *texts: str | bytes) -> None:
        for text in texts:
            raw = text if isinstance(text, bytes) else text.encode()
            self.bytes += len(raw)
            for hit in self._any.finditer(raw):
                self.hits.append((where, raw[max(0, hit.start() - 80) : hit.end() + 40]))


def test_secrets_are_found_in_every_form():
    for k in range(9):
        text = "x" * k + f"{vault.MARK}0001{os.urandom(13).hex()}"
        for form in (text, base64.b64encode(text.encode()).decode(), text.encode().hex()):
            found = Finds()
            found.look("here", f"some {form} more")
            assert found.hits, form


def attempted(home) -> int:
    """How many of the polled bindings were tried, by the log."""
    names = {"binding.failed", "binding.updated"}
    tried = {entry.get("binding") for entry in home.log if entry.get("event") in names}
    return sum(str(uid).startswith("polled-") for uid in tried)


async def push(home, outside, secrets: Any) -> None:
    """Triggers of all kinds: good ones, and such that prove themselves with somebody else's."""
    for n in range(vault.PUSHED):
        body, wrong = json.dumps({"title": "t", "n": n}), secrets.values[-1 - n]
        own = secrets.of_hooks[n]
        if n % 2:
            wrongs = [{"Authorization": f"Bearer {wrong}"}, {"X-Gitlab-Token": wrong}]
            right = {"X-Gitlab-Token": own}
        else:
            wrongs = [
                {"X-Hub-Signature-256": f"sha256={wrong}"},
                {"X-Webhook-Signature": wrong, "X-Pictify-Signature": f"t={wrong},v1={wrong}"},
                {"webhook-id": wrong, "webhook-timestamp": wrong, "webhook-signature": wrong},
                outside.signed("msg_1", body, f"whsec_{wrong}"),
            ]
            digest = hmac.new(own.encode(), body.encode(), hashlib.sha256).hexdigest()
            right = {"X-Hub-Signature-256": f"sha256={digest}"}
        for headers in wrongs:
            status, _ = await home.post(f"/webhooks/pushed-{n}", body, headers)
            assert status in {400, 401}, (status, headers)
        if n < 8:
            status, _ = await home.post(f"/webhooks/pushed-{n}", body, right)
            assert status == 202, n


async def surface(home, key: str, found: Finds) -> None:
    opened, wrong = ({"Authorization": f"Bearer {each}"} for each in (key, f"{key}x"))
    for path in (
        *("/metrics", "/status.json", "/livez", "/readyz", "/", "/docs", "/openapi.json"),
        *("/events?follow=false&last=1000", "/deliveries?limit=1000", "/deliveries?failed=true"),
        *("/bindings", "/webhook-subscriptions", "/templates", "/b/polled-2.png", "/v1/nothing"),
    ):
        for headers in (opened, wrong, {}):
            status, answered, body = await home.get(path, **headers)
            found.look(f"GET {path}: {status}", str(answered), body)
    status, answer = await home.post("/bindings/polled-3/refresh?wait=2", b"", opened)
    found.look(f"refresh: {status}", json.dumps(answer))
    status, _, body = await home.get("/events?follow=false&last=1000", **opened)
    assert (status, b"binding.failed" in body) == (200, True)


async def commands(home, found: Finds) -> None:
    config = ["--config", str(home.home / "config")]
    every = [[*command, *config] for command in COMMANDS if command[0] in root.commands]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ONE_AFTER_THE_OTHER, json.dumps(every), stdout=PIPE, stderr=PIPE
    )
    for name, text in zip(("stdout", "stderr"), await process.communicate(), strict=True):
        found.look(f"{name} of the commands", text)
        assert b"Traceback" not in text, text
        for command in every if name == "stdout" else ():
            _, _, output = text.partition(f"### {json.dumps(command)}\n".encode())
            assert output, command
    assert process.returncode == 0


def of_child(pid: int, found: Finds) -> None:
    try:
        process = Path("/proc") / str(pid)
        arguments, environ = (process / name for name in ("cmdline", "environ"))
        line, settings = arguments.read_bytes(), environ.read_bytes()
    except OSError:
        return  # it is gone
    found.look(f"arguments of {pid}: {line!r}", line)
    found.look(f"environment of {pid}: {line!r}", settings)
    if b"--type=" in line:
        return  # Chromium's helpers write a longer line over the beginning of their environment
    names = {each.partition(b"=")[0].decode() for each in settings.split(b"\0") if b"=" in each}
    assert names <= ENVIRONMENT_OF_CHILDREN, (line, names - ENVIRONMENT_OF_CHILDREN)


def files(home, found: Finds) -> None:
    looked = 0
    for part in ("output", "state", "tmp"):
        for path in (home.home / part).rglob("*"):
            if path.is_file():
                found.look(str(path.relative_to(home.home)), path.read_bytes())
                looked += 1
    assert looked > 3


def assert_heard(secrets: Any, world: Any) -> None:
    """They were used: the world outside has heard most of those that go there."""
    heard = world.heard
    for each in re.findall(rb"Basic ([A-Za-z0-9+/=]+)", world.heard):
        heard += base64.b64decode(each)
    used = sum(each.encode() in heard for each in secrets.values)
    assert used > vault.CANARIES // 2, used
