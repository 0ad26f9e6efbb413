from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

CONFTEST = Path(__file__).parents[1] / "conftest.py"
SKIPPING = """
import pytest

def test_lacks_a_program(require):
    require("no-such-program")

def test_says_so_itself():
    pytest.skip("needs a moon")

@pytest.mark.xfail
def test_expected_to_fail():
    raise AssertionError
"""
SKIPPED_AS_A_WHOLE = "import pytest; pytest.importorskip('no_such_module')"


def run(folder: Path, *, require_all: str) -> subprocess.CompletedProcess[str]:
    shutil.copy(CONFTEST, folder)
    (folder / "test_skipping.py").write_text(SKIPPING)
    (folder / "test_whole.py").write_text(SKIPPED_AS_A_WHOLE)
    (folder / "pytest.ini").write_text("[pytest]\n")
    ours = {"REPAINTD_REQUIRE_ALL": require_all, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-rs", "--continue-on-collection-errors", "."],
        cwd=folder,
        env={**os.environ, **ours},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_missing_tool_is_a_skip_that_names_it(tmp_path: Path) -> None:
    result = run(tmp_path, require_all="")
    assert result.returncode == 0, result.stdout
    assert "needs no-such-program" in result.stdout
    assert "3 skipped, 1 xfailed" in result.stdout


def test_with_require_all_every_skip_is_a_failure(tmp_path: Path) -> None:
    result = run(tmp_path, require_all="1")
    assert result.returncode != 0
    assert "2 failed, 1 xfailed, 1 error" in result.stdout
    for reason in ("needs no-such-program", "needs a moon", "no_such_module"):
        assert reason in result.stdout
