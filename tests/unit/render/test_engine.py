"""The engine against templates and data that mean harm; numbers are those of the bad inputs."""

from __future__ import annotations

import asyncio

import pytest
import pytest_asyncio

from repaintd.core.template import Asset
from repaintd.errors import RenderFailed
from repaintd.render.engine import open_engine
from repaintd.testing import sample_template

pytestmark = pytest.mark.asyncio(loop_scope="module")

GROWING = (
    "{% set ns = namespace(s='aaaaaaaa') %}"
    "{% for i in range(40) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}{{ ns.s|length }}"
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine():
    async with open_engine(deadline=30) as opened:  # the machine may be busy
        yield opened


def template(markup: str, **more):
    return sample_template(markup=markup, fingerprint="", **more)


async def still_works(engine) -> bool:
    return await engine.expand(sample_template(), {"title": "<ok>"}) == "<h1>&lt;ok&gt;</h1>"


async def failure(opened, markup: str, variables=None, **more) -> RenderFailed:
    with pytest.raises(RenderFailed) as caught:
        await opened.expand(template(markup, **more), variables or {})
    assert await still_works(opened)
    return caught.value


@pytest.mark.parametrize(
    ("markup", "variables", "output"),
    [
        ("{{ a }} {{ b }} {{ c }}", {"a": None, "b": True, "c": 5.0}, " true 5"),
        ("{{ a }}", {"a": {"b": [1, None, "<"]}}, "{&quot;b&quot;:[1,null,&quot;&lt;&quot;]}"),
        ("{{ nothing.at.all }}|{{ nothing[3] }}", {}, "|"),
        ("{{ a.b|default('-') }}", {"a": {}}, "-"),
        ("{{ n|number(1) }} {{ n|currency('EUR') }}", {"n": "12.34"}, "12.3 €12.34"),
        ("{{ x|json }}", {"x": {"a": "</script>"}}, '{"a":"\\u003c/script\\u003e"}'),
        ("{{ a['b-c'] }} {{ größe }}", {"a": {"b-c": 1}, "größe": 2}, "1 2"),
        ("{{ '{{' }} {% raw %}{{ x }}{% endraw %}", {}, "{{ {{ x }}"),
        ("{{ self }}{{ name }}", {"self": 1, "name": 2}, "12"),
    ],
)
async def test_variables_are_printed_as_json_writes_them(engine, markup, variables, output):
    assert await engine.expand(template(markup), variables) == output


@pytest.mark.parametrize(
    ("place", "data", "output"),
    [
        ("<p>{}</p>", "<script>x</script>", "<p>&lt;script&gt;x&lt;&#x2f;script&gt;</p>"),
        ('<p id="{}">', '" onload="x', '<p id="&quot; onload=&quot;x">'),
        ("<p id='{}'>", "' onload='x", "<p id='&#x27; onload=&#x27;x'>"),
        ('<a href="{url}">', "javascript:alert(1)", '<a href="#">'),
        ('<a href="{url}">', '" onload="x', '<a href="%22%20onload=%22x">'),
        ("<b style='{css}'>", "');@import 'x", "\\27 \\29 \\3b \\40 import\\20 \\27 x"),
        ("<style>{css}</style>", "</style><b>", "\\3c \\2f style\\3e \\3c b\\3e "),
        ("<script>{json}</script>", "</script><b>", '"\\u003c/script\\u003e\\u003cb\\u003e"'),
        ("<p>{}</p>", "{{ 7 * 7 }}{% if %}", "<p>{{ 7 * 7 }}{% if %}</p>"),
    ],
)  # fmt: skip
async def test_bad_input_61_data_is_inert_wherever_it_lands(engine, place, data, output):
    code = {"": "{{ x }}", "url": "{{ x|url }}", "css": "{{ x|css }}", "json": "{{ x|json }}"}
    markup = place.format(code[""], **code)
    assert output in await engine.expand(template(markup), {"x": data})


@pytest.mark.parametrize(
    ("markup", "outcome"),
    [
        ("{{ ''.__class__ }}", ""),
        ("{{ ''|attr('format') }}", ""),
        ("{{ self._TemplateReference__context }}", ""),
        ("{{ cycler.__init__.__globals__ }}", ""),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "unknown method"),
        ("{{ debug() }}", "unknown function: debug is unknown"),
        ("{% include '/etc/passwd' %}", "template not found"),
        ("{% include '../other/template.html' %}", "template not found"),
    ],
)
async def test_bad_input_62_there_is_no_way_into_python(engine, markup, outcome):
    if not outcome:
        assert await engine.expand(template(markup), {}) == ""
        return
    failed = await failure(engine, markup)
    assert failed.reason == "template"
    assert outcome in str(failed)
    assert "Traceback" not in str(failed)


@pytest.mark.parametrize(
    ("markup", "reason"),
    [
        ("{{ 'a' * 10**9 }}", "template"),
        ("{{ '%999999999s'|format('x') }}", "template_memory"),
        ("{{ '%999999999d'|format(1) }}", "template_memory"),
        ("{{ '{:999999999}'.format(1) }}", "template_memory"),
        ("{{ 'x'.center(10**9) }}", "template"),
        ("{{ lipsum(n=10**5) }}", "template"),
        (GROWING, "template_memory"),
        (
            "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
            "template_timeout",
        ),
    ],
)
async def test_bad_input_63_a_bomb_fails_with_its_reason(engine, markup, reason):
    assert (await failure(engine, markup)).reason == reason


async def test_bad_input_64_huge_output_within_fuel_is_refused(engine):
    failed = await failure(engine, "{{ t|indent(10**6) }}", {"t": "x\n" * 20})
    assert failed.reason == "template_too_large"
    assert "the finished markup takes 19,000,0" in str(failed)
    assert "more than 8,388,608: show less data" in str(failed)
    failed = await failure(engine, "{{ t|indent(10**6) }}", {"t": "x\n" * 999})
    assert failed.reason == "template_memory"
    assert "it takes more than 512 MiB of memory" in str(failed)


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("{% if x %}" * 3000 + "{% endif %}" * 3000, "exceeds maximum recursion limits"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "recursion limit exceeded"),
        ("{% include 'template.html' %}", "recursion limit exceeded"),
        ("{{ x" + "+x" * 200_000 + " }}", "the template engine crashed on it"),
        ("{{ x" + ".x" * 200_000 + " }}", "the template engine crashed on it"),
        ("{{ " + "not " * 200_000 + "x }}", "the template engine crashed on it"),
    ],
)
async def test_bad_input_65_nesting_without_end_fails_and_crashes_nothing_else(
    engine, markup, text
):
    failed = await failure(engine, markup)
    assert failed.reason == "template"
    assert text in str(failed)
    assert len(str(failed)) < 500


async def test_bad_input_66_missing_is_empty_or_an_error_as_the_template_wants(engine):
    markup = "{% if a.b %}{% endif %}<{{ a.b }}>"
    assert await engine.expand(template(markup), {"a": {}}) == "<>"
    failed = await failure(engine, markup, {"a": {}}, strict=True)
    assert "line 1: undefined value: `a.b` is undefined" in str(failed)


async def test_bad_input_66_a_value_of_the_wrong_type_names_filter_and_line(engine):
    failed = await failure(engine, "a\n{{ x|number }}", {"x": [1]})
    assert str(failed) == (
        'template "plain", line 2: filter "number": needs a number, got a list of 1\n'
        "    2 | {{ x|number }}"
    )


@pytest.mark.parametrize(
    "text",
    [
        "\u202eabc\u202c שלום",
        "👩\u200d👩\u200d👧\u200d👦 🏳️\u200d🌈",
        "e" + "\u0301" * 1000,
        "w" * 1_000_000,
        "a\0b",
    ],
)
async def test_bad_input_71_odd_text_passes_through_unchanged(engine, text):
    assert await engine.expand(template("{{ x }}"), {"x": text}) == text
    cut = await engine.expand(template("{{ x|truncate(20) }}"), {"x": text})
    assert len(cut) <= 20


async def test_bad_input_71_a_lone_surrogate_is_a_failure_and_no_crash(engine):
    failed = await failure(engine, "{{ x }}", {"x": "\ud800"})
    assert failed.reason == "template"
    assert "the variables are no JSON" in str(failed)
    assert await engine.expand(template("a\ud800{{ x }}"), {"x": 1}) == "a?1"


async def test_an_error_shows_the_line_and_a_caret_under_the_characters(engine):
    failed = await failure(engine, "äöü\n<b>ä{{ x|nope }}</b>", path="templates/a/template.html")
    assert str(failed) == (
        "templates/a/template.html, line 2: unknown filter: filter nope is unknown\n"
        "    2 | <b>ä{{ x|nope }}</b>\n"
        "      |          ^^^^"
    )


async def test_files_beside_the_template_can_be_included_and_errors_name_them(engine):
    assets = {
        "row.html": Asset(media_type="text/html", body="<i>{{ x }}ä</i>".encode()),
        "m.html": Asset(
            media_type="text/html; charset=utf-8",
            body=b"{% macro b(x) %}<b>{{ x }}</b>{% endmacro %}",
        ),
        "bad.html": Asset(media_type="text/html", body=b"\n{{ x|number }}{{ 1/0 }}"),
        "style.css": Asset(media_type="text/css", body=b"{{ x }}"),
    }
    markup = "{% import 'm.html' as m %}{% include './row.html' %}{{ m.b(x) }}"
    assert await engine.expand(template(markup, assets=assets), {"x": "<"}) == (
        "<i>&lt;ä</i><b>&lt;</b>"
    )
    failed = await failure(engine, "a\n{% include 'bad.html' %}", {"x": 1}, assets=assets)
    assert "bad.html, line 2: " in str(failed)
    failed = await failure(engine, "{% include 'style.css' %}", {"x": 1}, assets=assets)
    assert "non-existing template 'style.css'" in str(failed)


async def test_another_template_s_files_are_out_of_reach(engine):
    await engine.expand(template("secret"), {})
    assert "not found" in str(await failure(engine, "{% include 'lenient-x//template.html' %}"))


async def test_the_clock_is_for_templates_that_ask():
    async with open_engine(workers=1, clock=lambda: 86_400.0) as engine:
        markup = "{{ now()|date('iso') }} {{ 0|timeago }}"
        assert await engine.expand(template(markup), {}) == "1970-01-02 1 day ago"
        assert await engine.expand(template("{{ now }}{{ 0 }}"), {"now": "x"}) == "x0"


async def test_another_engine_s_template_is_refused(engine):
    failed = await failure(engine, "{{x}}", engine="handlebars")
    assert 'there is no template engine "handlebars" here' in str(failed)


async def test_a_template_that_is_too_large_is_refused_before_any_work(engine):
    failed = await failure(engine, "x" * 1_048_577)
    assert failed.reason == "template_too_large"
    assert "takes 1,048,5" in str(failed).replace("take ", "takes ")
    failed = await failure(engine, "x", {"a": "x" * 2_097_152})
    assert failed.reason == "template_too_large"
    assert "the variables take 2,097,1" in str(failed)


async def test_the_same_fingerprint_is_sent_once_and_an_old_one_again(engine):
    for number in [*range(300), *range(3)]:
        one = sample_template(markup=f"{number}{{{{ x }}}}", fingerprint=f"f{number}")
        assert await engine.expand(one, {"x": "!"}) == f"{number}!"


async def test_a_syntax_error_is_told_every_time(engine):
    for _ in range(2):
        bad = sample_template(markup="{% if %}", fingerprint="bad")
        with pytest.raises(RenderFailed, match="syntax error"):
            await engine.expand(bad, {})


async def test_strict_and_lenient_templates_with_equal_markup_do_not_mix(engine):
    assert await engine.expand(template("{{ a.b }}"), {}) == ""
    with pytest.raises(RenderFailed, match="undefined"):
        await engine.expand(template("{{ a.b }}", strict=True), {})


async def test_many_expansions_at_once_each_get_their_own_answer(engine):
    texts = await asyncio.gather(
        *(engine.expand(template("{{ n }}" + " " * (n % 7)), {"n": n}) for n in range(200))
    )
    assert [int(text) for text in texts] == list(range(200))


async def test_a_cancelled_expansion_does_not_disturb_the_next(engine):
    task = asyncio.create_task(engine.expand(template(GROWING), {}))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await still_works(engine)
