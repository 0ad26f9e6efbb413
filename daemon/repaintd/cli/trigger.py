"""`repaintd trigger`: send a binding what a real sender would."""

from __future__ import annotations

import json
import secrets
import time
from typing import TYPE_CHECKING, Final

import click

from repaintd.app import load
from repaintd.app.client import DaemonClient
from repaintd.cli.context import configured
from repaintd.config import secret_resolver
from repaintd.core.signing import sign_pictify, sign_plain, sign_standard

if TYPE_CHECKING:
    from pathlib import Path

    from repaintd.app import Options
    from repaintd.app.configure import Loaded
    from repaintd.core.inbound import InboundWebhook

SENDERS: Final = ("standard", "github", "pictify", "gitlab")


@click.command()
@configured
@click.argument("uid")
@click.option(
    "--data",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    help="The JSON file to send; - for standard input; without it, an empty body.",
)
@click.option(
    "--as",
    "sender",
    type=click.Choice(SENDERS),
    default=SENDERS[0],
    show_default=True,
    help="Whose way of signing to use, where the binding wants a signature.",
)
def trigger(options: Options, uid: str, data: Path | None, sender: str) -> None:
    """Send a webhook to binding UID, signed with its secret, and print the daemon's answer."""
    loaded = load(options, check_templates=False)
    body = b"" if data is None else _read(str(data))
    webhook = _webhook(loaded, uid)
    resolve = secret_resolver(options.environ)
    secret = resolve(webhook.secrets[0]).reveal() if webhook.secrets else ""
    headers = {"Content-Type": "application/json", **_proof(webhook.auth, sender, secret, body)}
    answer = DaemonClient(loaded.configuration, options.environ).trigger(uid, body, headers)
    click.echo(json.dumps(answer))


def _read(name: str) -> bytes:
    with click.open_file(name, "rb") as file:
        body: bytes = file.read()
    return body


def _webhook(loaded: Loaded, uid: str) -> InboundWebhook:
    binding = loaded.configuration.bindings.get(uid)
    if binding is None:
        raise click.ClickException(
            f"there is no binding {uid!r}; `repaintd list` shows those there are"
        )
    if binding.webhook is None:
        raise click.ClickException(f"{uid} takes no triggers: it has no `webhook:`")
    return binding.webhook


def _proof(auth: str, sender: str, secret: str, body: bytes) -> dict[str, str]:
    """The headers that prove who sends."""
    if auth == "none":
        return {}
    if auth == "token":
        return {"X-Gitlab-Token": secret}
    now, name = int(time.time()), secrets.token_hex(12)
    if sender == "github":
        return {
            "X-GitHub-Event": "push",
            "X-GitHub-Delivery": name,
            "X-Hub-Signature-256": sign_plain(secret, body),
        }
    if sender == "pictify":
        return {"X-Pictify-Signature": sign_pictify(secret, body, now)}
    if sender == "gitlab":
        raise click.ClickException("GitLab sends a token: say `auth: token` in the binding")
    return {
        "webhook-id": f"msg_{name}",
        "webhook-timestamp": str(now),
        "webhook-signature": sign_standard(secret, f"msg_{name}", body, now),
    }
