from __future__ import annotations

import os
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from structlog.testing import capture_logs

from repaintd.app.keys import FILE, Keys, find_key, open_keys
from repaintd.config import secret_resolver
from repaintd.core.secret import Secret
from repaintd.errors import RepaintdError, StartupFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from structlog.typing import EventDict

DEFAULT = ("${env:REPAINTD_API_KEY}",)


def opened(
    state: Path, keys: Sequence[str] = DEFAULT, **environ: str
) -> tuple[Keys, list[EventDict]]:
    with capture_logs() as logged:
        found = open_keys(keys, state, secret_resolver(environ), structlog.get_logger())
    return found, logged


def found_key(state: Path, keys: Sequence[str] = DEFAULT, **environ: str) -> Secret | None:
    configuration: Any = SimpleNamespace(
        settings=SimpleNamespace(server=SimpleNamespace(api_keys=tuple(keys))), state_path=state
    )
    return find_key(configuration, environ)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_configured_keys_open_the_api(tmp_path: Path) -> None:
    keys, logged = opened(tmp_path, ("${env:A}", "${env:B}", "plain"), A="first", B="second")

    assert all(keys.matches(each) for each in ("first", "second", "plain"))
    assert not any(keys.matches(each) for each in ("", "First", "first ", "${env:A}", "é\udcff"))
    assert logged == []
    assert list(tmp_path.iterdir()) == []


def test_all_keys_are_compared_whichever_matches(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = Keys([Secret("a"), Secret("b"), Secret("c")])
    compared: list[bytes] = []

    def compare(given: bytes, kept: bytes) -> bool:
        compared.append(kept)
        return given == kept

    monkeypatch.setattr("hmac.compare_digest", compare)
    assert keys.matches("a")
    assert len(compared) == 3


def test_keys_do_not_show() -> None:
    keys = Keys([Secret("very-secret")])

    assert repr(keys) == str(keys) == "Keys(1)"
    assert b"very-secret" not in b"".join(keys._digests)


def test_no_keys_match_nothing() -> None:
    assert not Keys([]).matches("")


def test_a_key_that_somebody_configured_and_that_has_no_value_is_left_out(tmp_path: Path) -> None:
    keys, logged = opened(tmp_path, ("${env:A}", "${env:B}"), B="second")

    assert keys.matches("second")
    assert [(each["log_level"], each["event"]) for each in logged] == [
        ("warning", "an API key of server.apiKeys is left out")
    ]
    assert "${env:A} has no value" in logged[0]["error"]


def test_without_a_key_the_daemon_makes_one_and_says_where(tmp_path: Path) -> None:
    keys, logged = opened(tmp_path)
    path = tmp_path / FILE
    key = path.read_text().removesuffix("\n")

    assert keys.matches(key)
    assert key.startswith("rpd_")
    assert len(key) == 4 + 43
    assert mode(path) == 0o600
    assert [(each["log_level"], each["file"]) for each in logged] == [("info", str(path))]
    assert key not in str(logged)
    assert list(tmp_path.iterdir()) == [path]


def test_the_key_stays_the_same_across_restarts(tmp_path: Path) -> None:
    opened(tmp_path)
    key = (tmp_path / FILE).read_text().strip()

    keys, logged = opened(tmp_path)

    assert keys.matches(key)
    assert [each["log_level"] for each in logged] == ["info"]


def test_each_daemon_makes_another_key(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        opened(tmp_path / name)

    assert (tmp_path / "a" / FILE).read_text() != (tmp_path / "b" / FILE).read_text()


def test_the_key_is_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        opened(tmp_path)
    finally:
        os.umask(before)

    assert mode(tmp_path / FILE) == 0o600


def test_configured_keys_without_any_value_leave_the_daemons_own(tmp_path: Path) -> None:
    keys, logged = opened(tmp_path, ("${env:A}",))

    assert keys.matches((tmp_path / FILE).read_text().strip())
    assert [each["log_level"] for each in logged] == ["warning", "info"]


def test_a_configured_key_closes_the_daemons_own(tmp_path: Path) -> None:
    opened(tmp_path)

    keys, _ = opened(tmp_path, REPAINTD_API_KEY="mine")

    assert keys.matches("mine")
    assert not keys.matches((tmp_path / FILE).read_text().strip())


def test_what_a_crash_left_is_no_key(tmp_path: Path) -> None:
    (tmp_path / f"{FILE}.new").write_text("rpd_ha")

    keys, _ = opened(tmp_path)

    assert keys.matches((tmp_path / FILE).read_text().strip())
    assert list(tmp_path.iterdir()) == [tmp_path / FILE]


@pytest.mark.parametrize("bits", [0o644, 0o640, 0o604, 0o660])
def test_a_key_that_others_can_read_is_closed_and_told(tmp_path: Path, bits: int) -> None:
    opened(tmp_path)
    path = tmp_path / FILE
    path.chmod(bits)

    _, logged = opened(tmp_path)

    assert mode(path) == 0o600
    assert [each["log_level"] for each in logged] == ["warning", "info"]
    assert logged[0]["event"].startswith("other users could read the API key until now; remove it")


def _link(path: Path) -> None:
    (path.parent / "elsewhere").write_text("rpd_0123456789abcdef")
    path.symlink_to(path.parent / "elsewhere")


BROKEN = [
    ("link", _link, "it is a symbolic link"),
    ("folder", Path.mkdir, "it is no file"),
    ("pipe", os.mkfifo, "it is no file"),
    ("empty", Path.touch, "it holds no key, which is one line of 16 visible characters or more"),
    ("short", lambda path: path.write_text("secret\n"), "it holds no key"),
    ("two lines", lambda path: path.write_text("0123456789abcdef\nx\n"), "it holds no key"),
    ("binary", lambda path: path.write_bytes(b"\xff" * 40), "it holds no key"),
]


@pytest.mark.parametrize(
    ("make", "cause"), [each[1:] for each in BROKEN], ids=[each[0] for each in BROKEN]
)
def test_what_is_no_key_ends_the_start_with_advice(tmp_path: Path, make: Any, cause: str) -> None:
    make(tmp_path / FILE)

    with pytest.raises(StartupFailed, match="remove it, then the daemon makes a new one") as failed:
        opened(tmp_path)

    assert f"the API key {tmp_path / FILE} cannot be used: {cause}" in str(failed.value)
    with pytest.raises(RepaintdError, match="run this as the daemon's user") as unreadable:
        found_key(tmp_path)
    assert cause in str(unreadable.value)


def test_a_state_directory_that_is_none_ends_the_start(tmp_path: Path) -> None:
    path = tmp_path / "none" / FILE
    with pytest.raises(StartupFailed) as failed:
        opened(path.parent)

    assert str(failed.value) == (
        f"an API key cannot be written to {path}: No such file or directory; "
        "let the daemon's user write there, or set server.apiKeys"
    )


def test_a_command_finds_the_first_configured_key_with_a_value(tmp_path: Path) -> None:
    found = found_key(tmp_path, ("${env:A}", "${env:B}", "c"), B="second")

    assert found is not None
    assert found.reveal() == "second"


def test_a_command_finds_the_daemons_own_key(tmp_path: Path) -> None:
    keys, _ = opened(tmp_path)

    found = found_key(tmp_path)

    assert found is not None
    assert keys.matches(found.reveal())


def test_a_command_finds_nothing_before_the_first_start(tmp_path: Path) -> None:
    assert found_key(tmp_path / "none") is None


def test_a_command_does_not_mend_the_file(tmp_path: Path) -> None:
    opened(tmp_path)
    (tmp_path / FILE).chmod(0o644)

    assert found_key(tmp_path) is not None
    assert mode(tmp_path / FILE) == 0o644


def test_a_command_of_another_user_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.open", refuse)
    with pytest.raises(RepaintdError) as refused:
        found_key(tmp_path)

    assert str(refused.value) == (
        f"the daemon's API key {tmp_path / FILE} cannot be read: Permission denied; "
        "run this as the daemon's user, or set REPAINTD_API_KEY to one of its keys"
    )
