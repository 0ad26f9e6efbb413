"""Every error that repaintd raises on purpose, as one tree.

RepaintdError
├── ConfigurationError      the configuration directory is not valid; carries all its problems
├── SecretUnavailable       a `${env:…}`, `${file:…}` or `${credential:…}` has no value just now
├── PluginError             a plugin cannot serve, with the status it ends in
├── StartupFailed           the daemon cannot start here; says what to do
├── StoreUnavailable        the state database cannot be read or written just now
├── DocumentRefused         pushed data does not fit the binding's document
├── DeliveryFailed          one attempt to deliver an event to a sink failed
├── HttpFailed              an outbound HTTP exchange gave no usable response
└── RefreshFailed           one refresh of one binding failed, at one stage
    ├── FetchFailed         stage `fetch`: the data could not be had
    ├── MapFailed           stage `map`: the data lacks what the template insists on
    ├── RenderFailed        stage `render`: template or renderer failed
    └── PublishFailed       stage `publish`: the image could not be put in place

A message says what failed, why, and what to do. It never holds a secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence


class RepaintdError(Exception):
    """Base of every error raised on purpose."""


class ConfigurationError(RepaintdError):
    """The configuration directory is not valid.

    Attributes:
        problems: all problems of all files, each printable as `file:line:column: path: what`.
    """

    def __init__(self, problems: Sequence[Any]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class SecretUnavailable(RepaintdError):
    """A secret reference has no value just now. The message names the reference, never a value."""


class PluginError(RepaintdError):
    """A plugin cannot serve.

    Attributes:
        status: what becomes of it: `load_error`, `config_error` or `self_check_failed`.
    """

    def __init__(self, message: str, *, status: str = "self_check_failed") -> None:
        super().__init__(message)
        self.status = status


class StartupFailed(RepaintdError):
    """The daemon cannot start here. The message says what to do."""


class StoreUnavailable(RepaintdError):
    """The state database cannot be read or written just now."""


class DocumentRefused(RepaintdError):
    """Pushed data does not fit: the document would be too large, or cannot be merged."""


class DeliveryFailed(RepaintdError):
    """One attempt to deliver an event to a sink failed.

    Attributes:
        status: the HTTP status, where there was one.
        retry_after: seconds that the other side asked us to wait, if it did.
        gone: the receiver wants no more of it, ever (410): the sink is given up at once.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        gone: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after
        self.gone = gone


class HttpFailed(RepaintdError):
    """An outbound HTTP exchange gave no usable response.

    Attributes:
        reason: one of `timeout`, `network`, `dns`, `tls`, `protocol`, `truncated`, `encoding`,
            `too_large`, `redirect`, `egress_denied`, `url`.
    """

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class RefreshFailed(RepaintdError):
    """One refresh of one binding failed.

    Attributes:
        stage: the step that failed, as events and metrics name it.
        reason: a short word from a bounded set (`timeout`, `status`, `too_large`, …).
        retry_after: seconds that the other side asked us to wait, if it did.
    """

    stage: ClassVar[str] = "refresh"

    def __init__(self, message: str, *, reason: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.retry_after = retry_after


class FetchFailed(RefreshFailed):
    """The data could not be had from the source."""

    stage = "fetch"


class MapFailed(RefreshFailed):
    """The data lacks what a strict template insists on."""

    stage = "map"


class RenderFailed(RefreshFailed):
    """The template or the renderer failed."""

    stage = "render"


class PublishFailed(RefreshFailed):
    """The image could not be put in place."""

    stage = "publish"
