"""Problems as people read them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from repaintd.config import Problem
from repaintd.config.document import Document
from repaintd.config.problem import Report, dotted
from repaintd.config.wording import allowed_keys, did_you_mean, problems_of
from repaintd.config.yaml_reader import YamlReader
from repaintd.config.yaml_syntax import character_problem, syntax_problem
from repaintd.plugin import SpecModel


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("bindings", 0, "refreshPolicy", "ttlSeconds"), "bindings[0].refreshPolicy.ttlSeconds"),
        ((0, "a"), "[0].a"),
        (("headers", "X-API-Key"), "headers.X-API-Key"),
        (("mapping", "a.b"), 'mapping["a.b"]'),
        (("", "x"), '[""].x'),
        (("x" * 90,), '["' + "x" * 80 + '…"]'),
        (("x" * 80,) * 4, ".".join(["x" * 80] * 3)[:200] + "…"),
    ],
    ids=range(8),
)
def test_paths(path: tuple[str | int, ...], text: str):
    assert dotted(path) == text


def test_a_problem_as_text():
    where = {"file": "a.yaml", "line": 3, "column": 7, "message": "is wrong; mend it"}
    assert str(Problem(**where, path="a[0].b")) == "a.yaml:3:7: a[0].b: is wrong; mend it"
    assert str(Problem(**where)) == "a.yaml:3:7: is wrong; mend it"
    assert str(Problem(**where, path="a", severity="warning")) == (
        "a.yaml:3:7: a: warning: is wrong; mend it"
    )


def test_problems_come_by_file_and_place():
    report = Report()
    for file, line in (("b", 1), ("a", 10), ("a", 9)):
        report.add(Problem(file=file, line=line, message="m", severity="warning"))
    assert [(each.file, each.line) for each in report.problems()] == [("a", 9), ("a", 10), ("b", 1)]
    assert not report.failed
    report.add(Problem(file="c", message="m"))
    assert report.failed


def test_a_settled_place_gets_no_second_problem():
    report = Report()
    report.settle([Problem(file="a", message="first")])
    report.add(Problem(file="a", message="follows"))
    report.add(Problem(file="a", message="other", path="x"))
    assert [each.message for each in report.problems()] == ["first", "other"]


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("templateid", " did you mean templateId?"),
        ("template_id", " did you mean templateId?"),
        ("temlateId", " did you mean templateId?"),
        ("interval", ""),
        ("x" * 100_000, ""),
    ],
    ids=range(5),
)
def test_suggestions(word: str, hint: str):
    assert did_you_mean(word, ["templateId", "uid"]) == hint


class Cat(SpecModel):
    type: Literal["cat"]
    lives_left: int = 9


class Dog(SpecModel):
    type: Literal["dog"]
    good_boy: bool = True


class Fish(SpecModel):
    type: Literal["fish"]
    depth: Annotated[float, Field(lt=100)] = 1.0


class Pets(SpecModel):
    tagged: Annotated[Cat | Dog, Field(discriminator="type")] | None = None
    either: Cat | Dog | None = None
    many: list[Cat] = Field(default_factory=list, min_length=0)
    named: dict[str, Dog] = Field(default_factory=dict)
    some: Annotated[tuple[int, ...], Field(min_length=1, max_length=2)] = (1,)
    fish: Fish | None = None
    when: Any = None
    age: int = 0
    odd: complex = 0j


class Loose(BaseModel):
    """A model of somebody who does not use ours."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)
    some_key: int


def told(model: type[BaseModel], text: str) -> list[str]:
    document, problems = YamlReader().read("f", text)
    assert document is not None
    assert problems == []
    with pytest.raises(ValidationError) as raised:
        model.model_validate(document.value, by_alias=True, by_name=False)
    return [str(each) for each in problems_of(document, raised.value, model)]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("tagged: { name: x }", "f:1:9: tagged: needs the key 'type'"),
        ("tagged: { type: cow }", "f:1:9: tagged: 'type' must be one of 'cat', 'dog'"),
        (
            "tagged: { type: cat, livesLeftt: 3 }",
            (
                "f:1:22: tagged.livesLeftt: unknown key; did you mean livesLeft? "
                "allowed here: livesLeft, type"
            ),
        ),
        (
            "many: [{ type: cat, lives: 3 }]",
            (
                "f:1:21: many[0].lives: unknown key; did you mean livesLeft? "
                "allowed here: livesLeft, type"
            ),
        ),
        (
            "named: { rex: { type: dog, goodBoi: true } }",
            (
                "f:1:28: named.rex.goodBoi: unknown key; did you mean goodBoy? "
                "allowed here: goodBoy, type"
            ),
        ),
        ("named: { rex: {} }", "f:1:15: named.rex.type: is required; add it"),
        ("some: []", "f:1:7: some: has too few entries; at least 1 are needed"),
        ("some: [1, 2, 3]", "f:1:7: some: has too many entries; at most 2 are allowed"),
        ("some: 3", "f:1:7: some: must be a list (- item)"),
        ("fish: { type: fish, depth: 100 }", "f:1:28: fish.depth: must be less than 100"),
        ("age: x", "f:1:6: age: must be a whole number"),
        ("age: 1.5", "f:1:6: age: must be a whole number"),
        ("age: [1]", "f:1:6: age: must be a whole number, without quotes"),
        ("odd: x", "f:1:6: odd: is refused: Input should be a valid python complex"),
    ],
)
def test_what_pydantic_says_in_plain_words(text: str, problem: str):
    assert told(Pets, text)[0].startswith(problem)


def test_members_of_a_union_are_known_by_name():
    found = told(Pets, "either: { type: cat, goodBoy: 3 }")
    assert found[0] == ("f:1:22: either.goodBoy: unknown key; allowed here: livesLeft, type")


def test_models_of_others_are_read_too():
    assert allowed_keys(Loose, ()) == {"someKey"}
    assert told(Loose, "someKey: 1\nsomKey: 2\n") == [
        "f:2:1: somKey: unknown key; did you mean someKey? allowed here: someKey"
    ]


def test_a_syntax_error_without_a_mark_still_has_a_place():
    problem = character_problem("f", "no fault to find")
    assert str(problem) == (
        "f:1:1: holds a character, which YAML does not allow; remove it or write an escape"
    )


def test_a_mark_behind_the_text_is_no_trouble():
    import yaml
    from yaml.error import Mark

    mark = Mark("f", 0, 99, 0, None, None)
    problem = syntax_problem("f", yaml.MarkedYAMLError(problem="odd", problem_mark=mark), "a\n")
    assert str(problem) == "f:100:1: is not YAML: odd; mend the syntax around here"


def test_a_document_can_be_made_by_hand():
    assert Document("f", "a: 1", {"a": 1}).problem(("a",), "m").column == 4
