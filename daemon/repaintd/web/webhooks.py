"""`POST /webhooks/{uid}`: an inbound trigger (contract B.10).

Limits, then the proof on the raw bytes, then the data, then durability, then the answer: what a
stranger sends costs no more than its reading, and no sender waits for a refresh.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from aiohttp import hdrs, web

from repaintd.core.inbound import InboundWebhook
from repaintd.core.intake import Push
from repaintd.core.proof import Proof, ProofRefused, is_ping, verify
from repaintd.core.push import payload_of
from repaintd.core.state import Trigger
from repaintd.errors import DocumentRefused, RepaintdError
from repaintd.web.answer import json_answer
from repaintd.web.body import (
    MALFORMED,
    TOO_LARGE,
    check_length,
    decoded,
    read_body,
    undecoded,
    unsupported,
)
from repaintd.web.body_room import BodyRoom
from repaintd.web.hook_secrets import HookSecrets
from repaintd.web.problem import BUSY, Problem, later
from repaintd.web.refusal import note_refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from multidict import CIMultiDictProxy

    from repaintd.core.view import View
    from repaintd.net.decoding import Decoder
    from repaintd.web.body_room import BodyShare
    from repaintd.web.surface import Receipt, Surface

DEADLINE: Final = 25.0
"""Seconds until a sender is told to come back."""

_NOBODY: Final = InboundWebhook()  # no secret: nothing proves itself to it
_PUSHED: Final = "webhook"
_UNPROVEN: Final = (
    "This request does not prove itself to any binding: sign its raw body with the secret "
    "of the binding's `webhook:`, and check the binding's uid and this machine's clock."
)


class Webhooks:
    """Lets triggers in that prove themselves.

    Args:
        surface: what they are handed to.
        deadline: seconds for making them durable.
    """

    def __init__(self, surface: Surface, deadline: float = DEADLINE) -> None:
        self._surface = surface
        self._deadline = deadline
        self._room = BodyRoom()
        resolve = surface.secret
        self._secrets = None if resolve is None else HookSecrets(resolve, surface.clock)

    async def serve(self, request: web.Request) -> web.Response:
        """Answer a routed request."""
        return await self.receive(request, request.match_info["uid"])

    async def receive(self, request: web.BaseRequest, uid: str) -> web.Response:
        """Take the trigger, or say why not.

        Raises:
            Problem: it was not taken. Strangers get one answer, whether there is such a binding
                or not.
            RepaintdError: it was not taken, and can be sent again.
        """
        share = self._room.share()
        try:
            return await self._received(request, uid, share)
        except Problem as problem:
            note_refusal(request, self._surface.metrics, uid, problem.reason)
            raise
        except RepaintdError:
            note_refusal(request, self._surface.metrics, uid, BUSY)
            raise
        finally:
            share.give_back()

    async def _received(self, request: web.BaseRequest, uid: str, share: BodyShare) -> web.Response:
        check_length(request)
        view = self._surface.bindings.get(uid)
        webhook = (view.binding.webhook if view else None) or _NOBODY
        decoder = undecoded(request)
        if decoder is not None and not webhook.compressed:
            raise unsupported("Bodies with a Content-Encoding are not taken here.")
        body = await read_body(request, share)
        headers = _folded(request.headers)
        proof = self._proven(webhook, headers, body)
        if view is None:
            raise _unproven("no_binding")  # not reached: nothing proves itself to nobody
        if is_ping(headers):
            return _answer(202, uid, queued=False, refresh_id="")
        push = _push(view, body, decoder, headers, self._surface.max_document_bytes)
        receipt = await self._handed_over(uid, proof, push)
        return _answer(
            200 if receipt.duplicate else 202,
            uid,
            queued=receipt.queued,
            refresh_id=receipt.refresh_id,
            **({"duplicate": True} if receipt.duplicate else {}),
        )

    def _proven(self, webhook: InboundWebhook, headers: Mapping[str, str], body: bytes) -> Proof:
        """What the request proves.

        Raises:
            Problem: nothing.
        """
        secrets = self._secrets.values(webhook.secrets) if self._secrets else []
        try:
            return verify(headers, body, secrets, webhook.auth, self._surface.clock.now())
        except ProofRefused as refusal:
            if refusal.reason == "malformed_id":
                detail = "The id of this message is malformed: visible ASCII, without a dot."
                raise Problem(400, "bad-request", detail, reason=refusal.reason) from None
            forgotten = webhook.secrets and not secrets
            raise _unproven("no_secret" if forgotten else refusal.reason) from None

    async def _handed_over(self, uid: str, proof: Proof, push: Push | None) -> Receipt:
        """The trigger, durable.

        Raises:
            Problem: it is not, and when to come back.
        """
        intake = self._surface.intake
        if intake is None:
            raise later("Triggers are not taken yet.")
        try:
            async with asyncio.timeout(self._deadline):
                receipt = await intake.receive(
                    uid, trigger=Trigger.WEBHOOK, seen=proof.seen, push=push
                )
        except TimeoutError:
            raise later("The trigger could not be made durable in time.") from None
        except DocumentRefused as exc:
            raise Problem(413, "content-too-large", str(exc), reason=TOO_LARGE) from exc
        if receipt is None:  # the binding has gone in this very moment
            raise _unproven("no_binding")
        return receipt


WEBHOOKS: Final = web.AppKey("WEBHOOKS", Webhooks)


def _unproven(reason: str) -> Problem:
    challenge: dict[str, str] = {hdrs.WWW_AUTHENTICATE: "Signature"}
    return Problem(401, "unauthorized", _UNPROVEN, headers=challenge, reason=reason)


def _folded(headers: CIMultiDictProxy[str]) -> dict[str, str]:
    """By lower-case name; those that were sent twice are joined, so that none is overlooked."""
    folded: dict[str, str] = {}
    for name, value in headers.items():
        key = name.lower()
        folded[key] = f"{folded[key]}, {value}" if key in folded else value
    return folded


def _push(
    view: View, body: bytes, decoder: Decoder | None, headers: Mapping[str, str], most: int
) -> Push | None:
    """The data, where the binding's document is made of what is pushed.

    Raises:
        Problem: it is no JSON.
    """
    source = view.binding.source
    if source.type != _PUSHED:
        return None
    if decoder is not None:
        body = decoded(body, decoder)
    try:
        payload = payload_of(body, headers.get("content-type", ""))
    except DocumentRefused as exc:
        raise Problem(400, "bad-request", str(exc), reason=MALFORMED) from exc
    if payload is None:
        return None
    return Push(
        payload=payload,
        merge=getattr(source.spec, "merge", "replace"),
        keep=getattr(source.spec, "keep", 100),
        max_bytes=most,
    )


def _answer(status: int, uid: str, *, queued: bool, refresh_id: str, **more: Any) -> web.Response:
    document = {
        "received": True,
        "queued": queued,
        "bindingId": uid,
        "refreshId": refresh_id or None,
        **more,
    }
    return json_answer(status, document)
