"""Whatever becomes of the files, what is active is one whole good tree."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING

import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from repaintd.app import Options
from repaintd.app.configure import ConfigurationTree
from repaintd.app.reloading import Reloading
from repaintd.core.secret import Secret
from repaintd.errors import ConfigurationError
from repaintd.testing import FakeClock, MemoryStore

if TYPE_CHECKING:
    from pathlib import Path

GOOD = b"""\
bindings:
  - uid: one
    name: A card
    templateId: card
    dataSource: { type: http, url: "https://example.org/a.json" }
    mapping: { title: name, stars: "items[0].n" }
    defaults: { stars: 0 }
    refreshPolicy: { type: etag, ttlSeconds: 300, onError: serve_stale }
    outputConfig: { format: png, quality: 90 }
  - uid: two
    name: Another
    templateId: card
    dataSource: { type: static, staticData: { name: x } }
"""


@st.composite
def mutations(draw) -> bytes:
    """The good file, with pieces cut out, doubled, overwritten, or the end missing."""
    text = GOOD
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 40)))
        filling = draw(st.one_of(st.binary(max_size=8), st.just(text[start:end] * 2), st.just(b"")))
        text = text[:start] + filling + text[end:]
    return text


class Catalogue(dict):
    """What is active; written by the applier alone."""

    async def apply(self, _difference, bindings, _templates) -> None:
        self.clear()
        self.update(bindings)


class Metrics:
    gauge = True

    def config_reloaded(self, *, successful: bool, at: float) -> None:
        self.gauge = successful

    def count_event(self, name: str) -> None:
        pass


async def reload(reloading: Reloading, tree: ConfigurationTree) -> bool:
    try:
        await reloading.accept(tree.load())
    except ConfigurationError as error:
        for problem in error.problems:
            str(problem).encode()
        await reloading.reject(error.problems)
        return False
    return True


def test_c1_three_hundred_mutated_trees_leave_the_last_good_one_active(tmp_path: Path):
    config = tmp_path / "config"
    (config / "templates" / "card").mkdir(parents=True)
    (config / "templates" / "card" / "template.html").write_text("<p>{{ title }}</p>")
    (config / "bindings").mkdir()
    (tmp_path / "state").mkdir()
    path = config / "bindings" / "all.yaml"
    path.write_bytes(GOOD)
    tree = ConfigurationTree(Options(directory=config, environ={}))
    loaded = tree.load()
    catalogue, metrics = Catalogue(loaded.configuration.bindings), Metrics()
    parts = SimpleNamespace(
        configuration=loaded.configuration,
        clock=FakeClock(),
        log=structlog.get_logger(),
        catalogue=catalogue,
        metrics=metrics,
        store=MemoryStore(),
        keys=SimpleNamespace(replace=lambda keys: None),
        secret=Secret,
        tools=SimpleNamespace(subscribers={}),
    )
    reloading = Reloading(parts, loaded, catalogue, SimpleNamespace())

    @settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
    @given(mutations())
    def try_one(text: bytes) -> None:
        before = dict(catalogue)
        path.write_bytes(text)
        accepted = runner.run(reload(reloading, tree))
        assert metrics.gauge is accepted
        if accepted:
            assert catalogue == tree.load().configuration.bindings
        else:
            assert catalogue == before
        path.write_bytes(GOOD)
        assert runner.run(reload(reloading, tree))
        assert metrics.gauge is True
        assert set(catalogue) == {"one", "two"}

    with asyncio.Runner() as runner, capture_logs():
        try_one()
