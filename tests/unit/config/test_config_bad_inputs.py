"""Bad inputs 1 to 14 and 17 of the configuration, through the front door, with their messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from repaintd.config import ConfigurationError, limits, load_configuration

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Load, Problems

FILE = "bindings/a.yaml"
GOOD = "bindings:\n  - uid: a\n    templateId: card\n    dataSource: { type: static }\n"


def binding(*more: str, uid: str = "a", source: str = "{ type: static }") -> dict[str, str]:
    """A file with one binding; line 5 and on are *more*."""
    head = f"bindings:\n  - uid: {uid}\n    templateId: card\n    dataSource: {source}\n"
    return {FILE: head + "".join(f"    {line}\n" for line in more)}


def test_bad_input_1_an_alias_bomb_is_told_and_walked_by_nobody(problems: Problems):
    lines = ["a0: &a0 [x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    assert problems({FILE: "\n".join(lines)}) == [
        (
            "bindings/a.yaml:7:40: a6[6]: aliases stand for more than 1,000,000 values; "
            "write fewer of them"
        )
    ]


def test_bad_input_2_a_recursive_alias(problems: Problems):
    assert problems({FILE: "bindings: &a [*a]"}) == [
        "bindings/a.yaml:1:15: bindings[0]: *a stands inside what it names; write it out"
    ]


def test_bad_input_3_deep_nesting(problems: Problems):
    (problem,) = problems({FILE: "bindings: " + "[" * 5000})
    assert problem.startswith("bindings/a.yaml:1:74: bindings[0][0]")
    assert problem.endswith("[0]: is nested more than 64 deep; make it flatter")


def test_bad_input_4_numbers_that_are_none(problems: Problems):
    files = binding(f"defaults: {{ digits: {'9' * 5000} }}", "mapping: {d: 2024-02-30 }")
    assert problems(files) == [
        (
            "bindings/a.yaml:5:25: bindings[0].defaults.digits: is a number of more than 64 bits; "
            "quote it if it is meant as text"
        ),
    ]


def test_bad_input_5_duplicate_keys(problems: Problems):
    assert problems(binding("mapping:", "  title: a", "  stars: b", "  title: c")) == [
        (
            "bindings/a.yaml:8:7: bindings[0].mapping.title: is given twice, first on line 6; "
            "remove one of them"
        )
    ]


def test_bad_input_6_no_is_text_and_no_truth_value(load: Load, problems: Problems):
    assert problems(binding("paused: NO")) == [
        "bindings/a.yaml:5:13: bindings[0].paused: must be true or false, without quotes"
    ]
    found = load(binding("defaults: { country: NO, time: 12:30:45, number: 0123, on: yes }"))
    assert found.bindings["a"].defaults == {
        "country": "NO",
        "time": "12:30:45",
        "number": 123,
        "on": "yes",
    }


def test_bad_input_7_tags(problems: Problems):
    assert problems(binding("name: !!python/object/apply:os.system [id]")) == [
        (
            "bindings/a.yaml:5:11: bindings[0].name: has the tag !!python/object/apply:os.system; "
            "tags are not allowed, remove it"
        )
    ]


@pytest.mark.parametrize(
    ("ttl", "message"),
    [
        (".inf", "must be a finite number; quote it if it is meant as text"),
        (".nan", "must be a finite number; quote it if it is meant as text"),
        ("-1", "must be at least 60 (refresh.minTtlSeconds)"),
        ("0", "must be at least 60 (refresh.minTtlSeconds)"),
        ("59", "must be at least 60 (refresh.minTtlSeconds)"),
        ("1e-9", "must be a whole number, without quotes"),
        ("300.0", "must be a whole number, without quotes"),
        ("1000000000000", "must be at most 604800"),
        ("'300'", "must be a whole number, without quotes"),
        ("true", "must be a whole number, without quotes"),
        ("5m", "must be a whole number, without quotes"),
    ],
)
def test_bad_input_8_absurd_intervals(problems: Problems, ttl: str, message: str):
    assert problems(binding(f"refreshPolicy: {{ ttlSeconds: {ttl} }}")) == [
        f"bindings/a.yaml:5:34: bindings[0].refreshPolicy.ttlSeconds: {message}"
    ]


def test_bad_input_9_unknown_keys_with_what_was_meant(problems: Problems):
    files = binding("refreshPolicy: { intervall: 5, ttlSecond: 300 }", "outputconfig: {}")
    assert problems(files) == [
        (
            "bindings/a.yaml:5:22: bindings[0].refreshPolicy.intervall: unknown key; "
            "allowed here: onError, ttlSeconds, type"
        ),
        (
            "bindings/a.yaml:5:36: bindings[0].refreshPolicy.ttlSecond: unknown key; "
            "did you mean ttlSeconds? allowed here: onError, ttlSeconds, type"
        ),
        (
            "bindings/a.yaml:6:5: bindings[0].outputconfig: unknown key; did you mean "
            "outputConfig? allowed here: dataSource, defaults, freshness, mapping, name, "
            "outputConfig, paused, refreshPolicy, templateId, uid, webhook"
        ),
    ]


def test_bad_input_9_the_names_of_python_are_no_keys(problems: Problems):
    (problem,) = problems(binding("output_config: {}"))
    assert "unknown key; did you mean outputConfig?" in problem


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("- uid: a\n", "1:1: must be a mapping; put the key `bindings:` above the list"),
        ("just text", "1:1: must be a mapping; put the key `bindings:` above the list"),
        (
            "bindings: []\n---\nbindings: []\n",
            "2:1: holds a second document; keep one per file, without `---` between",
        ),
        ("bindings: []".encode("utf-16"), "1:1: is UTF-16 or UTF-32; save it as UTF-8"),
        ("bindings: []".encode("utf-16-le"), "1:1: is UTF-16 or UTF-32; save it as UTF-8"),
        ("bindings: []".encode("utf-32"), "1:1: is UTF-16 or UTF-32; save it as UTF-8"),
        (
            "bindings: \0",
            "1:11: holds U+0000, which YAML does not allow; remove it or write an escape",
        ),
        ("bindings:\n\t- uid: a\n", "2:1: is not YAML: a tab cannot indent; use spaces"),
        (
            "a: é\nbü: ".encode() + b"\xff",
            "2:5: holds the byte 0xFF, which is not UTF-8; save it as UTF-8",
        ),
        (
            b"\xef\xbb\xbfa: \xc3",
            "1:4: holds the byte 0xC3, which is not UTF-8; save it as UTF-8",
        ),
        ("bindings: 3", "1:11: bindings: must be a list (- uid: …)"),
        (
            "bindings: [3, null]",
            "1:12: bindings[0]: must be a mapping (uid: …); remove it or fill it",
        ),
        (
            "binding: []",
            "1:1: binding: unknown key; did you mean bindings? allowed here: bindings",
        ),
    ],
)
def test_bad_input_10_files_of_another_shape(
    problems: Problems, content: str | bytes, problem: str
):
    assert problems({FILE: content})[0] == f"{FILE}:{problem}"


@pytest.mark.parametrize("content", ["", "\n", "# nothing yet\n", "bindings:\n", "bindings: []\n"])
def test_bad_input_10_empty_files_are_harmless(load: Load, content: str):
    found = load({"bindings/z.yaml": content, FILE: b"\xef\xbb\xbf" + GOOD.encode()})
    assert list(found.bindings) == ["a"]


def test_bad_input_11_the_same_uid_in_two_files_names_both(problems: Problems):
    assert problems({FILE: GOOD, "bindings/deep/b.yaml": f"\n{GOOD}"}) == [
        (
            "bindings/deep/b.yaml:3:10: bindings[0].uid: "
            "a is the uid of the binding at bindings/a.yaml:2 already; rename one"
        )
    ]


def test_bad_input_11_the_same_uid_twice_on_one_line(problems: Problems):
    one = "{ uid: a, templateId: card, dataSource: { type: static } }"
    assert problems({FILE: f"bindings: [{one}, {one}]"}) == [
        (
            "bindings/a.yaml:1:79: bindings[1].uid: "
            "a is the uid of the binding at bindings/a.yaml:1 already; rename one"
        )
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [("card", "Card"), ("caf\u00e9", "cafe\u0301"), ("stra\u00dfe", "STRASSE")],
)
def test_bad_input_11_uids_that_differ_in_case_or_form_only(
    problems: Problems, first: str, second: str
):
    one = "  - uid: {}\n    templateId: card\n    dataSource: {{ type: static }}\n"
    assert (
        f"bindings/a.yaml:5:10: bindings[1].uid: {second} is the uid of the binding at "
        "bindings/a.yaml:2 already; rename one"
    ) in problems({FILE: "bindings:\n" + one.format(first) + one.format(second)})


@pytest.mark.parametrize(
    ("uid", "message"),
    [
        *(
            (
                uid,
                "must be 1 to 64 of a-z, 0-9, dot, underscore and hyphen, the first a-z or 0-9",
            )
            for uid in (
                "../../etc/cron.d/x",
                "CON",
                "x" * 65,
                "x" * 300,
                "'😀'",
                "a/b",
                "''",
                ".hidden",
                "'a\\b'",
                '"a\\n"',
                '"a\\0"',
            )
        ),
        *((uid, "is the name of a device on Windows; choose another") for uid in ("con", "lpt1.x")),
        ("123", "must be text; put it in quotes"),
        ("null", "must be text; put it in quotes"),
    ],
)
def test_bad_input_12_uids_that_are_no_names(problems: Problems, uid: str, message: str):
    assert problems(binding(uid=uid)) == [f"bindings/a.yaml:2:10: bindings[0].uid: {message}"]


@pytest.mark.parametrize("uid", ["a", "0", "a.b-c_d", "x" * 64, "console", "com0"])
def test_good_uids(load: Load, uid: str):
    assert list(load(binding(uid=f"'{uid}'")).bindings) == [uid]


OUTSIDE = "is a symbolic link out of the configuration directory; put the file itself here"


@pytest.mark.parametrize(
    "name",
    [
        "bindings/evil.yaml",
        "bindings/evil",
        "bindings",
        "repaintd.yaml",
        "templates",
        "templates/evil",
        "templates/card/template.html",
        "templates/card/template.yaml",
        "templates/card/photo.png",
        "templates/card/fonts",
    ],
)
def test_bad_input_13_symbolic_links_out_of_the_tree(tree: Path, problems: Problems, name: str):
    path = tree / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        path.rename(tree.parent / "aside")
    path.symlink_to("/etc" if "." not in name else "/etc/passwd")
    assert problems({})[0] == f"{name}:1:1: {OUTSIDE}"


def test_bad_input_13_links_within_the_tree_and_of_the_tree_work(
    tree: Path, tmp_path: Path, load: Load, http_specs: dict
):
    """A ConfigMap's `..data`, and git-sync's link that is switched."""
    load({"..2024_01/a.yaml": GOOD})
    (tree / "..data").symlink_to("..2024_01")
    (tree / "bindings").mkdir()
    (tree / "bindings" / "a.yaml").symlink_to("../..data/a.yaml")
    (tree / "templates" / "again").symlink_to("card")
    (tmp_path / "current").symlink_to("config")
    found = load_configuration(tmp_path / "current", source_specs=http_specs, environ={})
    assert list(found.bindings) == ["a"]
    assert list(found.templates) == ["again", "card"]
    assert found.warnings == ()


def test_bad_input_13_links_that_lead_nowhere_or_round(tree: Path, problems: Problems):
    (tree / "bindings").mkdir()
    (tree / "bindings" / "gone.yaml").symlink_to("nothing.yaml")
    (tree / "bindings" / "round.yaml").symlink_to("round.yaml")
    (tree / "bindings" / "up").symlink_to(".")
    texts = problems({})
    assert texts[0] == (
        "bindings/gone.yaml:1:1: is not there, or is a symbolic link to nothing; put it back"
    )
    assert texts[1] == (
        "bindings/round.yaml:1:1: cannot be read: Too many levels of symbolic links; "
        "mend it, or remove it"
    )
    assert texts[-1].endswith(
        ":1:1: is more than 16 folders deep; make the tree flatter, "
        "or remove a symbolic link that leads back"
    )


def test_bad_input_14_a_file_of_100_mib_is_not_read(tree: Path, problems: Problems):
    (tree / "bindings").mkdir()
    with (tree / FILE).open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    assert problems({}) == [
        "bindings/a.yaml:1:1: is 104,857,600 bytes; at most 16,777,216 are allowed"
    ]


def test_bad_input_14_all_files_together_have_a_limit(
    problems: Problems, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(limits, "YAML_TOTAL_BYTES", 200)
    files = {f"bindings/{name}.yaml": f"# {'x' * 90}" for name in "abc"}
    assert problems(files) == [
        "bindings/c.yaml:1:1: brings all YAML files to more than 200 bytes; remove some"
    ]


def test_bad_input_14_too_many_files(problems: Problems, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "BINDING_FILES", 3)
    assert problems({f"bindings/{n}.yaml": "" for n in range(6)}) == [
        "bindings/3.yaml:1:1: is one of more than 3 files; put bindings together"
    ]


def test_bad_input_14_too_many_entries(problems: Problems, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "TREE_ENTRIES", 3)
    (problem,) = problems({f"bindings/{n}.txt": "" for n in range(6)})
    assert problem.startswith("bindings:1:1: brings the tree to more than ")


def test_bad_input_14_endless_problems_end(problems: Problems, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "PROBLEMS", 5)
    found = problems({FILE: f"bindings: [{'3, ' * 20}]"})
    assert len(found) == 6
    assert found[-1] == "bindings/a.yaml:1:1: more than 5 problems: mend these first"


HEADERS = '{ type: http, url: "https://example.com/x", headers: { a: "%s" } }'


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (
            "${env:NOT_SET}",
            "${env:NOT_SET} has no value: the variable is not set; set it for the daemon",
        ),
        (
            "${env:EMPTY}",
            "${env:EMPTY} has no value: the variable is empty; set it for the daemon",
        ),
        (
            "${file:/nowhere/token}",
            (
                "${file:/nowhere/token} has no value: the file is not there, or is a symbolic link "
                "to nothing; put it back"
            ),
        ),
        (
            "${credential:hook}",
            (
                "${credential:hook} has no value: there is no credentials directory; run under "
                "systemd with LoadCredential=hook:/path, or set $CREDENTIALS_DIRECTORY"
            ),
        ),
    ],
)
def test_bad_input_17_an_absent_secret_is_a_warning_and_others_run(
    load: Load, reference: str, message: str
):
    files = binding(source=HEADERS % f"x {reference} y")
    files["bindings/b.yaml"] = GOOD.replace(": a", ": b")
    found = load(files, environ={"EMPTY": ""})
    assert list(found.bindings) == ["a", "b"]
    assert [str(warning) for warning in found.warnings] == [
        (
            "bindings/a.yaml:4:75: bindings[0].dataSource.headers.a: warning: "
            f"{message}; what uses it fails until then"
        )
    ]


def test_bad_input_17_an_absent_secret_is_told_once(load: Load):
    files = binding(source=HEADERS % "${env:X}${env:X}")
    files["bindings/b.yaml"] = binding(uid="b", source=HEADERS % "${env:X}")[FILE]
    assert len(load(files).warnings) == 1


def test_bad_input_17_a_secret_that_cannot_be_read(tmp_path: Path, load: Load):
    (warning,) = load(binding(source=HEADERS % f"${{file:{tmp_path}}}")).warnings
    assert warning.message == (
        f"${{file:{tmp_path}}} has no value: the file is not a regular file; remove it; "
        "what uses it fails until then"
    )


def test_bad_input_17_wrong_references_are_errors(problems: Problems):
    text = HEADERS % "${env:1X} ${ENV:X} ${x"
    assert problems(binding(source=text)) == [
        (
            "bindings/a.yaml:4:75: bindings[0].dataSource.headers.a: holds ${env…}, which is no "
            "secret reference; write ${env:NAME}, ${file:/path} or ${credential:name}, "
            "or $${ for a plain ${"
        )
    ]


def test_all_problems_of_all_files_come_in_one_run(problems: Problems):
    found = problems(
        {
            "repaintd.yaml": "server: { listen: nowhere }\n",
            FILE: "bindings:\n  - uid: A\n    templateId: cart\n    dataSource: { type: htp }\n",
            "bindings/b.yaml": "bindings: [\n",
            "templates/other/template.yaml": "width: 0\n",
        }
    )
    assert [text.partition(": ")[0] for text in found] == [
        "bindings/a.yaml:2:10",
        "bindings/a.yaml:3:17",
        "bindings/a.yaml:4:25",
        "bindings/b.yaml:2:1",
        "repaintd.yaml:1:19",
        "templates/other:1:1",
        "templates/other/template.yaml:1:8",
    ]


def test_no_message_holds_what_may_be_a_secret(problems: Problems):
    hidden = "hunter2"
    found = problems(
        binding(
            f"webhook: {{ secret: [{hidden}], auth: {hidden} }}",
            f"paused: {hidden}",
            source=f'{{ type: http, url: "{hidden}", method: {hidden}, credentials: {hidden}, '
            f'headers: {{ a: "${{{hidden}}}", b: "${{x:{hidden}}}", c: "${{{hidden}" }} }}',
        )
    )
    assert len(found) >= 8
    assert not [text for text in found if hidden in text]


def test_a_missing_directory_is_a_clear_error(tmp_path: Path):
    with pytest.raises(ConfigurationError) as raised:
        load_configuration(tmp_path / "nowhere", source_specs={}, environ={})
    assert str(raised.value) == (
        f"{tmp_path}/nowhere:1:1: is not a directory; name one with --config"
    )
