"""Long texts are scanned in portions, and nobody can tell."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import yaml

from repaintd.config import yaml_portions
from repaintd.config.yaml_places import LOADER, find_places
from repaintd.config.yaml_portions import Portions, scannable
from repaintd.config.yaml_reader import YamlReader

LOADERS = [LOADER, yaml.BaseLoader]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_portions, "_LONG", 100)
    monkeypatch.setattr(yaml_portions, "_PORTION", 7)


def test_short_texts_are_scanned_as_they_are():
    assert scannable("x" * 100) == "x" * 100
    assert isinstance(scannable("x" * 101), Portions)


def test_portions_make_up_the_text():
    portions = Portions("é😀" * 10)
    found = [portions.read(4096) for _ in range(5)]
    assert "".join(found) == "é😀" * 10
    assert found[-1] == ""


@pytest.mark.parametrize("loader", LOADERS)
def test_a_long_text_gives_the_same_values_and_places(loader: Any):
    text = "".join(f"é{n}: [ä, '😀', {{ x: {'y' * n} }}]\n" for n in range(40))
    document, problems = YamlReader(loader).read("f", text)
    assert problems == []
    assert document is not None
    assert document.value == {f"é{n}": ["ä", "😀", {"x": "y" * n or None}] for n in range(40)}
    assert find_places(text, loader).children["é7"].at == (8, 5)


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize(
    ("end", "place"),
    [("x: [", (42, 1)), ("\tx: 1", (41, 1)), ("x: \x07", (41, 4)), ("a: 1", (41, 1))],
)
def test_the_place_of_a_problem_in_a_long_text_is_right(
    loader: Any, end: str, place: tuple[int, int]
):
    text = "a: 1\n" + "".join(f"é{n}: 1\n" for n in range(39)) + end + "\n"
    _, problems = YamlReader(loader).read("f", text)
    assert [(each.line, each.column) for each in problems] == [place]


def test_others_run_while_a_long_scalar_is_scanned(monkeypatch: pytest.MonkeyPatch):
    """Each portion is asked for by a method written in Python, where threads take turns."""
    asked: list[int] = []
    read = Portions.read

    def counted(self: Portions, size: int = -1) -> str:
        asked.append(threading.get_ident())
        return read(self, size)

    monkeypatch.setattr(Portions, "read", counted)
    document, _ = YamlReader().read("f", '"' + "x" * 700 + '"')
    assert document is not None
    assert len(asked) >= 100
