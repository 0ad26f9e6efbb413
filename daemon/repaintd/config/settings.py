"""`repaintd.yaml`: the settings of the daemon, each with its default (DESIGN 2.3)."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema

from repaintd.config.freshness_model import FreshnessModel
from repaintd.config.limits import TTL_SECONDS_MAX
from repaintd.config.subscription import Subscription
from repaintd.config.target import target_refusal
from repaintd.config.texts import Listen, PublicUrl, SecretText, split_listen
from repaintd.core.egress import EgressPolicy
from repaintd.plugin import RenderSettings, SpecModel
from repaintd.plugin.quantities import Bytes, Flag, Seconds, Whole


def _own_url(values: dict[str, Any]) -> str:
    """Where a reader on this machine finds the listener."""
    host, port = split_listen(values["listen"])
    near = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (compared, not bound)
    return f"http://[{near}]:{port}" if ":" in near else f"http://{near}:{port}"


def _egress(entry: str) -> str:
    EgressPolicy.parse([entry])
    return entry


def _pages(value: Any) -> int | Literal["auto"]:
    if value == "auto":
        return "auto"
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _PAGES_MAX:
        return value
    raise ValueError(f"must be auto, or a whole number from 1 to {_PAGES_MAX}")


_PAGES_MAX: Final = 256
Pages = Annotated[
    int | Literal["auto"],
    PlainValidator(_pages),
    WithJsonSchema(
        {"anyOf": [{"const": "auto"}, {"type": "integer", "minimum": 1, "maximum": _PAGES_MAX}]}
    ),
]


class ServerSettings(SpecModel):
    """The HTTP listener."""

    listen: Listen = Field(default="127.0.0.1:8080", description="host:port to listen on")
    public_url: PublicUrl = Field(
        default_factory=_own_url, description="how readers reach the listener; default: `listen`"
    )
    api_keys: tuple[SecretText, ...] = Field(
        default=("${env:REPAINTD_API_KEY}",), repr=False, description="Bearer keys of the API"
    )
    placeholder: Literal["image", "pixel"] = Field(
        default="image", description="what /b/ answers before the first image"
    )

    @property
    def host(self) -> str:
        """The host of `listen`, without brackets."""
        return split_listen(self.listen)[0]

    @property
    def port(self) -> int:
        """The port of `listen`; 0 takes any that is free."""
        return split_listen(self.listen)[1]


class OutputSettings(SpecModel):
    """Where stable files lie."""

    directory: str = Field(
        default="output",
        min_length=1,
        description="absolute, or relative to the configuration directory's parent",
    )


class StateSettings(SpecModel):
    """Where the state database lies."""

    directory: str = Field(
        default="state",
        min_length=1,
        description="absolute, or relative to the configuration directory's parent",
    )


class RefreshSettings(SpecModel):
    """Limits of refreshing; `timeout` in seconds, `max_bytes` after decompression."""

    concurrency: Annotated[Whole, Field(ge=1, le=10_000)] = Field(
        default=64, description="fetches at one time"
    )
    per_host: Annotated[Whole, Field(ge=1, le=1_000)] = Field(
        default=4, description="fetches from one host at one time"
    )
    min_ttl_seconds: Annotated[Whole, Field(ge=1, le=TTL_SECONDS_MAX)] = Field(
        default=60, description="least ttlSeconds that a binding may ask for"
    )
    timeout: Annotated[Seconds, Field(ge=0.1, le=600)] = Field(
        default=30.0, description="longest fetch, name look-up to last byte"
    )
    max_bytes: Annotated[Bytes, Field(ge=1, le=1024**3)] = Field(
        default=5 * 1024**2, description="largest body, after decompression"
    )


class EgressSettings(SpecModel):
    """Which private addresses may be reached after all."""

    allow: tuple[Annotated[str, AfterValidator(_egress)], ...] = Field(
        default=(), description="hosts, host:port or CIDR of private or loopback addresses"
    )


class RenderingSettings(SpecModel):
    """The browser; `timeout` in seconds."""

    browser: str = Field(default="auto", min_length=1, description="path of a Chromium, or auto")
    pages: Pages = Field(
        default="auto", description="pages that draw at one time; auto: as many as cores"
    )
    timeout: Annotated[Seconds, Field(ge=0.1, le=600)] = Field(
        default=15.0, description="longest drawing of one image"
    )
    allow_unsandboxed: Flag = Field(
        default=False, description="run the browser where its sandbox cannot work"
    )

    def for_plugins(self) -> RenderSettings:
        """The same, as plugins get it."""
        return RenderSettings(
            browser=self.browser,
            pages=0 if self.pages == "auto" else self.pages,
            timeout=self.timeout,
            allow_unsandboxed=self.allow_unsandboxed,
        )


class ReloadSettings(SpecModel):
    """How changes of the configuration are found; both times in seconds."""

    watch: Flag = Field(
        default=True, description="let the kernel tell of changes; false looks now and then alone"
    )
    poll_seconds: Annotated[Seconds, Field(ge=1, le=3_600)] = Field(
        default=30.0, description="between two looks for changes that nobody told of"
    )
    settle: Annotated[Seconds, Field(ge=0.05, le=10)] = Field(
        default=0.5, description="how long the files must hold still before they are read"
    )


class Settings(SpecModel):
    """All of `repaintd.yaml`.

    Attributes:
        plugins: by name, each an instance of the plugin's settings model; a plugin whose settings
            have no complete defaults and that the file does not name is not in it.
    """

    server: ServerSettings = ServerSettings()
    output: OutputSettings = OutputSettings()
    state: StateSettings = StateSettings()
    refresh: RefreshSettings = RefreshSettings()
    egress: EgressSettings = EgressSettings()
    render: RenderingSettings = RenderingSettings()
    reload: ReloadSettings = ReloadSettings()
    freshness: FreshnessModel = Field(
        default=FreshnessModel(), description="how old the data of bindings may be that do not say"
    )
    webhooks: tuple[Subscription, ...] = Field(
        default=(), description="outgoing subscriptions declared in Git"
    )
    plugins: dict[str, Any] = Field(default_factory=dict, description="settings of each plugin")

    def target_refusal(self, url: str) -> str | None:
        """Why no subscription may lead to *url*, and what to do; None if one may."""
        return target_refusal(
            url,
            egress=EgressPolicy.parse(self.egress.allow),
            listen=(self.server.host, self.server.port),
            public_url=self.server.public_url,
        )
