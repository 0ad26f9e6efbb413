from __future__ import annotations

import io
import json
import logging
import os
import re
import threading
import warnings

import pytest
import structlog

from repaintd.core.secret import Secret
from repaintd.logs import configure_logging


@pytest.fixture(autouse=True)
def _restored():
    """Leave the logging of the process as the test found it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


log = structlog.get_logger("repaintd.part")


def _lines(stream: io.StringIO) -> list[dict]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object_with_constant_message_and_fields(stream):
    configure_logging(stream)
    log.info("image published", uid="card", size=5)
    (line,) = _lines(stream)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line.pop("timestamp"))
    assert line == {
        "event": "image published",
        "level": "info",
        "logger": "repaintd.part",
        "uid": "card",
        "size": 5,
    }


def test_a_terminal_gets_lines_for_people(stream, monkeypatch):
    monkeypatch.setattr(stream, "isatty", lambda: True)
    configure_logging(stream)
    log.warning("image published", uid="card")
    assert "image published" in stream.getvalue()
    assert "\x1b[" in stream.getvalue()
    assert "{" not in stream.getvalue()


@pytest.mark.parametrize("wanted", [True, False])
def test_json_can_be_asked_for_and_refused(stream, wanted):
    configure_logging(stream, json=wanted)
    log.info("hello")
    assert stream.getvalue().startswith("{") is wanted


def test_lines_below_the_level_are_dropped(stream):
    configure_logging(stream, level="warning")
    log.info("no")
    logging.getLogger("library").info("no")
    log.warning("yes")
    logging.getLogger("library").warning("yes too")
    assert [line["event"] for line in _lines(stream)] == ["yes", "yes too"]


def test_an_unknown_level_is_an_error_that_names_the_known_ones(stream):
    with pytest.raises(ValueError, match="'loud'; there are debug, info"):
        configure_logging(stream, level="loud")


def test_libraries_speak_through_the_same_stream(stream):
    configure_logging(stream)
    logging.getLogger("aiohttp.server").error("Error handling %s", "request")
    (line,) = _lines(stream)
    assert (line["event"], line["level"]) == ("Error handling request", "error")
    assert line["logger"] == "aiohttp.server"


def test_levels_that_libraries_invent_count_as_the_next_lower_one(stream):
    configure_logging(stream, level="debug")
    for number in (5, 25, 99):
        logging.getLogger("library").log(number, "hello")
    logging.getLogger().setLevel(1)
    logging.getLogger("library").log(5, "hello")
    assert [line["level"] for line in _lines(stream)] == ["info", "critical", "debug"]


def test_a_library_that_logs_nonsense_is_no_reason_to_fail(stream, monkeypatch, capsys):
    configure_logging(stream)
    logging.getLogger("library").error("%d", "no number")
    assert stream.getvalue() == ""
    assert "no number" in capsys.readouterr().err


def test_debug_lines_that_repeat_data_of_bindings_are_never_shown(stream):
    configure_logging(stream, level="debug")
    logging.getLogger("aiosqlite").debug("executing ... parameters")
    assert stream.getvalue() == ""


def test_warnings_of_python_are_lines_too(stream):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        configure_logging(stream)
        warnings.warn("careful", UserWarning, stacklevel=1)
        logging.captureWarnings(capture=False)
    (line,) = _lines(stream)
    assert (line["logger"], line["level"]) == ("py.warnings", "warning")
    assert "careful" in line["event"]


@pytest.mark.parametrize("as_json", [True, False])
def test_an_exception_is_shown_without_local_variables(stream, as_json):
    configure_logging(stream, json=as_json)
    local = "hidden-value"
    try:
        raise RuntimeError(len(local))  # noqa: TRY301 — a traceback is wanted
    except RuntimeError:
        log.exception("it failed", uid="card")
        logging.getLogger("asyncio").exception("so did that", stack_info=True)
    assert stream.getvalue().count("RuntimeError: 12") == 2
    assert "hidden-value" not in stream.getvalue()


@pytest.mark.parametrize("as_json", [True, False])
def test_a_secret_is_never_printed(stream, as_json):
    configure_logging(stream, json=as_json)
    secret = Secret("hunter2")
    log.info("signed", key=secret, keys=[secret], nested={"key": secret})
    assert "hunter2" not in stream.getvalue()
    assert "********" in stream.getvalue()


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize("evil", ["\x1b[2J", "a\nfake line", "\r", "\x9b2J", "\u202e"])
def test_text_of_strangers_cannot_move_the_cursor_or_fake_a_line(stream, as_json, evil):
    configure_logging(stream, json=as_json)
    log.warning(evil, value=evil, values=[evil], mapping={evil: evil})
    assert stream.getvalue().count("\n") == 1
    assert evil not in stream.getvalue() or (as_json and evil.isascii() is False)


@pytest.mark.parametrize(
    "value", [2**80, "\ud800", {1: 2}, {(1, 2): 3}, float("nan"), b"bytes", object, {1, 2}]
)
def test_no_value_is_a_reason_to_lose_the_line(stream, value):
    configure_logging(stream)
    log.info("odd", value=value)
    (line,) = _lines(stream)
    assert line["event"] == "odd"


def test_bound_context_is_part_of_the_line(stream):
    configure_logging(stream)
    with structlog.contextvars.bound_contextvars(uid="card"):
        log.info("hello")
    assert _lines(stream)[0]["uid"] == "card"


def test_a_logger_without_a_name_has_none(stream):
    configure_logging(stream)
    structlog.get_logger().info("hello")
    assert "logger" not in _lines(stream)[0]


def test_the_journal_gets_priorities_on_every_line(tmp_path):
    with (tmp_path / "journal").open("w") as stream:
        status = os.fstat(stream.fileno())
        environ = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        configure_logging(stream, environ=environ, level="debug")
        for name in ("debug", "info", "warning", "error", "critical"):
            getattr(log, name)("hello")
    lines = (tmp_path / "journal").read_text().splitlines()
    assert [line[:4] for line in lines] == ["<7>{", "<6>{", "<4>{", "<3>{", "<2>{"]


def test_a_traceback_for_people_has_its_priority_on_every_line(tmp_path):
    with (tmp_path / "journal").open("w") as stream:
        status = os.fstat(stream.fileno())
        environ = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        configure_logging(stream, environ=environ, json=False)
        try:
            raise RuntimeError  # noqa: TRY301 — a traceback is wanted
        except RuntimeError:
            log.exception("it failed")
    lines = (tmp_path / "journal").read_text().splitlines()
    assert len(lines) > 2
    assert all(line.startswith("<3>") for line in lines)


@pytest.mark.parametrize("value", ["", "1:2", "x", "1", ":"])
def test_another_stream_than_the_journals_gets_no_priorities(tmp_path, value):
    with (tmp_path / "file").open("w") as stream:
        configure_logging(stream, environ={"JOURNAL_STREAM": value})
        log.info("hello")
    assert (tmp_path / "file").read_text().startswith("{")


def test_a_closed_stream_is_no_reason_to_fail(stream):
    configure_logging(stream)
    stream.close()
    log.info("nobody hears this")


def test_a_reader_that_went_away_is_no_reason_to_fail():
    reader, writer = os.pipe()
    os.close(reader)
    with pytest.raises(BrokenPipeError), os.fdopen(writer, "w") as stream:  # noqa: PT012
        configure_logging(stream)
        log.info("nobody hears this")
        stream.write("the test's own words, which still fail at closing")


def test_a_stream_that_knows_ascii_only_loses_no_line():
    raw = io.BytesIO()
    configure_logging(io.TextIOWrapper(raw, encoding="ascii"))
    log.info("größer → kleiner")
    assert json.loads(raw.getvalue().replace(b"\\x", b"\\u00"))["event"] == "größer → kleiner"


def test_lines_of_several_threads_do_not_mix(stream):
    configure_logging(stream)

    def speak() -> None:
        for _ in range(200):
            log.info("x" * 50)

    threads = [threading.Thread(target=speak) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {line["event"] for line in _lines(stream)} == {"x" * 50}
    assert len(_lines(stream)) == 800


def test_the_latest_configuration_holds_for_loggers_made_before(stream):
    configure_logging(io.StringIO())
    log.info("to the first")
    configure_logging(stream)
    log.info("to the second")
    assert [line["event"] for line in _lines(stream)] == ["to the second"]
    assert len(logging.getLogger().handlers) == 1
