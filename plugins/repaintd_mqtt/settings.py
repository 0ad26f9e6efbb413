"""`plugins.mqtt` of repaintd.yaml."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from repaintd.plugin import SpecModel

Flag = Annotated[bool, Field(strict=True)]

_LEVELS: Final = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*")
_DURATION: Final = re.compile(r"([0-9]{1,6})(s|m)?")
_LONGEST_PREFIX: Final = 128


def _levels(value: str) -> str:
    if len(value) > _LONGEST_PREFIX or not _LEVELS.fullmatch(value):
        raise ValueError(
            "must be topic levels of letters, digits, - and _, such as home/repaintd;"
            f" {_LONGEST_PREFIX} characters at most"
        )
    return value


def _seconds(value: Any) -> Any:
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found:
        return int(found[1]) * (60 if found[2] == "m" else 1)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError("must be a duration in whole seconds, such as 30s or 2m")


class TlsSettings(SpecModel):
    """How the broker proves itself, and how we do.

    Attributes:
        ca: file with the certificates that are trusted; those of the system if it is left out.
        cert: file with our own certificate (PEM), for brokers that ask for one.
        key: file with its key, where it is not in the same file.
        insecure: accept any certificate, of anybody.
    """

    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    insecure: Flag = False

    @model_validator(mode="after")
    def _fits_together(self) -> TlsSettings:
        if self.key is not None and self.cert is None:
            raise ValueError("key is the key of cert, which is missing")
        if self.insecure and self.ca is not None:
            raise ValueError("insecure trusts anybody, so ca means nothing; keep one of them")
        return self


class HomeAssistantSettings(SpecModel):
    """Devices for Home Assistant's MQTT discovery.

    Attributes:
        prefix: Home Assistant's discovery prefix.
        images: `url`: Home Assistant loads images from the daemon's public URL; `bytes`: they come
            through the broker, which needs `images: true` beside it.
    """

    prefix: str = "homeassistant"
    images: Literal["url", "bytes"] = "url"

    @field_validator("prefix")
    @classmethod
    def _prefix(cls, prefix: str) -> str:
        return _levels(prefix)


def _given(value: Any) -> Any:
    """`true` is all the defaults, `false` is nothing."""
    if value is True:
        return {}
    return None if value is False else value


class MqttSettings(SpecModel):
    """The broker, and what it is told. QoS is 1 for everything.

    Attributes:
        host: name or address of the broker.
        port: 1883, or 8883 with `tls`, unless given.
        prefix: the topics' first levels; two daemons on one broker need two.
        username: may be a secret reference, resolved at each connect; `password` likewise.
        client_id: made from prefix and host name unless given; no two clients may share it.
        keep_alive: a broker that is silent for twice as long is given up.
        tls: true for the system's certificates, or `{ca, cert, key, insecure}`.
        images: publish the images themselves, too, retained; 10 MiB at most each.
        home_assistant: true, or `{prefix, images}`: announce every binding as a device.
    """

    host: str = Field(min_length=1, max_length=255)
    port: int | None = Field(default=None, ge=1, le=65535, strict=True)
    prefix: str = "repaintd"
    username: str | None = Field(default=None, repr=False)
    password: str | None = Field(default=None, repr=False)
    client_id: str | None = Field(default=None, min_length=1, max_length=128)
    keep_alive: Annotated[
        int, BeforeValidator(_seconds, json_schema_input_type=int | str), Field(ge=2, le=3600)
    ] = 30
    tls: Annotated[
        TlsSettings | None,
        BeforeValidator(_given, json_schema_input_type=bool | TlsSettings | None),
    ] = None
    images: Flag = False
    home_assistant: Annotated[
        HomeAssistantSettings | None,
        BeforeValidator(_given, json_schema_input_type=bool | HomeAssistantSettings | None),
    ] = None

    @field_validator("host")
    @classmethod
    def _host(cls, host: str) -> str:
        if "/" in host or any(mark.isspace() for mark in host):
            raise ValueError("must be a host name or address alone, such as broker.example.org")
        return host

    @field_validator("prefix")
    @classmethod
    def _prefix(cls, prefix: str) -> str:
        return _levels(prefix)

    @model_validator(mode="after")
    def _fits_together(self) -> MqttSettings:
        if self.password is not None and self.username is None:
            raise ValueError("password needs username: MQTT 3.1.1 has none without the other")
        wanted = self.home_assistant
        if wanted is not None and wanted.images == "bytes" and not self.images:
            raise ValueError("homeAssistant.images: bytes needs images: true")
        return self

    @property
    def tcp_port(self) -> int:
        """The port that is connected to."""
        return self.port or (1883 if self.tls is None else 8883)

    @property
    def address(self) -> str:
        """`host:port`, for messages."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.tcp_port}"
