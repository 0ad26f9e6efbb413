"""A configuration with secrets in every place that takes one; each is kept outside of it.

`test_canaries.py` loads this module.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

CANARIES = 1000
MARK = "c4n4ry"
POLLED, PUSHED, TOLD = 140, 70, 40
UNREACHABLE = ("closed", "dns", "tls", "denied")
SETTINGS = """
server: {{ listen: "127.0.0.1:{port}", publicUrl: "http://127.0.0.1:{port}", apiKeys: {keys} }}
refresh: {{ minTtlSeconds: 1, timeout: 2s, maxBytes: 64KiB, perHost: 32 }}
egress: {{ allow: ["127.0.0.1"] }}
plugins:
  mqtt: {{ host: 127.0.0.1, port: {broker}, username: "{user}", password: "{password}" }}
  webhooks: {{ retries: [1, 1], timeout: 1 }}
webhooks:
"""
SUBSCRIPTION = """
  - uid: told-{n}
    events: ["*"]
    filters: {{ bindingId: polled-{n} }}
    targetUrl: "{target}"
    secrets: ["{new}", "{old}"]
"""
WEBHOOK = """
  - uid: pushed-{n}
    templateId: card
    dataSource: {{ type: webhook }}
    mapping: {{ title: title, n: n }}
    refreshPolicy: {{ type: webhook }}
    webhook: {{ auth: {auth}, secrets: ["{new}", "{old}"], debounce: 0.1 }}
"""
POLL = """
  - uid: polled-{n}
    templateId: card
    dataSource:
      type: http
      url: "{url}"
      method: {method}
      headers: {{ X-Own: "{own}", Cookie: "sid={cookie}" }}
      credentials: {credentials}
      {body}
    mapping: {{ title: title, n: n }}
    refreshPolicy: {{ type: etag, ttlSeconds: 600 }}
"""


class Vault:
    """Makes secrets, keeps each where one of the three kinds of references finds it."""

    def __init__(self, directory: Path) -> None:
        self.values: list[str] = []
        self.of_hooks: list[str] = []
        self.environ = {"CREDENTIALS_DIRECTORY": str(directory / "credentials")}
        self._directory = directory
        (directory / "credentials").mkdir(parents=True)

    def reference(self, form: str = "{}") -> str:
        """A reference to a new secret, which has that form."""
        n = len(self.values)
        canary = f"{MARK}{n:04}{os.urandom(13).hex()}"
        self.values.append(canary)
        value = form.format(canary)
        if n % 3 == 0:
            self.environ[f"CANARY_{n}"] = value
            return f"${{env:CANARY_{n}}}"
        kind = "file" if n % 3 == 1 else "credential"
        path = self._directory / ("credentials" if kind == "credential" else "") / f"secret-{n}"
        path.write_text(value)
        return f"${{file:{path}}}" if kind == "file" else f"${{credential:secret-{n}}}"

    def of_hook(self) -> str:
        """A reference to the secret of the next inbound webhook."""
        found = self.reference()
        self.of_hooks.append(self.values[-1])
        return found


def poll(n: int, ways: tuple[str, ...], port: int, free: int, vault: Vault) -> str:
    mode = ways[n % len(ways)]
    authority = {
        "closed": f"http://127.0.0.1:{free}",
        "dns": "http://nowhere.invalid",
        "tls": f"https://127.0.0.1:{port}",
        "denied": "http://10.1.2.3",
    }.get(mode, f"http://127.0.0.1:{port}")
    body = ""
    if n % 2 and mode != "s304":
        token, deep = vault.reference(), vault.reference()
        body = f'body: {{ token: "{token}", deep: [{{ k: "{deep}" }}] }}'
    value, name = vault.reference(), f"headerName: X-Custom-{n}"
    credentials = [
        f'{{ type: api_key, value: "{value}" }}',
        f'{{ type: bearer_token, value: "{value}" }}',
        f'{{ type: basic_auth, username: "me", value: "{value}" }}',
        f'{{ type: custom_header, {name}, value: "Token {value}" }}',
        f'{{ type: api_key, in: query, name: key, value: "{value}" }}',
    ][n % 5]
    # one that cannot be sent in a header: what refuses it must not quote it
    form = "{}\nsecond line" if n % 20 == 7 else "{}"
    return POLL.format(
        n=n,
        url=f"{authority}/{mode}/{n}?key={vault.reference()}",
        method="POST" if body else "GET",
        own=vault.reference(form),
        cookie=vault.reference(),
        credentials=credentials,
        body=body,
    )


def subscription(n: int, port: int, free: int, vault: Vault) -> str:
    mode = ("s500", "s410", "loop", "drop", "slow", "garbage", "closed", "s404")[n % 8]
    base = f"http://127.0.0.1:{free if mode == 'closed' else port}/{mode}/hook"
    target = [
        lambda: f"{base}?key={vault.reference()}",
        lambda: f"{base}/{vault.reference()}",
        lambda: vault.reference(f"{base}/{{}}"),  # all of the URL is the secret
    ][n % 3]()
    return SUBSCRIPTION.format(
        n=n, target=target, new=vault.reference("whsec_{}"), old=vault.reference("whsec_{}")
    )


def fill(vault: Vault, ways: tuple[str, ...], world, port: int, free: int) -> dict[str, str]:
    """Settings and bindings, by file. The last secrets are keys of the API.

    Args:
        ways: how sources answer.
        world: the one that answers, and refuses as a broker.
        port: of the daemon.
        free: a port that nobody listens on.
    """
    polled = [poll(n, ways, world.port, free, vault) for n in range(POLLED)]
    pushed = [
        WEBHOOK.format(
            n=n,
            auth="token" if n % 2 else "signature",
            new=vault.of_hook(),
            old=vault.reference(),
        )
        for n in range(PUSHED)
    ]
    told = [subscription(n, world.port, free, vault) for n in range(TOLD)]
    user, password = vault.reference(), vault.reference()
    keys = [vault.reference() for _ in range(CANARIES - len(vault.values))]
    assert len(keys) > 10
    settings = SETTINGS.format(
        port=port, keys=json.dumps(keys), broker=world.broker_port, user=user, password=password
    )
    return {
        "repaintd.yaml": settings + "".join(told),
        "bindings/all.yaml": "bindings:" + "".join([*polled, *pushed]),
    }
