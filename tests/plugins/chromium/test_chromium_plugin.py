"""The plugin as the daemon sees it: settings, refusals, the way without a sandbox, the doctor."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from repaintd.plugin import Plugin, PluginError, Renderer, RenderFailed
from repaintd_chromium import Chromium, ChromiumSettings, assembly, diagnose, lookup
from repaintd_chromium.processes import kill
from repaintd_chromium.renderer import PROBE
from repaintd_chromium.sandbox import NO_FILTER, NOT_SEEN

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from repaintd.plugin import RenderJob
    from repaintd_chromium.processes import Process


def test_it_is_a_plugin() -> None:
    plugin = Chromium()
    assert isinstance(plugin, Plugin)
    assert (plugin.name, plugin.settings_model) == ("chromium", ChromiumSettings)
    assert plugin.source_specs == {}


def test_the_class_is_cheap_to_import() -> None:
    code = (
        "import sys, repaintd_chromium;"
        "assert not {'playwright', 'pyvips', 'repaintd_chromium.assembly'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603 - ours


@pytest.mark.parametrize(
    "settings", [{"recycleAfter": 0}, {"maxWarmPages": 0}, {"maxWarmPages": 257}, {"unknown": 1}]
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        ChromiumSettings.model_validate(settings)


async def test_a_browser_that_is_not_there_is_a_plugin_error(bench: Any) -> None:
    with pytest.raises(PluginError, match=r"render\.browser"):
        async with bench.open(render={"browser": "/no/such/browser"}):
            pytest.fail("opened")


@pytest.fixture
def no_namespaces(monkeypatch: pytest.MonkeyPatch) -> None:
    async def forbidden() -> str:
        return "user namespaces are forbidden here (EPERM); run: sysctl -w user.x=1"

    monkeypatch.setattr(assembly, "why_no_namespaces", forbidden)
    monkeypatch.setattr(diagnose, "why_no_namespaces", forbidden)


@pytest.mark.chromium
@pytest.mark.usefixtures("no_namespaces")
async def test_where_it_cannot_be_locked_in_the_plugin_refuses_and_says_how_to_allow_it(
    bench: Any,
) -> None:
    with pytest.raises(PluginError, match=r"EPERM.*sysctl.*render.allowUnsandboxed") as failure:
        async with bench.open():
            pytest.fail("opened")
    assert failure.value.status == "self_check_failed"


@pytest.mark.chromium
@pytest.mark.usefixtures("no_namespaces")
async def test_unsandboxed_it_draws_and_warns_loudly(
    bench: Any, make_job: Callable[..., RenderJob], opened: Any
) -> None:
    async with bench.open(render={"allow_unsandboxed": True}) as renderer:
        image = await renderer.render(make_job("<body style='background:#0f0'>"))
        assert opened(image).getpixel((5, 5)) == (0, 255, 0)
    (warning,) = bench.events("warning")
    assert warning.startswith("THE BROWSER RUNS WITHOUT SANDBOX")


@pytest.mark.chromium
async def test_a_browser_that_does_not_prove_its_sandbox_is_refused(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "repaintd_chromium.launch.why_not_sandboxed", lambda _processes: "it shares the network"
    )
    with pytest.raises(PluginError, match=r"it shares the network; render\.allowUnsandboxed"):
        async with bench.open():
            pytest.fail("opened")
    assert not list(bench.directory.glob("generation-*"))
    async with bench.open(render={"allow_unsandboxed": True}) as renderer:
        await renderer.probe()
    (warning,) = bench.events("warning")
    assert warning.startswith("THE BROWSER RUNS WITHOUT SANDBOX")


@pytest.mark.chromium
async def test_a_renderer_that_gets_its_filter_a_moment_later_is_waited_for(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = [NO_FILTER, NO_FILTER, ""]
    monkeypatch.setattr("repaintd_chromium.launch.LOOK_PAUSE", 0)
    monkeypatch.setattr("repaintd_chromium.launch.why_not_sandboxed", lambda _: said.pop(0))
    async with bench.open() as renderer:
        assert said == []
        await renderer.probe()
    assert bench.events("error") == []


@pytest.mark.chromium
async def test_a_renderer_that_never_gets_its_filter_is_refused(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("repaintd_chromium.launch.LOOK_PAUSE", 0)
    monkeypatch.setattr("repaintd_chromium.launch.why_not_sandboxed", lambda _: NO_FILTER)
    with pytest.raises(PluginError, match=NO_FILTER):
        async with bench.open():
            pytest.fail("opened")


@pytest.mark.chromium
async def test_a_browser_that_dies_while_it_is_looked_at_is_tried_again_not_called_open(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(processes: list[Process]) -> str:
        monkeypatch.undo()
        for process in processes:
            kill(process)
        return NOT_SEEN

    monkeypatch.setattr("repaintd_chromium.launch.why_not_sandboxed", die)
    async with bench.open() as renderer:
        await renderer.render(PROBE)
        assert bench.restarts("start_failed") == 1
    assert bench.events("error") == ["no browser serves; trying on"]


def fake(path: Path, command: str) -> Path:
    path.write_text(f"#!/bin/sh\n{command}\n")
    path.chmod(0o755)
    return path


@pytest.mark.chromium
async def test_a_browser_that_cannot_be_locked_in_is_a_plugin_error_and_leaves_nothing(
    bench: Any, tmp_path: Path
) -> None:
    browser = fake(tmp_path / "browser", "echo 'No usable sandbox!' >&2; exit 1")
    with pytest.raises(PluginError, match="its sandbox cannot be set up"):
        async with bench.open(render={"browser": str(browser)}):
            pytest.fail("opened")
    assert not list(bench.directory.glob("generation-*"))


@pytest.mark.chromium
@pytest.mark.parametrize(
    ("command", "message"),
    [("exit 1", "does not start"), ("sleep 1000", "not ready within 1 s")],
)
async def test_promise_b2_a_browser_that_does_not_start_at_first_is_tried_again(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, message: str
) -> None:
    monkeypatch.setattr("repaintd_chromium.launch.START_SECONDS", 1.2)
    browser = fake(tmp_path / "browser", command)
    async with bench.open(render={"browser": str(browser)}) as renderer:
        with pytest.raises(RenderFailed, match=message) as failure:
            await renderer.render(replace(PROBE, timeout=0.2))
        assert failure.value.reason == "browser_unavailable"
        assert bench.events("error") == ["no browser serves; trying on"]
        monkeypatch.undo()
        fake(browser, f'exec {lookup.find_browser("auto")} "$@"')
        await renderer.render(replace(PROBE, timeout=30.0))
    assert not list(bench.directory.glob("generation-*"))


@pytest.mark.chromium
async def test_the_doctor_finds_everything_well(bench: Any) -> None:
    findings = await Chromium().diagnose(ChromiumSettings(), bench.context())
    assert [(each.check, each.ok) for each in findings] == [
        ("browser", True),
        ("user namespaces", True),
        ("sandbox", True),
        ("drawing", True),
    ]
    assert "Chrom" in findings[0].detail


async def test_the_doctor_without_a_browser_names_the_command(bench: Any) -> None:
    context = bench.context(browser="/no/such/browser")
    findings = await Chromium().diagnose(ChromiumSettings(), context)
    assert (findings[0].check, findings[0].ok) == ("browser", False)
    assert "/no/such/browser" in findings[0].detail
    assert "install" in findings[0].remedy
    assert "drawing" not in [finding.check for finding in findings]


@pytest.mark.chromium
async def test_the_doctor_does_not_vouch_for_a_browser_that_does_not_start(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("repaintd_chromium.renderer.PROBE", replace(PROBE, timeout=0.2))
    browser = fake(tmp_path / "browser", '[ "$1" = --version ] && echo Chromium 1.0')
    findings = await Chromium().diagnose(ChromiumSettings(), bench.context(browser=str(browser)))
    assert [(each.check, each.ok) for each in findings] == [
        ("browser", True),
        ("user namespaces", True),
        ("drawing", False),
    ]
    assert "does not start" in findings[-1].detail


@pytest.mark.chromium
@pytest.mark.usefixtures("no_namespaces")
async def test_the_doctor_without_namespaces_says_why(bench: Any) -> None:
    findings = await Chromium().diagnose(ChromiumSettings(), bench.context())
    assert [(each.check, each.ok) for each in findings] == [
        ("browser", True),
        ("user namespaces", False),
        ("sandbox", False),
    ]


@pytest.mark.chromium
@pytest.mark.usefixtures("no_namespaces")
async def test_the_doctor_does_not_call_an_open_door_well(bench: Any) -> None:
    findings = await Chromium().diagnose(ChromiumSettings(), bench.context(allow_unsandboxed=True))
    assert [(each.check, each.ok) for each in findings[2:]] == [
        ("sandbox", False),
        ("drawing", True),
    ]


@pytest.mark.chromium
async def test_it_can_be_opened_again(bench: Any) -> None:
    for _ in range(2):
        async with bench.open() as renderer:
            assert isinstance(renderer, object)
            await renderer.probe()
            assert hasattr(renderer, "render")
    _: type[Renderer]
