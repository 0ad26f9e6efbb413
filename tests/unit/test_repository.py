from __future__ import annotations

import os
import re
import subprocess
import tomllib
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Put together here, so that this file does not hold what it looks for.
REGISTRIES = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("yarnpkg", "com"),
        ("crates", "io"),
        ("jsdelivr", "net"),
        ("unpkg", "com"),
        ("deb", "debian", "org"),
        ("archive", "ubuntu", "com"),
        ("docker", "io"),
        ("ghcr", "io"),
        ("fonts", "googleapis", "com"),
    )
]
OF_ONE_MACHINE = ["/" + "/".join(parts) for parts in (("work", "main"), ("root", ""), ("home", ""))]
SCRIPTS = sorted(path for path in (ROOT / ".ci").rglob("*") if path.is_file())


@cache
def tracked() -> tuple[Path, ...]:
    """Every file that Git knows; in a source distribution, where there is no Git, every file."""
    if not (ROOT / ".git").exists():
        pytest.skip("needs a Git checkout")
    listed = subprocess.run(  # noqa: S603 - a fixed command
        ["git", "-C", str(ROOT), "ls-files", "-z"],  # noqa: S607 - any git will do
        check=True,
        capture_output=True,
        timeout=30,
    )
    names = listed.stdout.decode().split("\0")
    return tuple(path for name in names if name and (path := ROOT / name).is_file())


@cache
def texts() -> dict[str, str]:
    return {
        str(path.relative_to(ROOT)): path.read_text("utf-8", errors="replace") for path in tracked()
    }


def holding(pattern: str) -> list[str]:
    found = re.compile(pattern)
    return [f"{name}: {hit[0]}" for name, text in texts().items() if (hit := found.search(text))]


def test_no_file_names_a_package_registry() -> None:
    hosts = "|".join(re.escape(host) for host in REGISTRIES)
    assert holding(rf"(?<![\w-])({hosts})\b") == []


def test_no_file_names_a_path_of_one_machine() -> None:
    paths = "|".join(re.escape(path) for path in OF_ONE_MACHINE)
    assert holding(rf"(?<![\w.}}/-])({paths})") == []


@pytest.mark.parametrize(
    "lock", sorted(ROOT.glob("requirements*.lock")), ids=lambda path: path.name
)
def test_every_locked_package_has_a_hash_and_no_address(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    assert not re.search(r"^-", text, re.MULTILINE), "an option of one machine"
    for block in re.split(r"^(?=\S)", text, flags=re.MULTILINE):
        if "==" in block and not block.startswith("#"):
            assert "--hash=sha256:" in block, block.splitlines()[0]


def test_the_npm_lock_holds_no_address() -> None:
    assert '"resolved"' not in (ROOT / "package-lock.json").read_text()


def test_both_locks_hold_the_same_versions() -> None:
    def pins(name: str) -> set[str]:
        return set(re.findall(r"^(\S+==[^ ]+)", (ROOT / name).read_text(), re.MULTILINE))

    assert pins("requirements.lock") <= pins("requirements-dev.lock")
    assert pins("requirements-build.lock") <= pins("requirements-dev.lock")


def test_every_declared_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"].get("optional-dependencies", {}).values()
    declared = [*project["project"]["dependencies"], *(item for extra in extras for item in extra)]
    lock = (ROOT / "requirements.lock").read_text()
    locked = {
        re.sub(r"[._]", "-", name) for name in re.findall(r"^([\w.-]+)==", lock, re.MULTILINE)
    }
    for requirement in declared:
        name = re.split(r"[\[<>=~!; ]", requirement)[0]
        assert re.sub(r"[._]", "-", name).lower() in locked, f"{name}: run `make lock`"


def test_every_first_party_plugin_has_an_entry_point_and_is_packed() -> None:
    folders = {path.parent.name for path in (ROOT / "plugins").glob("*/__init__.py")}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    points = project["project"]["entry-points"]["repaintd.plugins"]
    packed = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert {value.partition(":")[0] for value in points.values()} == folders
    assert {f"plugins/{folder}" for folder in folders} <= set(packed)
    for name, value in points.items():
        assert value.partition(":")[0] == f"repaintd_{name}"


def test_every_entry_point_is_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    declared = project["project"]["entry-points"]["repaintd.plugins"]
    installed = {point.name: point.value for point in entry_points(group="repaintd.plugins")}
    assert declared.items() <= installed.items(), "run `make setup`: entry points have changed"


def test_every_plugin_is_checked_like_the_daemon() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = {
        path.parent.name
        for root in ("daemon", "plugins")
        for path in (ROOT / root).glob("*/__init__.py")
    }
    assert set(project["tool"]["mypy"]["packages"]) == packages
    assert set(project["tool"]["importlinter"]["root_packages"]) == packages


@pytest.mark.parametrize("folder", ["daemon", "plugins", "config", "systemd", "tests"])
def test_a_top_level_folder_is_no_package(folder: str) -> None:
    assert not (ROOT / folder / "__init__.py").exists()


def test_fonts_are_installed_never_committed() -> None:
    committed = [name for name in texts() if re.search(r"\.(woff2?|ttf|otf|eot)$", name)]
    assert committed == []


def test_nobody_elses_scripts_are_committed() -> None:
    assert [name for name in texts() if re.search(r"\.min\.(js|css)$|node_modules/", name)] == []


def test_the_licence_is_the_one_that_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["license"] == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text()[:200]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_set_up_script_can_be_run_and_stops_at_the_first_error(script: Path) -> None:
    lines = script.read_text().splitlines()
    assert os.access(script, os.X_OK)
    assert lines[0] == "#!/usr/bin/env bash"
    assert "set -euo pipefail" in lines
    assert len(lines) <= 60
    subprocess.run(["bash", "-n", str(script)], check=True, timeout=10)  # noqa: S603, S607 - ours


def test_the_gate_runs_the_linters_and_then_the_test_command() -> None:
    commands = (ROOT / ".ci/run").read_text().splitlines()
    assert commands[-2:] == ["make lint", "make test"]
    assert "export REPAINTD_REQUIRE_ALL=1" in commands
