from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[3] / "systemd" / "repaintd.service"


def _analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("systemd-analyze is not installed")
    command = [tool, "--no-pager", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 — our own words


def _settings() -> list[tuple[str, str]]:
    lines = UNIT.read_text().splitlines()
    return [(key, value) for key, eq, value in (each.partition("=") for each in lines) if eq]


def _value(key: str) -> list[str]:
    return [value for name, value in _settings() if name == key]


def test_the_exposure_of_the_unit_is_at_most_two_of_ten():
    result = _analyze("security", "--offline=true", "--threshold=20", str(UNIT))
    assert result.returncode == 0, result.stdout + result.stderr


def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path):
    text = UNIT.read_text().replace("/opt/repaintd/bin/repaintd", shutil.which("true"))
    (tmp_path / UNIT.name).write_text(text)
    result = _analyze("verify", "--man=no", str(tmp_path / UNIT.name))
    if "Failed to initialize manager" in result.stderr:
        pytest.skip("systemd-analyze verify needs what this machine lacks: " + result.stderr)
    assert result.returncode == 0, result.stderr
    assert UNIT.name not in result.stderr


def test_no_line_has_a_comment_behind_it_which_systemd_would_take_as_part_of_the_value():
    assert [value for key, value in _settings() if not key.startswith("#") and " #" in value] == []


def test_the_unit_starts_the_command_that_there_is():
    (start,) = _value("ExecStart")
    assert re.fullmatch(r"/\S+/repaintd run --config \$\{CONFIGURATION_DIRECTORY\}", start)


def test_the_type_is_one_that_systemd_252_knows():
    assert _value("Type") == ["notify"]


def test_what_the_browsers_sandbox_needs_is_allowed():
    assert _value("RestrictNamespaces") == ["user pid net"]
    assert _value("SystemCallFilter")[-1] == "chroot capset"
    assert _value("SystemCallErrorNumber") == ["EPERM"]
    assert not _value("MemoryDenyWriteExecute")
    assert not _value("LimitNPROC")
    assert not _value("LimitAS")


def test_there_is_one_state_directory_because_the_daemon_takes_the_variable_as_one_path():
    assert _value("StateDirectory") == ["repaintd"]


def test_a_reload_is_the_signal_that_the_daemon_takes_for_one():
    assert _value("ExecReload") == ["/bin/kill -HUP $MAINPID"]
