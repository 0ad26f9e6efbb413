"""`repaintd trigger`: send a binding what a real sender would."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import IO, TYPE_CHECKING, Any

import click

from repaintd.app import load
from repaintd.app.client import DaemonClient, DaemonRefused
from repaintd.cli.context import configured
from repaintd.cli.proofs import GITLAB, SENDERS, STANDARD, proof
from repaintd.cli.unknown import no_such_binding
from repaintd.config import secret_resolver
from repaintd.errors import RepaintdError, SecretUnavailable

if TYPE_CHECKING:
    from repaintd.app import Options
    from repaintd.config import Configuration
    from repaintd.core.inbound import InboundWebhook


@click.command()
@configured
@click.argument("uid")
@click.option(
    "--data",
    type=click.File("rb"),
    help="The JSON file to send; - for standard input; without it, an empty body.",
)
@click.option(
    "--as",
    "sender",
    type=click.Choice(SENDERS),
    help="Whose way to prove itself (default: standard, or gitlab where a token is wanted).",
)
@click.option("--json", "as_json", is_flag=True, help="Print the daemon's answer.")
def trigger(
    options: Options,
    uid: str,
    *,
    data: IO[bytes] | None,
    sender: str | None,
    as_json: bool,
) -> None:
    """Send a webhook to binding UID, proven with its secret as a real sender would."""
    configuration = load(options, check_templates=False).configuration
    webhook = _webhook(configuration, uid)
    sender = _fitting(sender, uid, webhook)
    body = b"" if data is None else data.read()
    try:
        headers = proof(sender, _secret(webhook, uid, options), body)
    except ValueError as error:
        raise RepaintdError(f"the secret of {uid!r} {error}") from error
    headers["Content-Type"] = "application/json"
    client = DaemonClient(configuration, options.environ)
    answer = _sent(client, uid, body, headers)
    click.echo(json.dumps(answer) if as_json else _sentence(uid, answer))


def _webhook(configuration: Configuration, uid: str) -> InboundWebhook:
    binding = configuration.bindings.get(uid)
    if binding is None:
        raise no_such_binding(uid, configuration.bindings)
    if binding.webhook is None:
        raise RepaintdError(
            f"{uid!r} takes no triggers; give it `webhook: {{ secret: ${{env:NAME}} }}`"
        )
    return binding.webhook


def _fitting(sender: str | None, uid: str, webhook: InboundWebhook) -> str:
    """Who sends, who has to prove itself in the way that the binding asks for."""
    if sender is None:
        return GITLAB if webhook.auth == "token" else STANDARD
    if webhook.auth == "signature" and sender == GITLAB:
        raise click.UsageError(
            f"gitlab sends a token, but {uid!r} wants a signature; "
            "use another sender, or say `auth: token` in its `webhook:`"
        )
    if webhook.auth == "token" and sender != GITLAB:
        raise click.UsageError(
            f"{sender} sends a signature, but {uid!r} wants a token; use --as gitlab"
        )
    return sender


def _secret(webhook: InboundWebhook, uid: str, options: Options) -> str:
    """The newest secret that has a value here; "" where none is needed."""
    resolve, missing = secret_resolver(options.environ), None
    for reference in webhook.secrets:
        try:
            return resolve(reference).reveal()
        except SecretUnavailable as unavailable:
            missing = missing or unavailable
    if missing is None:
        return ""
    raise RepaintdError(
        f"{uid!r} cannot be signed for: {missing}, and for this command"
    ) from missing


def _sent(client: DaemonClient, uid: str, body: bytes, headers: dict[str, str]) -> dict[str, Any]:
    try:
        return client.trigger(uid, body, headers)
    except DaemonRefused as refused:
        if refused.status != HTTPStatus.UNAUTHORIZED:
            raise
        raise RepaintdError(
            f"the daemon does not accept this from {uid!r}: its secret is another one, or has no "
            "value there, or it works with an older configuration; its log says why"
        ) from refused


def _sentence(uid: str, answer: dict[str, Any]) -> str:
    if answer["queued"]:
        return f"{uid}: accepted, a refresh is queued ({answer['refreshId']})"
    if answer.get("duplicate"):
        return f"{uid}: the very same message was accepted before; nothing is done again"
    return f"{uid}: accepted and kept, but paused: it is refreshed once it is not"
