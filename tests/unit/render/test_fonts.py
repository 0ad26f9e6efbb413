from __future__ import annotations

from typing import TYPE_CHECKING

from repaintd.render import fonts

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

FACE = "@font-face { src: url(/_repaintd/fonts/some-face.woff2) format('woff2'); }"


def test_the_style_sheet_is_there_even_without_fonts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "fonts.css").write_text(FACE)
    monkeypatch.setattr(fonts, "files", lambda _: tmp_path)
    assert list(fonts.shared_assets()) == ["_repaintd/fonts/fonts.css"]
    assert fonts.missing_fonts() == ("some-face.woff2",)


def test_an_installed_font_is_an_asset_and_not_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "fonts.css").write_text(FACE)
    (tmp_path / "some-face.woff2").write_bytes(b"wOF2")
    monkeypatch.setattr(fonts, "files", lambda _: tmp_path)
    asset = fonts.shared_assets()["_repaintd/fonts/some-face.woff2"]
    assert (asset.media_type, asset.body) == ("font/woff2", b"wOF2")
    assert fonts.missing_fonts() == ()


def test_a_font_that_no_style_sheet_names_is_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "fonts.css").write_text("")
    (tmp_path / "some-face.woff2").write_bytes(b"wOF2")
    monkeypatch.setattr(fonts, "files", lambda _: tmp_path)
    assert list(fonts.shared_assets()) == ["_repaintd/fonts/fonts.css"]


def test_the_shipped_style_sheet_names_both_families() -> None:
    names = fonts._named()
    assert "inter-latin-opsz-normal.woff2" in names
    assert "jetbrains-mono-latin-wght-normal.woff2" in names


def test_set_up_has_installed_every_font() -> None:
    assert fonts.missing_fonts() == ()
