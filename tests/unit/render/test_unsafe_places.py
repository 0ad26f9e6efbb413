from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repaintd.render.html_place import HOLE, HtmlReader
from repaintd.render.lexer import pieces_of
from repaintd.render.unsafe import unsafe_places


def place_of(source: str):
    reader = HtmlReader()
    first, *rest = source.split("{}")
    reader.read(first)
    for part in rest:
        reader.data()
        reader.read(part)
    return reader.place


@pytest.mark.parametrize(
    ("source", "where", "tag", "attribute", "before"),
    [
        ("<p>a < b <", "tag", "", "", ""),
        ("<p>a < b </", "tag", "", "", ""),
        ("<p>a < b", "text", "p", "", ""),
        ("<P CLASS='x' ID=\"", "quoted", "p", "id", ""),
        ("<p id = 'a{}b", "quoted", "p", "id", f"a{HOLE}b"),
        ("<p id=a{}b", "unquoted", "p", "id", f"a{HOLE}b"),
        ("<p id=", "unquoted", "p", "id", ""),
        ("<p id=a ", "tag", "p", "", ""),
        ("<p id=a>", "text", "p", "", ""),
        ("<p id='a' disabled/", "tag", "p", "", ""),
        ("<p {}='", "quoted", "p", "", ""),
        ("<script>if (a<b) '</p>' ", "script", "script", "", ""),
        ("<SCRIPT src='a'>x</Script >", "text", "script", "", ""),
        ("<script>x</script", "tag", "script", "", ""),
        ("<style>a{}", "style", "style", "", ""),
        ("<title><b x='", "text", "title", "", ""),
        ("<textarea></textarea><a href='", "quoted", "a", "href", ""),
        ("<!-- <p id='", "comment", "", "", ""),
        ("<!-- <p id='--><a title='", "quoted", "a", "title", ""),
        ("<!doctype html><p>", "text", "p", "", ""),
        ("</script><p style='", "quoted", "p", "style", ""),
    ],
)  # fmt: skip
def test_the_reader_knows_where_data_would_land(source, where, tag, attribute, before):
    place = place_of(source)
    assert (place.where, place.tag, place.attribute, place.before) == (
        where,
        tag,
        attribute,
        before,
    )


def complaints(source: str) -> list[str]:
    return [message for _, message in unsafe_places(list(pieces_of(source)))]


@pytest.mark.parametrize(
    "source",
    [
        "<h1>{{ x }}</h1><!-- {{ x }} --><title>{{ x }}</title>",
        '<p class="{{ x }}" title=\'a {{ x }}\' data-x="{{ x }}">',
        '<p {% if x %}class="a {{ x }}"{% else %}hidden{% endif %}>',
        '<a href="{{ x|url }}"><img src="img/{{ x }}.png">',
        '<img src="data:image/png;base64,{{ x }}">',
        "<a href=\"{{ 'a.html' if x else \"b.html\" }}\">",
        "<p style='width: {{ x|round(1) }}%; height: {{ (a / b * 100)|int }}px'>",
        "<p style='top: {{ a - b }}px'>",
        "<p style='left: {{ loop.index0 * 20 }}px; top: {{ loop.index }}px'>",
        "<p style='margin: {{ 4 + 2 }}px'>",
        "<p style='left: {{ (a / b) }}px; top: {{ a / b * 20 + 3 }}px; z-index: {{ 4 }}'>",
        "<p style='color: {{ x|css }}; background: url({{ x|url }})'>",
        "<p style='color: {{ 'red' if a > b else 'green' if a else '#00f' }}; {{ 'x' if a }}'>",
        "{% set c = 'red' if x else 'blue' %}<p style='color: {{ c }}'>",
        "{% for c in ['red', 'blue'] %}<p style='color: {{ c }}'>{% endfor %}",
        "{% for n in range(x) %}<p style='left: {{ n }}px; top: {{ n * 20 }}px'>{% endfor %}",
        "<style>a { color: {{ x|css }}; width: {{ x|number(0) }}px }</style>",
        "<script>let x = {{ x|json }}, y = {{ x|tojson }}, n = {{ x|length }}</script>",
        "<p data-x='{{ x|json }}'>",
        "<svg width={{ x|int }}><polyline points='{{ x|sparkline }}' fill='{{ x }}'/></svg>",
        "<h{{ x|int }}>{{ '<b>'|safe }}</h{{ x|int }}>",
        "{% raw %}<p style='{{ x }}'>{% endraw %}{# <p style='{{ x }}'> #}",
        "{{ }}",
    ],
)  # fmt: skip
def test_normal_templates_have_no_unsafe_places(source):
    assert complaints(source) == []


HTML = "is not safe by HTML escaping alone: "
STYLE_MESSAGE = f"data in a style attribute {HTML}write {{{{{{{{ {{}}|css }}}}}}}}"
NAME_MESSAGE = f"data as the name of a tag or attribute {HTML}write the name out, with {{% if %}}"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("<script>{{ x.y }}</script>", f"data in a script {HTML}write {{{{ x.y|json }}}}"),
        ("<style>{{ x }}</style>", f"data in a style sheet {HTML}write {{{{ x|css }}}}"),
        ("<p style='a: {{ x ~ y }}'>", STYLE_MESSAGE.format("(…)")),
        ("<p style='a: {{ x|css ~ y }}'>", STYLE_MESSAGE.format("(…)")),
        ("<p style='a: {{ x * 2 }}'>", STYLE_MESSAGE.format("(…)")),
        ("<p style='a: {{ x|css or y }}'>", STYLE_MESSAGE.format("(…)")),
        ("<p style='a: {{ 'b' if c else d }}'>", STYLE_MESSAGE.format("(…)")),
        ("<p style='a: {{ (a) ~ (b) }}'>", STYLE_MESSAGE.format("(…)")),
        (f"<p style='{{{{ {'1 + ' * 300}1 }}}}'>", STYLE_MESSAGE.format("(…)")),
        ("{% set c = x %}<p style='{{ c }}'>", STYLE_MESSAGE.format("c")),
        ("{% set c = 1 %}{% set c = x %}<p style='{{ c }}'>", STYLE_MESSAGE.format("c")),
        ("{% for c in x %}<p style='{{ c }}'>", STYLE_MESSAGE.format("c")),
        ("{% for c in [x] %}<p style='{{ c }}'>", STYLE_MESSAGE.format("c")),
        ("{% for a, c in x %}<p style='{{ c }}'>", STYLE_MESSAGE.format("c")),
        ("{% macro m(c) %}<p style='{{ c }}'>", STYLE_MESSAGE.format("c")),
        ("<p class={{ x }}>", f'data in a value without quotes {HTML}write "{{{{ x }}}}"'),
        ("<p {{ x }}>", NAME_MESSAGE),
        ("<{{ x }}>", NAME_MESSAGE),
        ("<p onclick='f({{ x }})'>", f"data in onclick {HTML}use a data attribute and a script"),
        ("<a href='{{ x }}'>", f"data at the start of href {HTML}write {{{{ x|url }}}}"),
        ("<img src=' {{ x }}/a.png'>", f"data at the start of src {HTML}write {{{{ x|url }}}}"),
        ("<iframe srcdoc='a {{ x }}'>", f"data in srcdoc {HTML}write the document out"),
        (
            '<p data-x="{{ x|json }}">',
            "JSON ends a value in double quotes: put single quotes around {{ (…) }}",
        ),
        (
            "{{ x|safe }}",
            "`safe` lets data bring its own markup: leave it out, or trust the source fully",
        ),
        ("{% autoescape false %}", "escaping is off from here on: data can bring its own markup"),
    ],
)  # fmt: skip
def test_bad_input_61_an_unsafe_place_is_named_with_its_remedy(source, message):
    assert complaints(source) == [message]


@given(st.text("<>/='\" apstylecrio!-{}%x|if", max_size=60))
def test_whatever_the_markup_the_search_ends_and_raises_nothing(source):
    list(unsafe_places(list(pieces_of(source))))
