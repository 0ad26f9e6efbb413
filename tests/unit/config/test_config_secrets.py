"""Secret references and what they stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from repaintd.config import (
    Reference,
    ReferenceRefused,
    SecretResolver,
    references,
    secret_resolver,
)
from repaintd.core.secret import Secret
from repaintd.errors import SecretUnavailable

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def resolver(tmp_path: Path) -> SecretResolver:
    (tmp_path / "hook").write_text("of systemd\n")
    return SecretResolver({"TOKEN": "t0ken", "NAME_2": "ä", "NONE": ""}, tmp_path)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", ""),
        ("plain $ {text}", "plain $ {text}"),
        ("${env:TOKEN}", "t0ken"),
        ("Bearer ${env:TOKEN}!", "Bearer t0ken!"),
        ("${env:TOKEN}${env:NAME_2}", "t0kenä"),
        ("${credential:hook}", "of systemd"),
        ("$${env:TOKEN}", "${env:TOKEN}"),
        ("$$${env:TOKEN}", "$${env:TOKEN}"),
        ("$${", "${"),
        ("$$", "$$"),
        ("a$b", "a$b"),
    ],
)
def test_texts_with_references(resolver: SecretResolver, text: str, value: str):
    assert resolver(text) == Secret(value)


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"x", "x"),
        (b"x\n", "x"),
        (b"x\r\n", "x"),
        (b"x\n\n", "x\n"),
        (b" x ", " x "),
        ("ä\n".encode(), "ä"),
        (b"x" * 65_536, "x" * 65_536),
    ],
    ids=range(7),
)
def test_one_line_break_at_the_end_of_a_file_is_not_the_secret(
    tmp_path: Path, content: bytes, value: str
):
    (tmp_path / "secret").write_bytes(content)
    resolver = SecretResolver({})
    assert resolver(f"${{file:{tmp_path}/secret}}").reveal() == value


def test_a_file_may_be_behind_links(tmp_path: Path):
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data" / "token").write_text("x")
    (tmp_path / "token").symlink_to("..data/token")
    assert SecretResolver({})(f"${{file:{tmp_path}/token}}").reveal() == "x"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty; fill it"),
        (b"\n", "the file is empty; fill it"),
        (b"\xff", "the file is not UTF-8 text; write it anew"),
        (b"x" * 65_537, "the file is 65,537 bytes; at most 65,536 are allowed"),
        (None, "the file is not there, or is a symbolic link to nothing; put it back"),
    ],
    ids=range(5),
)
def test_bad_input_17_files_that_hold_no_secret(tmp_path: Path, content: bytes | None, reason: str):
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    text = f"${{file:{tmp_path}/secret}}"
    with pytest.raises(SecretUnavailable) as raised:
        SecretResolver({})(f"Bearer {text}")
    assert str(raised.value) == f"{text} has no value: {reason}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "${env:MISSING}",
            "${env:MISSING} has no value: the variable is not set; set it for the daemon",
        ),
        ("${env:NONE}", "${env:NONE} has no value: the variable is empty; set it for the daemon"),
        (
            "${credential:none}",
            (
                "${credential:none} has no value: the file is not there, or is a symbolic link to "
                "nothing; put it back"
            ),
        ),
        (
            "${secret}",
            (
                "holds ${…}, which is no secret reference; write ${env:NAME}, ${file:/path} or "
                "${credential:name}, or $${ for a plain ${"
            ),
        ),
    ],
)
def test_bad_input_17_references_without_a_value(resolver: SecretResolver, text: str, message: str):
    with pytest.raises(SecretUnavailable) as raised:
        resolver(text)
    assert str(raised.value) == message


def test_without_a_credentials_directory_the_message_says_how_to_get_one():
    with pytest.raises(SecretUnavailable, match=r"LoadCredential=hook:/path"):
        secret_resolver({})("${credential:hook}")


def test_the_credentials_directory_is_that_of_systemd(tmp_path: Path):
    (tmp_path / "hook").write_text("x")
    resolver = secret_resolver({"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert resolver("${credential:hook}").reveal() == "x"


def test_values_are_read_at_every_use(tmp_path: Path):
    path = tmp_path / "secret"
    resolver = SecretResolver({})
    for value in ("one", "two"):
        path.write_text(value)
        assert resolver(f"${{file:{path}}}").reveal() == value


def test_references_are_found_in_order():
    text = "${env:A} $${env:B} ${file:/run/x y} ${credential:c.d-e_f}"
    found = references(text)
    assert found == (
        Reference("env", "A"),
        Reference("file", "/run/x y"),
        Reference("credential", "c.d-e_f"),
    )
    assert [str(each) for each in found] == [
        "${env:A}",
        "${file:/run/x y}",
        "${credential:c.d-e_f}",
    ]
    assert references("nothing") == ()


@pytest.mark.parametrize(
    "text",
    [
        "${}",
        "${env}",
        "${env:}",
        "${env:1A}",
        "${env:A B}",
        "${env:A\n}",
        "${ENV:A}",
        "${file:relative}",
        "${file:/a\0b}",
        "${credential:}",
        "${credential:a/b}",
        "${credential:..}",
        "${credential:.}",
        "${vault:x}",
        "${env:A",
        "${env:${env:A}}",
    ],
)
def test_references_of_a_wrong_form(text: str):
    with pytest.raises(ReferenceRefused, match=r"write \$\{env:NAME\}, \$\{file:/path\} or"):
        references(text)


def test_a_secret_in_the_wrong_place_is_not_repeated():
    with pytest.raises(ReferenceRefused) as raised:
        references("${token:hunter2}")
    assert "hunter2" not in str(raised.value)
