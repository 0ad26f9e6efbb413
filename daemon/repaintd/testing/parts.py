"""A source, a template engine and a renderer that do as they are told."""

from __future__ import annotations

import json
from collections import deque
from typing import TYPE_CHECKING, Any

from repaintd.core.image import RenderedImage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from repaintd.core.fetch import FetchRequest, FetchResult
    from repaintd.core.image import RenderJob
    from repaintd.core.template import Template
    from repaintd.errors import RefreshFailed


class FakeSource:
    """Implements `core.ports.Source`: gives its answers in order, the last one for ever."""

    def __init__(self, answers: Iterable[FetchResult | RefreshFailed]) -> None:
        self._answers = deque(answers)
        self.requests: list[FetchRequest] = []

    def then(self, *answers: FetchResult | RefreshFailed) -> None:
        """Replace what is left to answer."""
        self._answers = deque(answers)

    async def fetch(self, request: FetchRequest) -> FetchResult:
        """The next answer."""
        self.requests.append(request)
        answer = self._answers[0] if len(self._answers) == 1 else self._answers.popleft()
        if isinstance(answer, Exception):
            raise answer
        return answer


class FakeEngine:
    """Implements `core.ports.TemplateEngine`: the markup is the variables as JSON."""

    def __init__(self) -> None:
        self.failure: RefreshFailed | None = None

    async def expand(self, template: Template, variables: Mapping[str, Any]) -> str:
        """The template's id and the variables."""
        if self.failure is not None:
            raise self.failure
        return f"{template.id} {json.dumps(dict(variables), sort_keys=True)}"


class FakeRenderer:
    """Implements `core.ports.Renderer`: the image is the markup."""

    def __init__(self) -> None:
        self.failure: RefreshFailed | None = None
        self.jobs: list[RenderJob] = []

    async def render(self, job: RenderJob) -> RenderedImage:
        """The markup as bytes."""
        self.jobs.append(job)
        if self.failure is not None:
            raise self.failure
        return RenderedImage(
            body=job.markup.encode(),
            media_type=job.format.media_type,
            width=job.width,
            height=job.height,
        )

    async def probe(self) -> None:
        """Works unless it was told to fail."""
        if self.failure is not None:
            raise self.failure
