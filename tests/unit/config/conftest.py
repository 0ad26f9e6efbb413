from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

import pytest
from pydantic import Field, field_validator

from repaintd.config import Configuration, ConfigurationError, load_configuration
from repaintd.plugin import SourceSpec, SpecModel

if TYPE_CHECKING:
    from pathlib import Path

Files = dict[str, str | bytes]


class SampleCredentials(SpecModel):
    type: Literal["bearer_token", "basic_auth"]
    value: str = Field(repr=False)


class SampleHttp(SourceSpec):
    """Like the real one, so far as this layer can tell."""

    type: Literal["http"]
    url: str
    method: Literal["GET", "POST"] = "GET"
    headers: dict[str, str] = Field(default_factory=dict)
    credentials: SampleCredentials | None = None

    @field_validator("url")
    @classmethod
    def _http(cls, url: str) -> str:
        if not url.startswith("http"):
            raise ValueError("must be a URL that begins with http:// or https://")
        return url

    def host(self) -> str:
        if "nohost" in self.url:
            raise ValueError("the URL names no host")
        return self.url.split("/")[2]


class Load(Protocol):
    def __call__(self, files: Files, **options: Any) -> Configuration: ...


class Problems(Protocol):
    def __call__(self, files: Files, **options: Any) -> list[str]: ...


@pytest.fixture
def http_specs() -> dict[str, type[SourceSpec]]:
    return {"http": SampleHttp}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A configuration directory with one template."""
    directory = tmp_path / "config"
    folder = directory / "templates" / "card"
    folder.mkdir(parents=True)
    (folder / "template.html").write_text("<p>{{ title }}</p>")
    return directory


@pytest.fixture
def load(tree: Path, http_specs: dict[str, type[SourceSpec]]) -> Load:
    """Write files below the directory, then load it."""

    def load_files(files: Files, **options: Any) -> Configuration:
        for name, content in files.items():
            path = tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        options.setdefault("source_specs", http_specs)
        options.setdefault("environ", {})
        return load_configuration(tree, **options)

    return load_files


@pytest.fixture
def problems(load: Load) -> Problems:
    """Load what cannot be loaded, and give every problem as text."""

    def problems_of(files: Files, **options: Any) -> list[str]:
        with pytest.raises(ConfigurationError) as raised:
            load(files, **options)
        return [str(problem) for problem in raised.value.problems]

    return problems_of
