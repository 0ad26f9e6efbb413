"""The worker's answers, asked without its process."""

from __future__ import annotations

import io

import orjson
import pytest

from repaintd.render import frames
from repaintd.render.environment import build_environment
from repaintd.render.filters import FilterFailed
from repaintd.render.worker import Worker


@pytest.fixture
def worker() -> Worker:
    return Worker(fuel=100_000, output=1000)


def ask(worker, markup=None, variables=None, key="k", **more):
    request = {"key": key, "variables": variables or {}, **more}
    if markup is not None:
        request["sources"] = {"template.html": markup}
    reply = worker.answer(request)
    if reply[:1] == frames.MARKUP:
        return reply[1:].decode()
    return orjson.loads(reply[1:])


def test_a_template_is_sent_once_and_kept(worker):
    assert ask(worker, "<{{ x }}>", {"x": "&"}) == "<&amp;>"
    assert ask(worker, None, {"x": 2}) == "<2>"


def test_a_forgotten_template_is_gone(worker):
    ask(worker, "a")
    error = ask(worker, "b", key="l", forget=["k"])
    assert error == "b"
    assert "does not exist" in ask(worker)["detail"]


def test_what_failed_at_its_first_time_is_not_kept(worker):
    error = ask(worker, "{{ x|nope }}")
    assert error["lost"]
    assert error["reason"] == "template"
    assert error["range"] == [5, 9]
    assert "lost" not in ask(worker)


def test_the_reasons_that_are_not_the_template_s_text(worker):
    assert ask(worker, "{{ 'x' * 1001 }}")["reason"] == "template_too_large"
    assert ask(worker, "{% for a in range(99999) %}{% endfor %}")["reason"] == "template_timeout"


@pytest.mark.parametrize(
    ("error", "reason", "detail"),
    [
        (MemoryError(), "template_memory", ""),
        (RecursionError("too deep"), "template", "RecursionError: too deep"),
        (BaseException("panic"), "template", "BaseException: panic"),
        (FilterFailed("f", "no"), "template", "no"),
    ],
)
def test_whatever_the_engine_raises_becomes_an_answer(worker, monkeypatch, error, reason, detail):
    def raises(request):
        raise error

    monkeypatch.setattr(worker, "_answer", raises)
    answer = ask(worker)
    assert (answer["reason"], answer["detail"]) == (reason, detail)


def test_details_are_short_and_do_not_show_the_key(worker):
    assert "non-existing template 'a.html'" in ask(worker, "{% include 'a.html' %}")["detail"]
    assert len(ask(worker, "{{ 1 + '" + "x" * 900 + "'.y }}")["detail"]) <= 500


def test_a_check_names_what_is_unknown(worker):
    answer = ask(
        worker,
        "{{ a.b }}{{ c|d }}",
        filters=["upper", "nope", "number", "first"],
        tests=["odd", "nope"],
    )
    assert answer == {
        "undeclared": {"template.html": ["a", "c"]},
        "filters": ["nope"],
        "tests": ["nope"],
    }
    assert "detail" in ask(worker, "{% if %}", filters=[], tests=[])


def test_the_time_is_the_job_s():
    environment = build_environment(lambda: 60.0, strict=False, fuel=1000)
    assert environment.render_str("{{ now() }} {{ 0|timeago }}") == "60 1 minute ago"


def test_frames_end_where_they_are_cut_off_and_have_a_most():
    stream = io.BytesIO(frames.framed(b"ab") + frames.framed(b"cd")[:-1])
    assert frames.read_frame(stream) == b"ab"
    assert frames.read_frame(stream) is None
    assert frames.read_frame(io.BytesIO(b"\0\0")) is None
    with pytest.raises(ValueError, match="a frame of 4,294,967,295 bytes"):
        frames.read_frame(io.BytesIO(b"\xff\xff\xff\xff"))
