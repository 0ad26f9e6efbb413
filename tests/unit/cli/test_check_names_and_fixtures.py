"""What `repaintd check` finds where every file is valid, but the parts do not fit together."""

from __future__ import annotations

from pathlib import Path

import pytest

from repaintd.app import Options, load
from repaintd.app.checking import check
from repaintd.app.fixtures import FixtureRefused, check_fixtures, fixture_names, read_fixture
from repaintd.core.template import MISSING

ROOT = Path(__file__).parents[3]
BINDINGS = """
bindings:
  - uid: other
    templateId: plain
    dataSource: { type: webhook }
    mapping: { title: title }
    webhook: { auth: none }
  - uid: card
    templateId: plain
    dataSource: { type: webhook }
    webhook: { auth: none }
    mapping:
      title: repo.name
      stars: repo.stars
    defaults:
      stars: 0
"""
TEMPLATE = "variables: { title: { description: big }, stars: 1 }\n"


@pytest.fixture
def tree(tmp_path):
    config = tmp_path / "config"
    write(config, "templates/plain/template.html", "<body>{{ title }} {{ stars }}</body>")
    write(config, "templates/plain/template.yaml", TEMPLATE)
    write(config, "bindings/all.yaml", BINDINGS)
    write(config, "repaintd.yaml", "server: { apiKeys: ['${env:KEY}'] }")
    return config


def write(tree: Path, name: str, text: str) -> None:
    (tree / name).parent.mkdir(parents=True, exist_ok=True)
    (tree / name).write_text(text)


def options(tree: Path) -> Options:
    return Options(directory=tree, environ={"KEY": "x"})


def problems(tree: Path) -> list[str]:
    return [str(each) for each in check(options(tree)).problems]


def test_what_fits_together_has_no_problems(tree):
    write(tree, "fixtures/card.json", '{"repo": {"name": "a", "stars": 3}}')
    done = check(options(tree))
    assert done.problems == ()
    assert (done.bindings, done.templates, done.fixtures) == (2, 1, 1)


def test_the_example_has_no_problems_and_fixtures():
    done = check(Options(directory=ROOT / "config", environ={"REPAINTD_API_KEY": "x"}))
    assert [str(each) for each in done.problems] == []
    assert done.fixtures == 3


def test_a_variable_that_the_template_does_not_know_is_told_where_it_is_mapped(tree):
    text = BINDINGS.replace("stars: repo.stars", "strars: repo.stars")
    write(tree, "bindings/all.yaml", text.replace("stars: 0", "sub: 0"))
    assert problems(tree) == [
        (
            "bindings/all.yaml:14:7: bindings[1].mapping.strars: warning: the template plain has "
            "no variable strars; did you mean stars? remove it, or use it there"
        ),
        (
            "bindings/all.yaml:16:7: bindings[1].defaults.sub: warning: the template plain has no "
            "variable sub; remove it, or use it there"
        ),
    ]


def test_a_variable_that_is_used_but_not_declared_is_known(tree):
    write(tree, "templates/plain/template.html", "{% include 'x.html' %} {{ title }} {{ stars }}")
    write(tree, "templates/plain/x.html", "{{ subtitle }}")
    write(tree, "bindings/all.yaml", BINDINGS.replace("stars: 0", "subtitle: 0"))
    assert problems(tree) == []


def test_a_variable_that_nobody_gives_a_value_is_told(tree):
    write(tree, "bindings/all.yaml", BINDINGS.replace("title: repo.name", 'title: ""'))
    (told,) = problems(tree)
    assert told == (
        "bindings/all.yaml:12:5: bindings[1].mapping: warning: gives the variable title of the "
        "template plain no value, so it stays empty; map it, or give it a default"
    )
    write(tree, "templates/plain/template.yaml", f"strict: true\n{TEMPLATE}")
    (told,) = problems(tree)
    assert "mapping: gives the variable title" in told
    assert "so every refresh fails" in told


def test_a_declared_variable_that_the_template_never_uses_is_told(tree):
    write(tree, "templates/plain/template.yaml", "variables:\n  title: ''\n  stars: 0\n  sub: 1\n")
    assert problems(tree) == [
        (
            "templates/plain/template.yaml:4:3: variables.sub: warning: is used nowhere in the "
            "template; use it, remove it, or mend its spelling"
        )
    ]


def test_a_path_that_finds_nothing_in_the_fixture_is_told_where_it_is_written(tree):
    write(tree, "fixtures/card.json", '{"repo": {"nme": "a", "stars": null}}')
    (told,) = problems(tree)
    assert told == (
        'bindings/all.yaml:13:14: bindings[1].mapping.title: warning: path "repo.name" matched '
        'nothing: no key "name" in "repo", in fixtures/card.json; used instead: empty'
    )


def test_it_is_an_error_when_the_template_is_strict_and_there_is_no_default(tree):
    write(tree, "templates/plain/template.yaml", f"strict: true\n{TEMPLATE}")
    for document in ('{"repo": {}}', '{"repo": {"name": null}}'):
        write(tree, "fixtures/card.json", document)
        done = check(options(tree))
        (error,) = (each for each in done.problems if each.severity == "error")
        assert (error.line, error.path) == (13, "bindings[1].mapping.title")
        assert error.message.endswith("its strict template then fails")
        assert done.errors == 1


def test_a_path_that_says_itself_what_to_do_is_no_doubt(tree):
    text = BINDINGS.replace("title: repo.name", "title: repo.name || 'none'")
    write(tree, "bindings/all.yaml", text)
    write(tree, "fixtures/card.json", '{"repo": {"stars": 1}}')
    assert problems(tree) == []


def test_a_fixture_that_is_no_json_is_an_error_with_its_place(tree):
    write(tree, "fixtures/card.json", '{\n  "repo": }')
    (told,) = problems(tree)
    assert told.startswith("fixtures/card.json:2:11: is no JSON: ")
    with pytest.raises(FixtureRefused) as refused:
        read_fixture(tree, "card")
    assert (refused.value.line, refused.value.column) == (2, 11)


def test_a_fixture_without_a_binding_is_doubted_with_the_one_that_was_meant(tree):
    write(tree, "fixtures/crad.json", "{}")
    write(tree, "fixtures/README.md", "how these were recorded")
    assert problems(tree) == [
        (
            "fixtures/crad.json:1:1: warning: there is no binding crad; did you mean card? rename "
            "the file, or remove it"
        )
    ]


def test_variables_that_are_too_large_are_told_at_the_mapping(tree):
    write(tree, "fixtures/card.json", '{"repo": {"name": "%s"}}' % ("x" * 1_100_000))
    (told,) = problems(tree)
    assert told.startswith("bindings/all.yaml:12:5: bindings[1].mapping: cannot be mapped from ")
    assert len(told) < 500


def test_fixtures_are_bounded_and_stay_in_their_directory(tree, tmp_path):
    write(tree, "fixtures/card.json", '{"repo": 1}')
    with pytest.raises(FixtureRefused, match="at most 5 are allowed"):
        read_fixture(tree, "card", 5)
    (tmp_path / "outside.json").write_text("{}")
    (tree / "fixtures" / "card.json").unlink()
    (tree / "fixtures" / "card.json").symlink_to(tmp_path / "outside.json")
    with pytest.raises(FixtureRefused, match="out of the configuration directory"):
        read_fixture(tree, "card")
    (told,) = problems(tree)
    assert told.startswith("fixtures/card.json:1:1: is a symbolic link out of")


def test_a_folder_of_fixtures_that_lies_outside_is_an_error(tree, tmp_path):
    (tmp_path / "outside").mkdir()
    (tree / "fixtures").symlink_to(tmp_path / "outside")
    (told,) = problems(tree)
    assert told.startswith("fixtures:1:1: is a symbolic link out of")
    assert fixture_names(tree) == []


def test_a_fixture_may_be_any_json_and_may_be_missing(tree):
    write(tree, "fixtures/card.json", "null")
    assert read_fixture(tree, "card") is None
    assert read_fixture(tree, "other") is MISSING


def test_a_binding_whose_file_went_away_is_told_at_the_place_it_was_read_from(tree):
    write(tree, "fixtures/card.json", "{}")
    loaded = load(options(tree))
    for text in (None, "bindings: [", "bindings: [{ uid: other }]"):
        (tree / "bindings" / "all.yaml").unlink(missing_ok=True)
        if text is not None:
            write(tree, "bindings/all.yaml", text)
        first = check_fixtures(loaded)[0]
        assert (first.file, first.line) == ("bindings/all.yaml", 8)
    (tree / "bindings" / "all.yaml").unlink()
    (tree / "bindings" / "all.yaml").mkdir()
    assert check_fixtures(loaded)[0].line == 8
