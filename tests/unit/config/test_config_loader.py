"""A load after another: what has not changed is the same object, what is wrong is told anew."""

from __future__ import annotations

import gc
import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from repaintd.config import (
    Configuration,
    ConfigurationError,
    Loader,
    TemplateProblem,
    limits,
    load_configuration,
    yaml_files,
)
from repaintd.config.document import Document
from repaintd.core.binding import Origin

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from repaintd.core.template import Template
    from repaintd.plugin import SourceSpec


def entry(uid: str, **changes: str) -> str:
    keys = {
        "templateId": "card",
        "dataSource": "{ type: http, url: http://h/a }",
        "refreshPolicy": "{ ttlSeconds: 300 }",
    } | changes
    lines = "".join(f"    {key}: {value}\n" for key, value in keys.items())
    return f"  - uid: {uid}\n{lines}"


def listing(*entries: str) -> str:
    return "bindings:\n" + "".join(entries)


class Bench:
    """A directory, its loader, and a look at which files it reads."""

    def __init__(self, tree: Path, specs: dict[str, type[SourceSpec]], **options: Any) -> None:
        self.tree = tree
        self.environ: dict[str, str] = {}
        self.settled = True
        self.options = {"source_specs": specs, "environ": self.environ} | options
        self.loader = Loader(tree, clock_ns=self._clock, **self.options)
        self.read: list[str] = []

    def _clock(self) -> int:
        return time.time_ns() + (60_000_000_000 if self.settled else 0)

    def write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            path = self.tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())

    def load(self, files: dict[str, str] | None = None) -> Configuration:
        self.write(files or {})
        self.read.clear()
        return self.loader.load()

    def problems(self, files: dict[str, str] | None = None) -> list[str]:
        with pytest.raises(ConfigurationError) as raised:
            self.load(files)
        found, read = [str(problem) for problem in raised.value.problems], self.read.copy()
        with pytest.raises(ConfigurationError) as again:
            load_configuration(self.tree, **self.options)
        assert found == [str(problem) for problem in again.value.problems]
        self.read[:] = read
        return found

    def warnings(self) -> list[str]:
        return [str(problem) for problem in self.load().warnings]


@pytest.fixture
def bench(
    tree: Path, http_specs: dict[str, type[SourceSpec]], monkeypatch: pytest.MonkeyPatch
) -> Bench:
    bench = Bench(tree, http_specs)
    read_file = yaml_files.read_file

    def read(real: str, most: int) -> bytes:
        bench.read.append(os.path.relpath(real, tree))
        return read_file(real, most)

    monkeypatch.setattr(yaml_files, "read_file", read)
    return bench


ONE = {"bindings/a.yaml": listing(entry("a"), entry("b")), "bindings/b.yaml": listing(entry("c"))}


def test_what_did_not_change_is_not_read_and_is_the_same_object(bench: Bench):
    first = bench.load(ONE | {"repaintd.yaml": "refresh: { perHost: 2 }"})
    assert sorted(bench.read) == ["bindings/a.yaml", "bindings/b.yaml", "repaintd.yaml"]
    second = bench.load()
    assert bench.read == []
    assert second == first
    assert all(second.bindings[uid] is first.bindings[uid] for uid in "abc")
    assert second.templates["card"] is first.templates["card"]
    assert second.settings is first.settings


def test_a_file_that_was_written_a_moment_ago_is_read_again_but_not_parsed(bench: Bench):
    bench.settled = False
    first = bench.load(ONE)
    second = bench.load()
    assert bench.read == ["bindings/a.yaml", "bindings/b.yaml"]
    assert all(second.bindings[uid] is first.bindings[uid] for uid in "abc")


def test_a_touched_file_is_read_and_gives_the_same_objects(bench: Bench):
    first = bench.load(ONE)
    os.utime(bench.tree / "bindings/a.yaml", (1, 1))
    assert bench.load().bindings["a"] is first.bindings["a"]
    assert bench.read == ["bindings/a.yaml"]
    bench.load()
    assert bench.read == []


def test_one_changed_binding_leaves_the_others_the_same_objects(bench: Bench):
    first = bench.load(ONE)
    second = bench.load({"bindings/a.yaml": listing(entry("a"), entry("b", name="B"))})
    assert bench.read == ["bindings/a.yaml"]
    assert second.bindings["b"].name == "B"
    assert second.bindings["a"] is first.bindings["a"]
    assert second.bindings["c"] is first.bindings["c"]


def test_a_binding_that_moved_keeps_all_but_its_place(bench: Bench):
    first = bench.load(ONE)
    second = bench.load({"bindings/a.yaml": "# a comment\n" + ONE["bindings/a.yaml"]})
    assert second.bindings["a"].origin == Origin(file="bindings/a.yaml", line=3)
    assert second.bindings["a"].source is first.bindings["a"].source


@pytest.mark.parametrize(("one", "other"), [("1", "true"), ("1", "1.0"), ("0", "'0'")])
def test_a_value_of_another_type_is_a_change(bench: Bench, one: str, other: str):
    def data(value: str) -> str:
        return listing(entry("a", dataSource=f"{{ type: static, data: {{ x: {value} }} }}"))

    first = bench.load({"bindings/a.yaml": data(one)}).bindings["a"]
    second = bench.load({"bindings/a.yaml": data(other)}).bindings["a"]
    assert second.source.fingerprint != first.source.fingerprint
    assert type(second.source.spec.static_data["x"]) is not type(first.source.spec.static_data["x"])


def test_files_come_and_go(bench: Bench):
    bench.load(ONE)
    (bench.tree / "bindings/b.yaml").unlink()
    assert list(bench.load({"bindings/d/x.yaml": listing(entry("d"))}).bindings) == ["a", "b", "d"]
    assert bench.read == ["bindings/d/x.yaml"]


def test_stricter_rules_judge_every_file_again(bench: Bench):
    bench.load(ONE)
    assert bench.problems({"repaintd.yaml": "refresh: { minTtlSeconds: 301 }"}) == [
        f"bindings/{file}.yaml:{line}:34: bindings[{index}].refreshPolicy.ttlSeconds: "
        "must be at least 301 (refresh.minTtlSeconds)"
        for file, line, index in [("a", 5, 0), ("a", 9, 1), ("b", 5, 0)]
    ]
    assert list(bench.load({"repaintd.yaml": ""}).bindings) == ["a", "b", "c"]


def test_a_template_that_goes_is_missed_by_files_that_did_not_change(bench: Bench):
    bench.load(ONE | {"templates/other/template.html": "x"})
    (bench.tree / "templates/other/template.html").unlink()
    (bench.tree / "templates/other").rmdir()
    (bench.tree / "templates/card").rename(bench.tree / "templates/cart")
    assert bench.problems() == [
        f"bindings/{file}.yaml:{line}:17: bindings[{index}].templateId: "
        "there is no folder templates/card; did you mean cart?"
        for file, line, index in [("a", 3, 0), ("a", 7, 1), ("b", 3, 0)]
    ]
    (bench.tree / "templates/cart").rename(bench.tree / "templates/card")
    assert list(bench.load().bindings) == ["a", "b", "c"]


def test_a_template_that_nobody_names_disturbs_no_file(bench: Bench):
    bench.load(ONE)
    bench.load({"templates/new/template.html": "x"})
    assert bench.read == []


def test_what_is_said_of_a_missing_template_follows_the_templates(bench: Bench):
    bindings = {"bindings/a.yaml": listing(entry("a", templateId="cord"))}
    assert bench.problems(bindings)[0].endswith("did you mean card?")
    assert bench.problems({"templates/corda/template.html": "x"})[0].endswith("did you mean corda?")


def test_bad_input_11_a_uid_of_an_unchanged_file_is_still_taken(bench: Bench):
    bench.load(ONE)
    problem = "c is the uid of the binding at bindings/a.yaml:2 already; rename one"
    assert bench.problems({"bindings/a.yaml": listing(entry("c"))}) == [
        f"bindings/b.yaml:2:10: bindings[0].uid: {problem}"
    ]
    assert "bindings/b.yaml" not in bench.read
    assert bench.problems() == [f"bindings/b.yaml:2:10: bindings[0].uid: {problem}"]
    assert list(bench.load(ONE).bindings) == ["a", "b", "c"]


def test_the_place_of_a_problem_is_lost_with_the_file_that_it_stands_in(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
):
    bench.load(ONE)
    from repaintd.config import part
    from repaintd.config.files import FileRefused

    def gone(real: str, most: int) -> bytes:
        raise FileRefused("is not there")

    monkeypatch.setattr(part, "read_file", gone)
    bench.write({"bindings/a.yaml": listing(entry("c"))})
    with pytest.raises(ConfigurationError) as raised:
        bench.loader.load()
    assert [str(each)[:40] for each in raised.value.problems] == [
        "bindings/b.yaml:1:1: bindings[0].uid: c "
    ]


def test_bad_input_17_secrets_are_looked_for_at_each_load(bench: Bench):
    source = '{ type: http, url: "http://h/${env:A}" }'
    bindings = listing(entry("a"), entry("b", dataSource=source), entry("c", dataSource=source))
    absent = (
        "bindings/a.yaml:8:36: bindings[1].dataSource.url: warning: ${env:A} has no value: "
        "the variable is not set; set it for the daemon; what uses it fails until then"
    )
    bench.environ["A"] = "x"
    assert bench.load({"bindings/a.yaml": bindings}).warnings == ()
    del bench.environ["A"]
    assert bench.warnings() == [absent]
    assert bench.read == []
    assert bench.warnings() == [absent]
    bench.environ["A"] = "x"
    assert bench.warnings() == []


def test_a_secret_is_told_once_over_all_files_those_unchanged_among_them(bench: Bench):
    source = '{ type: http, url: "http://h/${env:A}" }'
    files = {f"bindings/{uid}.yaml": listing(entry(uid, dataSource=source)) for uid in "ab"}
    assert [each.file for each in bench.load(files).warnings] == ["bindings/a.yaml"]
    (bench.tree / "bindings/a.yaml").unlink()
    assert [each.file for each in bench.load().warnings] == ["bindings/b.yaml"]


def test_warnings_of_unchanged_files_are_kept(bench: Bench):
    text = listing(entry("a", webhook="{ secret: whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0 }"))
    first = bench.load({"bindings/a.yaml": text, "bindings/b.yml": "", "repaintd.yml": ""}).warnings
    assert len(first) == 3
    assert bench.load().warnings == first
    assert bench.read == []


def test_a_broken_file_that_is_restored_gives_the_same_objects(bench: Bench):
    first = bench.load(ONE)
    for broken in ("bindings: [", "\0", listing(entry("a", templateId="none"))):
        bench.problems({"bindings/a.yaml": broken})
        second = bench.load(ONE)
        assert second == first
        assert all(second.bindings[uid] is first.bindings[uid] for uid in "abc")


def test_files_that_failing_loads_do_not_meet_are_remembered_until_one_succeeds(bench: Bench):
    first = bench.load(ONE)
    (bench.tree / "bindings/b.yaml").unlink()
    for _ in range(3):
        bench.problems({"bindings/a.yaml": "3"})
    second = bench.load(ONE)
    assert second.bindings["c"] is first.bindings["c"]


def test_what_is_sound_in_a_failing_load_is_remembered(bench: Bench):
    bench.problems(ONE | {"bindings/c.yaml": "3"})
    bench.load({"bindings/c.yaml": ""})
    assert bench.read == ["bindings/c.yaml"]


def test_a_binding_that_is_fixed_leaves_its_neighbours_the_same_objects(bench: Bench):
    first = bench.load(ONE)
    bench.problems({"bindings/a.yaml": listing(entry("a"), entry("b", paused="NO"))})
    second = bench.load({"bindings/a.yaml": listing(entry("a"), entry("b", paused="true"))})
    assert second.bindings["a"] is first.bindings["a"]


def test_valid_invalid_valid_a_hundred_times(bench: Bench):
    first = bench.load(ONE)
    invalid = [
        {"bindings/a.yaml": "bindings: ["},
        {"bindings/b.yaml": listing(entry("a"))},
        {"repaintd.yaml": "refresh: 3"},
        {"templates/card/template.yaml": "width: wide"},
        {"templates/b d/template.html": ""},
    ]
    for turn in range(100):
        files = invalid[turn % len(invalid)]
        before = {name: (bench.tree / name) for name in files if (bench.tree / name).exists()}
        bodies = {name: path.read_text() for name, path in before.items()}
        with pytest.raises(ConfigurationError):
            bench.load(files)
        for name in files:
            (bench.tree / name).unlink()
            if (bench.tree / name).parent.name == "b d":
                (bench.tree / name).parent.rmdir()
        again = bench.load(bodies)
        assert again == first
        assert all(again.bindings[uid] is each for uid, each in first.bindings.items())
        assert again.templates["card"] is first.templates["card"]


def test_a_directory_that_goes_and_comes_back_is_remembered(bench: Bench):
    first = bench.load(ONE)
    bench.tree.rename(bench.tree.with_name("away"))
    assert bench.problems() == [f"{bench.tree}:1:1: is not a directory; name one with --config"]
    bench.tree.with_name("away").rename(bench.tree)
    assert bench.load().bindings["a"] is first.bindings["a"]
    assert bench.read == []


def test_a_file_in_place_of_a_folder_is_a_problem_until_it_is_mended(bench: Bench):
    first = bench.load(ONE)
    bench.tree.joinpath("bindings").rename(bench.tree / "kept")
    assert bench.problems({"bindings": "x"}) == [
        "bindings:1:1: cannot be read: Not a directory; mend it, or remove it"
    ]
    (bench.tree / "bindings").unlink()
    bench.tree.joinpath("kept").rename(bench.tree / "bindings")
    assert bench.load().bindings["a"] is first.bindings["a"]


def on_read(monkeypatch: pytest.MonkeyPatch, name: str, act: Callable[[], object]) -> None:
    """Do something between the listing of the tree and the reading of one file."""
    read_file = yaml_files.read_file

    def read(real: str, most: int) -> bytes:
        if real.endswith(name):
            act()
        return read_file(real, most)

    monkeypatch.setattr(yaml_files, "read_file", read)


def test_bad_input_15_a_file_that_vanishes_during_the_load_is_a_problem(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
):
    first = bench.load(ONE)
    path = bench.tree / "bindings/b.yaml"
    path.write_text(ONE["bindings/b.yaml"] + "#")
    with monkeypatch.context() as patch:
        on_read(patch, "b.yaml", path.unlink)
        with pytest.raises(ConfigurationError) as raised:
            bench.load()
    assert [str(each) for each in raised.value.problems] == [
        "bindings/b.yaml:1:1: is not there, or is a symbolic link to nothing; put it back"
    ]
    assert bench.load(ONE).bindings["c"] is first.bindings["c"]


def test_bad_input_15_a_file_replaced_during_the_load_is_not_mistaken_for_the_old_one(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
):
    """The stamp is the one from before, so the next load looks again."""
    bench.load(ONE)
    path = bench.tree / "bindings/b.yaml"
    path.write_text(listing(entry("d")))
    with monkeypatch.context() as patch:
        on_read(patch, "b.yaml", lambda: path.write_text(listing(entry("e"))))
        assert "e" in bench.load().bindings
    assert "e" in bench.load().bindings
    assert bench.read == ["bindings/b.yaml"]


def test_bad_input_15_a_tree_checked_out_in_part_fails_and_then_loads(bench: Bench):
    first = bench.load(ONE)
    both = listing(entry("c", templateId="new"))
    assert bench.problems({"bindings/b.yaml": both}) == [
        (
            "bindings/b.yaml:3:17: bindings[0].templateId: there is no folder templates/new; "
            "make it, or name another"
        )
    ]
    (bench.tree / "templates/new").mkdir()
    assert bench.problems() == ["templates/new:1:1: has no template.html; add it"]
    second = bench.load({"templates/new/template.html": "x"})
    assert second.bindings["c"].template_id == "new"
    assert second.bindings["a"] is first.bindings["a"]


def test_bad_input_14_unchanged_files_count_against_the_limits(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
):
    bench.load(ONE)
    size = sum(len(text) for text in ONE.values())
    monkeypatch.setattr(limits, "YAML_TOTAL_BYTES", size + 9)
    too_much = f"brings all YAML files to more than {size + 9:,} bytes; remove some"
    assert bench.problems({"bindings/0.yaml": "bindings: []\n"}) == [
        f"bindings/b.yaml:1:1: {too_much}"
    ]
    bench.load({"bindings/0.yaml": ""})
    assert bench.read == ["bindings/0.yaml"]


def test_bad_input_1_unchanged_aliases_count_against_the_limits(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(limits, "YAML_ALIAS_NODES", 10)
    aliases = "defaults: { a: &x [1, 2, 3, 4], b: *x }"
    first = listing(entry("a") + f"    {aliases}\n")
    bench.load({"bindings/a.yaml": first})
    other = listing(entry("b") + f"    {aliases.replace('4]', '4, 5]')}\n")
    assert bench.problems({"bindings/b.yaml": other}) == [
        (
            "bindings/b.yaml:6:43: bindings[0].defaults.b: aliases stand for more than 10 values; "
            "write fewer of them"
        )
    ]
    (bench.tree / "bindings/a.yaml").unlink()
    assert list(bench.load().bindings) == ["b"]


def test_bad_input_1_aliases_of_a_long_text_count_by_its_length(bench: Bench):
    text = f'{{ type: static, data: [&a "{"x" * 100_000}", {"*a, " * 2000}] }}'
    (problem,) = bench.problems({"bindings/a.yaml": listing(entry("a", dataSource=text))})
    assert problem.endswith("aliases stand for more than 1,000,000 values; write fewer of them")
    text = text.replace('&a "', "&a ").replace('", ', ", ")
    (problem,) = bench.problems({"bindings/a.yaml": listing(entry("a", dataSource=text))})
    assert problem.endswith("aliases stand for more than 1,000,000 values; write fewer of them")


def test_files_with_more_problems_than_are_kept_are_read_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(limits, "PROBLEMS", 2)
    bad = listing(entry("a", x="1", y="2", z="3"))
    found = bench.problems(ONE | {"bindings/0.yaml": bad})
    assert found[-1].endswith("more than 2 problems: mend these first")
    assert bench.problems() == found


def test_equal_parts_are_shared_between_loads_but_not_for_ever(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
):
    def file(mapping: str, uid: str = "a") -> dict[str, str]:
        return {f"bindings/{uid}.yaml": listing(entry(uid, mapping=mapping))}

    first = bench.load(file("{ a: b }"))
    second = bench.load(file("{ a: b }", "b"))
    assert second.bindings["b"].mapping is first.bindings["a"].mapping
    monkeypatch.setattr(bench.loader._bindings, "_shared_most", 0)
    third = bench.load(file("{ a: b }", "c"))
    assert third.bindings["c"].mapping is not first.bindings["a"].mapping


def test_neither_texts_nor_documents_are_kept(bench: Bench):
    bench.load(ONE)
    bench.environ["A"] = "x"
    gc.collect()
    assert not [each for each in gc.get_objects() if isinstance(each, Document)]


@pytest.mark.parametrize("was_on", [True, False])
def test_garbage_is_not_collected_during_the_first_load_but_during_later_ones(
    tree: Path, http_specs: dict[str, type[SourceSpec]], was_on: bool
):
    seen: list[bool] = []

    def look(templates: Any) -> list[list[TemplateProblem]]:
        seen.append(gc.isenabled())
        return [[] for _ in templates]

    bench = Bench(tree, http_specs, check_templates=look)
    if not was_on:
        gc.disable()
    try:
        with pytest.raises(ConfigurationError):
            bench.load({"bindings/a.yaml": "3"})
        seen.append(gc.isenabled())
        bench.load({"bindings/a.yaml": "", CARD: "new"})
    finally:
        gc.enable()
    assert seen == [False, was_on, was_on]


CARD = "templates/card/template.html"


def test_an_edited_template_alone_is_another_object(bench: Bench):
    first = bench.load(ONE | {"templates/other/template.html": "x"})
    second = bench.load({CARD: "<p>new</p>"})
    assert second.templates["card"].markup == "<p>new</p>"
    assert second.templates["card"].fingerprint != first.templates["card"].fingerprint
    assert second.templates["other"] is first.templates["other"]
    assert second.bindings["a"] is first.bindings["a"]


def test_an_edited_asset_is_seen_and_its_neighbours_are_kept(bench: Bench):
    first = bench.load({"templates/card/a.css": "a", "templates/card/b.css": "b"}).templates["card"]
    second = bench.load({"templates/card/a.css": "c"}).templates["card"]
    assert second.assets["a.css"].body == b"c"
    assert second.assets["b.css"] is first.assets["b.css"]
    (bench.tree / "templates/card/b.css").unlink()
    assert list(bench.load().templates["card"].assets) == ["a.css"]


def test_a_template_whose_bytes_are_the_same_is_the_same_object(bench: Bench):
    bench.settled = False
    first = bench.load({"templates/card/template.yaml": "width: 9", "templates/card/a": "x"})
    assert bench.load().templates["card"] is first.templates["card"]
    commented = bench.load({"templates/card/template.yaml": "# nine\nwidth: 9"})
    assert commented.templates["card"] is first.templates["card"]


def test_a_template_default_of_another_type_is_a_change(bench: Bench):
    first = bench.load({"templates/card/template.yaml": "variables: { a: 1 }"}).templates["card"]
    second = bench.load({"templates/card/template.yaml": "variables: { a: true }"})
    assert second.templates["card"].variables["a"].default is True
    assert second.templates["card"].fingerprint != first.fingerprint


def test_a_template_reached_through_a_link_changes_with_the_link(bench: Bench):
    bench.write({"shared/one": "1", "shared/two": "2"})
    link = bench.tree / "templates/card/x.txt"
    link.symlink_to("../../shared/one")
    assert bench.load().templates["card"].assets["x.txt"].body == b"1"
    link.unlink()
    link.symlink_to("../../shared/two")
    assert bench.load().templates["card"].assets["x.txt"].body == b"2"


def test_problems_of_a_broken_template_are_told_again_and_go_with_it(bench: Bench):
    broken = {"templates/card/template.yaml": "width: wide\n"}
    (problem,) = bench.problems(broken)
    assert problem.startswith("templates/card/template.yaml:1:8: width: must be a whole number")
    assert bench.problems() == [problem]
    bench.load({"templates/card/template.yaml": "width: 5\n"})


def test_unchanged_templates_count_against_the_limit_of_all(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(limits, "TEMPLATES_TOTAL_BYTES", 10)
    bench.load({"templates/card/a": "123456"})
    assert bench.problems({"templates/aaa/template.html": "", "templates/aaa/a": "12345"}) == [
        "templates/card/a:1:1: brings all templates to more than 10 bytes; remove some"
    ]
    bench.load({"templates/aaa/a": "1234"})


class Engine:
    """Finds fault with templates that say so, and keeps count."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def __call__(self, templates: Any) -> list[list[TemplateProblem]]:
        self.asked.append([template.id for template in templates])
        return [self._of(template) for template in templates]

    def _of(self, template: Template) -> list[TemplateProblem]:
        wrong = [TemplateProblem(1, 2, "is wrong")] if "wrong" in template.markup else []
        doubt = [TemplateProblem(1, None, "is odd", "warning")] if "odd" in template.markup else []
        return wrong + doubt


def test_the_engine_is_asked_of_changed_templates_only(
    tree: Path, http_specs: dict[str, type[SourceSpec]]
):
    engine = Engine()
    bench = Bench(tree, http_specs, check_templates=engine)
    bench.load({"templates/other/template.html": "odd"})
    assert engine.asked == [["card", "other"]]
    assert [str(each) for each in bench.load().warnings if each.file != "bindings"] == [
        "templates/other/template.html:1:1: warning: is odd"
    ]
    with pytest.raises(ConfigurationError) as raised:
        bench.load({CARD: "wrong"})
    assert str(raised.value.problems[-2]) == "templates/card/template.html:1:2: is wrong"
    with pytest.raises(ConfigurationError):
        bench.load()
    bench.load({CARD: "<p>{{ title }}</p>"})
    bench.load({CARD: "new"})
    assert engine.asked == [["card", "other"], ["card"], ["card"]]


def test_an_engine_that_fails_leaves_what_is_remembered(
    tree: Path, http_specs: dict[str, type[SourceSpec]]
):
    def fail(_templates: Any) -> Any:
        raise RuntimeError("no engine")

    bench = Bench(tree, http_specs, check_templates=fail)
    bench.write(ONE)
    with pytest.raises(RuntimeError):
        bench.load()
    bench.loader._check_templates = None
    assert list(bench.load().bindings) == ["a", "b", "c"]


def test_more_binding_files_than_are_read_are_a_problem_each_time(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(limits, "BINDING_FILES", 1)
    message = "bindings/b.yaml:1:1: is one of more than 1 files; put bindings together"
    assert bench.problems(ONE) == [message]
    assert bench.problems() == [message]
