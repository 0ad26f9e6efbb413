"""Configuration directories for the measurements: real files, read by the real loader."""

from __future__ import annotations

import os
import re
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CARD: Final = Path(__file__).with_name("card")
PER_FILE: Final = 1_000
BINDING: Final = """\
  - uid: {uid}
    name: Card {number}
    templateId: card
{source}    mapping:
      title: name
      description: description
      owner: owner.login
      stars: stargazers_count
      forks: forks_count
      issues: open_issues_count
      language: language
    defaults:
      stars: 0
{policy}    outputConfig:
      format: {image_format}
      quality: 90
"""
FETCHED: Final = """\
    dataSource:
      type: http
      url: "{source}{number}"
      method: GET
      headers:
        Accept: application/json
"""
PUSHED: Final = """\
    dataSource:
      type: webhook
"""
TIMED: Final = """\
    refreshPolicy:
      type: ttl
      ttlSeconds: {ttl}
      onError: serve_stale
"""
TRIGGERED: Final = """\
    refreshPolicy:
      type: webhook
    webhook: {{ {hook} }}
"""
SETTINGS: Final = """\
server: {{ listen: "127.0.0.1:{port}" }}
refresh: {{ concurrency: {concurrency}, perHost: {concurrency}, minTtlSeconds: 1 }}
egress: {{ allow: ["127.0.0.1"] }}
render: {{ pages: {pages} }}
"""


@dataclass(frozen=True, slots=True)
class Workspace:
    """One directory with `config`, and beside it what the daemon writes."""

    root: Path

    @property
    def config(self) -> Path:
        """The configuration directory."""
        return self.root / "config"

    def write(
        self,
        count: int,
        source: str | None,
        *,
        image_format: str = "jpeg",
        ttl: int = 60,
        concurrency: int = 64,
        hook: str = "",
        settings: str = "",
    ) -> None:
        """Write settings, the card template and *count* bindings `card-000000` … of it.

        Args:
            source: URL before the binding's number; None where data is pushed.
            ttl: seconds between two polls.
            concurrency: of fetches, also against the one host that there is.
            hook: what stands in `webhook:`; bindings that have one wait for triggers alone.
            settings: more YAML for the settings.
        """
        shutil.copytree(CARD, self.config / "templates" / "card", dirs_exist_ok=True)
        written = SETTINGS.format(port=free_port(), concurrency=concurrency, pages=cores())
        (self.config / "repaintd.yaml").write_text(written + settings, "utf-8")
        policy = TRIGGERED.format(hook=hook) if hook else TIMED.format(ttl=ttl)
        (self.config / "bindings").mkdir(exist_ok=True)
        for first in range(0, count, PER_FILE):
            bindings = [
                BINDING.format(
                    uid=uid(number),
                    number=number,
                    source=_source(source, number),
                    policy=policy,
                    image_format=image_format,
                )
                for number in range(first, min(first + PER_FILE, count))
            ]
            path = self.config / "bindings" / f"{first:06}.yaml"
            path.write_text("bindings:\n" + "".join(bindings), "utf-8")


def _source(url: str | None, number: int) -> str:
    return PUSHED if url is None else FETCHED.format(source=url, number=number)


def change_source(config: Path, number: int, name: str) -> None:
    """Let the binding with that number ask for something else, written at one stroke.

    Args:
        name: what is asked for, another one each time.
    """
    path = binding_file(config, number)
    before = path.read_text("utf-8")
    after, found = re.subn(rf"/{number}(\?.*)?\"\n", f'/{number}?{name}"\n', before)
    assert found == 1
    replace_text(path, after)


def binding_file(config: Path, number: int) -> Path:
    """Where the binding with that number stands."""
    return config / "bindings" / f"{number - number % PER_FILE:06}.yaml"


def replace_text(path: Path, text: str) -> None:
    """As `git` and careful editors write: there is never half of it to be read."""
    draft = path.parent.parent / f".{path.name}.new"
    draft.write_text(text, "utf-8")
    draft.replace(path)


def uid(number: int) -> str:
    """The uid of the binding with that number."""
    return f"card-{number:06}"


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0))
