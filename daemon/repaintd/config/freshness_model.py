"""How old data may be, as people write it: `freshness: { maxStale: 1h, slo: "99% < 5m" }`."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from repaintd.core.binding import Freshness, Slo
from repaintd.plugin import SpecModel
from repaintd.plugin.quantities import Seconds, parse_duration

_LONGEST: Final = 366 * 86_400
_SLO: Final = re.compile(r"(?P<percent>[0-9]{1,2}(?:\.[0-9]{1,4})?) ?% ?< ?(?P<age>[0-9A-Za-z.]+)")


def parse_slo(text: str) -> Slo:
    """The objective.

    Raises:
        ValueError: it is none; the message says what one looks like.
    """
    found = _SLO.fullmatch(text)
    percent, age = (float(found["percent"]), parse_duration(found["age"])) if found else (0.0, 0.0)
    if not (percent > 0 and 1 <= age <= _LONGEST):
        raise ValueError(
            'must be a share of the time, below 100%, and an age from 1s on, such as "99% < 5m"'
        )
    return Slo(ratio=percent / 100, age=age)


def _slo(text: str) -> str:
    parse_slo(text)
    return text


class FreshnessModel(SpecModel):
    """How old data may be; in a binding, a key that is absent is as in repaintd.yaml."""

    max_stale: Annotated[Seconds, Field(ge=1, le=_LONGEST)] | None = Field(
        default=None, description="age of the data from which on the image is stale; null: none"
    )
    slo: Annotated[str, AfterValidator(_slo)] | None = Field(
        default=None,
        description="share of the time that the data is to be younger: 99% < 5m; null: none",
    )

    def plain(self, default: Freshness | None = None) -> Freshness | None:
        """The same, as the daemon works with it; with *default*, that of a binding."""
        said = self.model_fields_set
        usual = default or Freshness()
        slo = None if self.slo is None else parse_slo(self.slo)
        found = Freshness(
            max_stale=self.max_stale if "max_stale" in said else usual.max_stale,
            slo=slo if "slo" in said else usual.slo,
            insisted=default is not None and bool(said),
        )
        return found if (found.max_stale, found.slo) != (None, None) else None
