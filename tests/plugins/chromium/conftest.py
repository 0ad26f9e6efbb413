"""A browser for all drawing tests, and the few things they all need."""

from __future__ import annotations

import io
import os
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
import structlog
from PIL import Image
from prometheus_client import CollectorRegistry

from repaintd.plugin import (
    Asset,
    ImageFormat,
    PluginContext,
    RenderedImage,
    Renderer,
    RenderJob,
    RenderSettings,
    Template,
)
from repaintd_chromium import Chromium, ChromiumSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path


BROWSER = os.environ.get("REPAINTD_BROWSER") or "auto"


class NoHttp:
    """A renderer asks nobody for anything."""

    async def request(self, request: Any) -> Any:
        raise AssertionError(f"a renderer asked for {request.url}")


def no_secret(text: str) -> Any:
    raise AssertionError(f"a renderer asked for the secret in {text}")


@dataclass(slots=True)
class Bench:
    """Opens plugins, and keeps what they logged and counted."""

    directory: Path
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    logged: list[Any] = field(default_factory=list)

    def context(self, **render: Any) -> PluginContext:
        def keep(_logger: Any, method: str, event: dict[str, Any]) -> dict[str, Any]:
            self.logged.append({**event, "level": method})
            raise structlog.DropEvent

        return PluginContext(
            http=NoHttp(),
            secret=no_secret,
            registry=self.registry,
            log=structlog.wrap_logger(None, processors=[keep]),
            directory=self.directory,
            render=RenderSettings(**{"browser": BROWSER, **render}),
        )

    def open(self, *, render: Any = None, **settings: Any) -> AbstractAsyncContextManager[Renderer]:
        return self._open(render or {}, ChromiumSettings(**settings))

    @asynccontextmanager
    async def _open(self, render: Any, settings: ChromiumSettings) -> AsyncIterator[Renderer]:
        async with Chromium().open(settings, self.context(**render)) as components:
            yield components.renderers["chromium"]

    def restarts(self, reason: str) -> float:
        name = "repaintd_browser_restarts_total"
        return self.registry.get_sample_value(name, {"reason": reason}) or 0.0

    def events(self, level: str) -> list[str]:
        return [entry["event"] for entry in self.logged if entry["level"] == level]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "chromium")


@pytest.fixture(scope="session")
def shared_bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("chromium"))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def renderer(shared_bench: Bench) -> AsyncIterator[Renderer]:
    """One browser for every test that only draws."""
    async with shared_bench.open() as shared:
        yield shared


@pytest.fixture
def logged(shared_bench: Bench) -> Iterator[list[Any]]:
    """What the shared renderer logs during this test."""
    shared_bench.logged.clear()
    yield shared_bench.logged
    shared_bench.logged.clear()


@pytest.fixture
def make_job() -> Callable[..., RenderJob]:
    """`make_job(markup, width=…, javascript=…)`: keys of template or job, as fits."""
    return build_job


def build_job(
    markup: str,
    *,
    assets: dict[str, tuple[str, bytes]] | None = None,
    format: str = "png",  # noqa: A002 - the name of the job's own field
    width: int = 60,
    height: int = 40,
    timeout: float = 15.0,
    scale: float = 1.0,
    quality: int = 90,
    **template: Any,
) -> RenderJob:
    found = {
        path: Asset(media_type=kind, body=body) for path, (kind, body) in (assets or {}).items()
    }
    known = {"id": "card", "fingerprint": f"{sorted(template.items())}{sorted(found)}", **template}
    return RenderJob(
        template=Template(markup="", assets=found, **known),
        markup=markup,
        width=width,
        height=height,
        scale=scale,
        format=ImageFormat(format),
        quality=quality,
        timeout=timeout,
    )


@pytest.fixture
def opened() -> Callable[[RenderedImage], Image.Image]:
    """The picture, as Pillow reads it."""

    def read(image: RenderedImage) -> Image.Image:
        return Image.open(io.BytesIO(image.body))

    return read
