from __future__ import annotations

import pytest

from repaintd.core.template import Asset
from repaintd.errors import RenderFailed
from repaintd.render.failure import cause_of_end, excerpt, failure_of
from repaintd.render.limits import Limits
from repaintd.render.prepared import Preparations, is_time_dependent, prepare
from repaintd.testing import sample_template


def test_equal_fingerprints_are_prepared_once_and_the_oldest_is_dropped():
    preparations = Preparations(most=2)
    a, b, c = (sample_template(fingerprint=name) for name in "abc")
    first = preparations.get(a)
    preparations.get(b)
    assert preparations.get(a) is first
    preparations.get(c)
    assert preparations.get(a) is first
    assert preparations.get(b) is not None


def test_without_a_fingerprint_the_content_decides():
    preparations = Preparations()
    one = preparations.get(sample_template(markup="a", fingerprint=""))
    assert preparations.get(sample_template(markup="a", fingerprint="")).key == one.key
    assert preparations.get(sample_template(markup="b", fingerprint="")).key != one.key


def test_a_template_may_not_be_of_another_engine():
    with pytest.raises(RenderFailed, match='no template engine "x" here') as caught:
        prepare(sample_template(engine="x"))
    assert caught.value.reason == "template"


@pytest.mark.parametrize(
    ("markup", "depends"),
    [
        ("{{ now() }}", True),
        ("{{ x | timeago }}", True),
        ("{{ x|timeago }}", True),
        ("{{ now }} {{ known() }} right now", False),
    ],
)
def test_a_template_that_asks_for_the_time_is_known(markup, depends):
    assert is_time_dependent(sample_template(markup=markup)) is depends
    assert prepare(sample_template(markup=markup)).uses_clock is depends


def test_an_include_that_asks_for_the_time_counts():
    assets = {"a.html": Asset(media_type="text/html", body=b"{{ now() }}")}
    assert is_time_dependent(sample_template(assets=assets))


@pytest.mark.parametrize(
    ("source", "line", "span", "shown"),
    [
        ("a\nbc", 2, (2, 3), "    2 | bc\n      | ^"),
        ("äö", 1, (2, 4), "    1 | äö\n      |  ^"),
        ("a\tb", 1, None, "    1 | a b"),
        ("a", 5, (0, 1), ""),
        ("x" * 200, 1, (100, 104), f"    1 | {'x' * 72}\n      | {' ' * 36}^^^^"),
        ("ab", 1, (1, 99), "    1 | ab\n      |  ^"),
        ("a\nb", 1, (2, 3), "    1 | a\n      |  ^"),
    ],
)
def test_an_excerpt_shows_the_line_and_points(source, line, span, shown):
    assert excerpt(source, line, span) == shown


@pytest.mark.parametrize(
    ("markup", "error", "message"),
    [
        ("a", {"detail": "odd"}, 'template "plain": odd'),
        ("a", {"detail": "odd", "line": 7}, 'template "plain", line 7: odd'),
        ("a", {"detail": "odd", "filter": "f"}, 'template "plain": filter "f": odd'),
        (
            "{{ a|f }}\n" * 7,
            {"detail": "odd", "filter": "f"},
            'template "plain", in one of the lines 1, 2, 3, 4, 5, …: filter "f": odd',
        ),
    ],
)
def test_an_error_says_as_much_as_is_known(markup, error, message):
    failure = failure_of(
        prepare(sample_template(markup=markup)), {"reason": "template", **error}, Limits()
    )
    assert str(failure) == message


def test_a_filter_in_an_include_names_that_file():
    assets = {"a.html": Asset(media_type="text/html", body=b"\n{{ x|f }}")}
    prepared = prepare(sample_template(assets=assets))
    failure = failure_of(prepared, {"reason": "template", "detail": "no", "filter": "f"}, Limits())
    assert str(failure).startswith('template "plain", a.html, line 2: filter "f": no\n')


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (-14, "template_timeout"),
        (-6, "template_memory"),
        (-11, "template"),
        (-7, "template"),
        (-9, "template_worker"),
        (1, "template_worker"),
        (None, "template_worker"),
    ],
)
def test_every_end_of_a_worker_has_a_reason(code, reason):
    assert cause_of_end(code, Limits())[0] == reason
