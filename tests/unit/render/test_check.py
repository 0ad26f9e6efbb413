from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from repaintd.core.template import Asset, Variable
from repaintd.errors import StartupFailed
from repaintd.render import check, survey
from repaintd.render.check import check_template, check_templates
from repaintd.render.limits import Limits
from repaintd.testing import sample_template

DECLARED = {name: Variable(name=name) for name in ("title", "x", "items")}

CASES = {
    "<h1>{{ title }}</h1>{% for i in items %}{{ i.a }}{{ loop.index }}{% endfor %}": [],
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1) }}{% set z = 1 %}{{ z }}{{ range(2)|list }}": [],
    "a\n  {{ titel }} {{ titel }}": [
        (
            '2:6 warning "titel" is not declared: add it to `variables` of template.yaml, '
            "or mend its spelling"
        )
    ],
    "{{ x|nope }}\n{{ x is odder }} {{ nofn(1) }} {{ x|map('upper')|list }}{{ x is odd }}": [
        '1:6 error there is no filter "nope"',
        '2:9 error there is no test "odder"',
        '2:21 error there is no function "nofn"',
    ],
    "{{ x.titel }}{{ x|number(decimals=1) }}{{ x|timeagos }}": [
        '1:45 error there is no filter "timeagos"'
    ],
    "é\n{% if x %}": [
        "2:9 error syntax error: unexpected end of input, expected end of block, in `{% if x %}`"
    ],
    "{% nope %}": ["1:4 error syntax error: unknown statement nope, in `{% nope %}`"],
    "{{ x" + "+x" * 50_000 + " }}": [
        "1:None error the template engine crashed on it: most often thousands of operators in a row"
    ],
    "{{ x" + ".x" * 50_000 + " }}": [
        "1:None error the template engine crashed on it: most often thousands of operators in a row"
    ],
    "{% if x %}" * 3000 + "{% endif %}" * 3000: [
        (
            "1:1494 error syntax error: template exceeds maximum recursion limits, in "
            "`{% if x %}{% if x %}{% if x %}{% if x %}{% if x %}{% if x %}…`"
        )
    ],
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}": [],
    "{{ x|timeago }} {{ now() }}": [
        (
            "1:6 warning `timeago` tells the time, but the image is drawn anew only when its data "
            "changes: say `volatile: true` in template.yaml"
        )
    ],
    "\n<p style='color: {{ x }}'>": [
        (
            "2:21 warning data in a style attribute is not safe by HTML escaping alone: "
            "write {{ x|css }}"
        )
    ],
    "{% include 'gone.html' %}{% include 'gone.html' ignore missing %}{% include x %}": [
        "1:12 error there is no file 'gone.html' beside the template (only .html is included)"
    ],
    "x" * 1_048_577: [
        (
            "1:None error the template with its includes takes 1,048,590 bytes, "
            "more than 1,048,576: make pictures files of their own"
        )
    ],
}


def said(findings) -> list[str]:
    return [f"{one.line}:{one.column} {one.severity} {one.message}" for one in findings]


def test_every_finding_says_where_and_what_and_no_template_harms_the_next():
    templates = [sample_template(markup=markup, variables=DECLARED) for markup in CASES]
    found = check_templates(templates)
    assert [said(findings) for findings in found] == list(CASES.values())


def test_a_script_of_the_template_that_asks_for_the_time_is_no_clock_of_ours():
    markup = "<script>const t = Date.now()</script> now (or never) {# now() #}{{ x }}"
    assert check_template(sample_template(markup=markup, variables=DECLARED)) == []


def test_a_volatile_template_may_tell_the_time():
    template = sample_template(markup="{{ x|timeago }}", volatile=True, variables=DECLARED)
    assert check_template(template) == []


def test_a_time_dependent_include_is_found_there():
    asset = Asset(media_type="text/html", body=b"\n{{ now()|date }}{{ given }}{{ x|nope }}")
    template = sample_template(
        markup="{% include './a.html' %}", assets={"a.html": asset}, variables=DECLARED
    )
    found = check_template(template)
    assert [(one.file, one.line, one.message.split(" ", 1)[0]) for one in found] == [
        ("a.html", 2, "`now`"),
        ("a.html", 2, "there"),
    ]


def test_an_include_that_cannot_be_read_is_named():
    asset = Asset(media_type="text/html", body=b"\n{% if %}")
    template = sample_template(markup="{% include 'a.html' %}", assets={"a.html": asset})
    (finding,) = check_template(template)
    assert (finding.file, finding.line, finding.severity) == ("a.html", 2, "error")


def test_an_engine_that_is_not_here_is_an_error():
    assert said(check_template(sample_template(engine="mustache"))) == [
        '1:None error there is no template engine "mustache" here; write `engine: jinja`'
    ]


def test_a_template_full_of_faults_is_cut_short():
    assert len(check_template(sample_template(markup="{{ x|nope }}\n" * 1000))) == 200


def test_no_templates_need_no_process(monkeypatch):
    monkeypatch.setattr(survey, "worker_command", None)
    assert check_templates([]) == []


def test_a_template_that_was_checked_needs_no_process_until_it_changes(monkeypatch):
    template = sample_template(markup="{{ known }}{{ again }}")
    found = check_template(template)
    assert len(found) == 2
    monkeypatch.setattr(survey, "worker_command", lambda limits: ["/nonexistent"])
    assert check_template(template) == found
    assert check_templates([template, template]) == [found, found]
    with pytest.raises(StartupFailed):
        check_template(replace(template, variables={"known": Variable(name="known")}))


def test_answers_that_are_remembered_have_a_most(monkeypatch):
    monkeypatch.setattr(check, "_MOST_REMEMBERED", 3)
    monkeypatch.setattr(check, "_REMEMBERED", {})
    for number in range(5):
        check_template(sample_template(markup=f"{number}"))
    assert len(check._REMEMBERED) == 3


def test_a_template_that_is_too_slow_to_read_is_an_error_and_the_next_one_is_read(monkeypatch):
    program = """
import sys, time
out = sys.stdout.buffer
out.write(b"\\0\\0\\0\\1R"); out.flush()
if b"slow" in sys.stdin.buffer.read():
    time.sleep(60)
body = b'C{"undeclared":{},"filters":[],"tests":[]}'
out.write(len(body).to_bytes(4, "big") + body)
"""
    monkeypatch.setattr(survey, "worker_command", lambda limits: [sys.executable, "-c", program])
    monkeypatch.setattr(survey, "_START", 0.5)
    templates = [sample_template(markup="slow"), sample_template(markup="fast")]
    slow, fast = check_templates(templates, Limits(deadline=0.01))
    assert said(slow) == [
        ("1:None error it takes longer than 0.01 s: look for loops within loops, or show less data")
    ]
    assert fast == []


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["/nonexistent"], "the template worker cannot be started"),
        (
            [sys.executable, "-c", "raise SystemExit(3)"],
            "the template worker ends with exit code 3 while starting",
        ),
    ],
)
def test_a_check_that_cannot_start_its_process_says_so(monkeypatch, command, message):
    monkeypatch.setattr(survey, "worker_command", lambda limits: command)
    with pytest.raises(StartupFailed, match=message):
        check_template(sample_template(markup=f"new {command}"))
