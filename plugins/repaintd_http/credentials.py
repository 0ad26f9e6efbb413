"""The four ways to prove who asks (contract B.3)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from repaintd.plugin import SpecModel
from repaintd_http.header import checked_name
from repaintd_http.reference import REFERENCE

DEFAULT_HEADER = "X-API-Key"


class Credentials(SpecModel):
    """`credentials` of a data source. `value` and `username` may hold secret references.

    On the wire: `api_key` is the header X-API-Key (or `headerName`, or the query parameter `name`
    with `in: query`), `bearer_token` and `basic_auth` are Authorization, `custom_header` is
    `headerName`.
    """

    type: Literal["api_key", "bearer_token", "basic_auth", "custom_header"]
    value: str = Field(min_length=1, repr=False)
    username: str | None = Field(default=None, repr=False)
    header_name: str | None = None
    place: Literal["header", "query"] = Field(default="header", alias="in")
    name: str | None = None

    @field_validator("header_name")
    @classmethod
    def _header_name(cls, name: str | None) -> str | None:
        return None if name is None else checked_name(name)

    @model_validator(mode="after")
    def _fits_its_type(self) -> Credentials:
        if self.username is not None and self.type != "basic_auth":
            raise ValueError(f"username goes with basic_auth, not with {self.type}")
        if self.header_name is not None and self.type not in ("api_key", "custom_header"):
            raise ValueError(f"headerName goes with api_key and custom_header, not {self.type}")
        if self.type == "custom_header" and self.header_name is None:
            raise ValueError("custom_header needs headerName: the header that carries the value")
        if ":" in REFERENCE.sub("", self.username or ""):
            raise ValueError("a user name of basic_auth holds no colon (RFC 7617)")
        return self._query_fits()

    def _query_fits(self) -> Credentials:
        if self.place == "query":
            if self.type != "api_key":
                raise ValueError(f"in: query goes with api_key, not with {self.type}")
            if self.header_name is not None:
                raise ValueError("in: query sends no header; give name instead of headerName")
            if not self.name:
                raise ValueError("in: query needs name: the query parameter that carries the key")
        elif self.name is not None:
            raise ValueError("name is the query parameter of in: query; a header is headerName")
        return self

    @property
    def header(self) -> str | None:
        """The header that carries them, None if the query does."""
        if self.type in ("bearer_token", "basic_auth"):
            return "Authorization"
        return None if self.place == "query" else self.header_name or DEFAULT_HEADER
