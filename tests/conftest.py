"""What all tests share: a clean environment, and honesty about what a machine lacks.

A test that lacks its tool says so with `pytest.skip("needs …")`, or through the fixture `require`.
With REPAINTD_REQUIRE_ALL=1, as `.ci/run` sets it, every skip is a failure.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

REQUIRE_ALL = os.environ.get("REPAINTD_REQUIRE_ALL") == "1"
ENVIRONMENT_OF_A_DAEMON = (
    "CONFIGURATION_DIRECTORY",
    "CREDENTIALS_DIRECTORY",
    "NOTIFY_SOCKET",
    "RUNTIME_DIRECTORY",
    "STATE_DIRECTORY",
    "WATCHDOG_USEC",
)
INSTALLED_BROWSERS = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "microsoft-edge",
)
OURS_TO_KEEP = ("REPAINTD_BROWSER", "REPAINTD_REQUIRE_ALL")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that the caller's shell or service manager set decides a test."""
    for name in ENVIRONMENT_OF_A_DAEMON:
        monkeypatch.delenv(name, raising=False)
    for name in [name for name in os.environ if name.startswith("REPAINTD_")]:
        if name not in OURS_TO_KEEP:
            monkeypatch.delenv(name)


@pytest.fixture
def require() -> Callable[[str], str]:
    """`require("openssl")` is the program's path; where there is none the test is skipped."""

    def find(program: str) -> str:
        return shutil.which(program) or pytest.skip(f"needs {program}")

    return find


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests take turns, in one worker: two browsers on two cores only slow each other."""
    for item in items:
        if item.get_closest_marker("chromium") and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group("chromium"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("chromium") and (lack := lack_of_a_browser()):
        pytest.skip(lack)


@functools.cache
def lack_of_a_browser() -> str:
    """What keeps the daemon from starting a browser here, or an empty text."""
    if not any(map(shutil.which, browsers())):
        return "needs a Chromium: `make setup` finds or installs one"
    probe = ["unshare", "--user", "--net", "--map-user=65534", "--map-group=65534", "true"]
    try:
        subprocess.run(probe, check=True, capture_output=True, timeout=10)  # noqa: S603 - fixed
    except (OSError, subprocess.SubprocessError) as error:
        return f"needs user namespaces for the browser's sandbox: {error}"
    return ""


def browsers() -> list[str]:
    """Where `.ci/setup/browser` looks, and Playwright's own builds."""
    cache = os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or "~/.cache/ms-playwright"
    own = Path(cache).expanduser().glob("chromium_headless_shell-*/*/*headless*shell")
    return [os.environ.get("REPAINTD_BROWSER", ""), *INSTALLED_BROWSERS, *map(str, own)]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail"):
        refuse(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if REQUIRE_ALL and report.skipped:
        refuse(report)
    return report


def refuse(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip into a failure that keeps the reason."""
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
    report.outcome = "failed"
    report.longrepr = f"REPAINTD_REQUIRE_ALL=1 allows no skip. {reason}"
