"""The whole of `/metrics` as bytes."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from prometheus_client import Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics_exposition

from repaintd.metrics import series

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from prometheus_client.registry import Collector

    from repaintd.metrics.series import Snapshot

_OPENMETRICS: Final = "application/openmetrics-text"
_END: Final = b"# EOF\n"
_GZIP: Final = 16 + zlib.MAX_WBITS


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to write the same numbers down."""

    openmetrics: bool = False
    gzip: bool = False

    @property
    def content_type(self) -> str:
        """The media type with its version."""
        if self.openmetrics:
            return openmetrics_exposition.CONTENT_TYPE_LATEST
        return CONTENT_TYPE_PLAIN_0_0_4


def negotiate(accept: str, accept_encoding: str) -> Variant:
    """OpenMetrics to those who name it, text 0.0.4 to everybody else; gzip to those who take it.

    There are four answers whatever a stranger writes into the headers, so that they can be cached;
    all our names are plain, so every escaping scheme gives the same text.
    """
    return Variant(
        openmetrics=_OPENMETRICS in accept.lower(), gzip=_takes_gzip(accept_encoding.lower())
    )


def _takes_gzip(accept_encoding: str) -> bool:
    for part in accept_encoding.split(","):
        coding, _, weight = part.partition(";")
        if coding.strip() == "gzip":
            return weight.strip().rstrip("0.") != "q="
    return False


def encode(registry: Collector, snapshot: Snapshot, variant: Variant) -> bytes:
    """All series as *variant*. Takes its time: call it in a thread."""
    pieces = _pieces(registry, snapshot, openmetrics=variant.openmetrics)
    return _compressed(pieces) if variant.gzip else b"".join(pieces)


def _pieces(registry: Collector, snapshot: Snapshot, *, openmetrics: bool) -> Iterator[bytes]:
    plain = _WithoutCreated(registry)
    if openmetrics:
        text: bytes = openmetrics_exposition.generate_latest(plain)  # type: ignore[no-untyped-call]  # theirs has no annotations
        yield text.removesuffix(_END)
    else:
        yield generate_latest(plain)
    yield from series.blocks(snapshot, openmetrics=openmetrics)
    if openmetrics:
        yield _END


def _compressed(pieces: Iterable[bytes]) -> bytes:
    """Lightly: the text repeats itself so much that the fastest level saves 90 %."""
    compressor = zlib.compressobj(level=1, wbits=_GZIP)
    parts = [compressor.compress(piece) for piece in pieces]
    return b"".join((*parts, compressor.flush()))


class _WithoutCreated:
    """The registry less the `_created` series, which double the names and say nothing new.

    prometheus_client can switch them off for the whole process only.
    """

    def __init__(self, registry: Collector) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            plain = Metric(metric.name, metric.documentation, metric.type, metric.unit)
            plain.samples = [s for s in metric.samples if not s.name.endswith("_created")]
            yield plain
