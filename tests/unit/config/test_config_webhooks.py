"""Bindings that are triggered: the proofs they ask for, and what becomes of pushed data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from repaintd.config import WebhookSpec
from repaintd.core.inbound import InboundWebhook

if TYPE_CHECKING:
    from conftest import Load, Problems

    from repaintd.core.binding import Binding

FILE = "bindings/a.yaml"
STATIC = "{ type: static }"


def one(*more: str, source: str = STATIC) -> str:
    head = f"  - uid: a\n    templateId: card\n    dataSource: {source}\n"
    return head + "".join(f"    {line}\n" for line in more)


def file(entry: str) -> dict[str, str | bytes]:
    return {FILE: f"bindings:\n{entry}"}


def binding(load: Load, *more: str, source: str = STATIC) -> Binding:
    return load(file(one(*more, source=source))).bindings["a"]


def test_webhook_sources(load: Load):
    found = binding(load, "webhook: { auth: none }", source="{ type: webhook, merge: append }")
    assert found.source.spec == WebhookSpec(merge="append", keep=100)
    assert found.webhook == InboundWebhook(auth="none")
    assert binding(load, "webhook: { auth: none }", source="{ type: webhook }").source.spec == (
        WebhookSpec(merge="replace")
    )


def test_payloads_that_are_kept(load: Load):
    source = "{ type: webhook, merge: append, keep: 3 }"
    assert binding(load, "webhook: { auth: none }", source=source).source.spec == (
        WebhookSpec(merge="append", keep=3)
    )


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (
            "{ type: webhook, merge: deepMerge, keep: 3 }",
            "58: bindings[0].dataSource.keep: is for `merge: append` only; remove one of them",
        ),
        (
            "{ type: webhook, keep: 3 }",
            "40: bindings[0].dataSource.keep: is for `merge: append` only; remove one of them",
        ),
        (
            "{ type: webhook, merge: append, keep: 0 }",
            "55: bindings[0].dataSource.keep: must be at least 1",
        ),
        (
            "{ type: webhook, merge: append, keep: 10001 }",
            "55: bindings[0].dataSource.keep: must be at most 10000",
        ),
        (
            "{ type: webhook, merge: append, keep: 2.5 }",
            "55: bindings[0].dataSource.keep: must be a whole number, without quotes",
        ),
    ],
)
def test_payloads_that_cannot_be_kept(problems: Problems, source: str, problem: str):
    found = problems(file(one("webhook: { auth: none }", source=source)))
    assert found == [f"{FILE}:4:{problem}"]


@pytest.mark.parametrize(
    ("webhook", "expected"),
    [
        (
            "{ auth: token, secret: '${env:A}' }",
            InboundWebhook(auth="token", secrets=("${env:A}",)),
        ),
        (
            "{ secret: '${env:A}', debounce: 500ms, maxWait: 1m, compressed: true }",
            InboundWebhook(secrets=("${env:A}",), debounce=0.5, max_wait=60.0, compressed=True),
        ),
        ("{ auth: none, debounce: 0 }", InboundWebhook(auth="none", debounce=0.0)),
        (
            "{ auth: none, debounce: 0, maxWait: 0 }",
            InboundWebhook(auth="none", debounce=0.0, max_wait=0.0),
        ),
        (
            "{ auth: none, debounce: 1h }",
            InboundWebhook(auth="none", debounce=3600.0, max_wait=3600.0),
        ),
        (
            "{ auth: none, debounce: 5, maxWait: 5s }",
            InboundWebhook(auth="none", debounce=5.0, max_wait=5.0),
        ),
    ],
)
def test_how_triggers_are_let_in_and_gathered(load: Load, webhook: str, expected: InboundWebhook):
    assert binding(load, f"webhook: {webhook}").webhook == expected


@pytest.mark.parametrize(
    ("webhook", "problem"),
    [
        ("{ auth: none, debounce: 2h }", "38: bindings[0].webhook.debounce: must be at most 3600"),
        ("{ auth: none, debounce: -1 }", "38: bindings[0].webhook.debounce: must be at least 0"),
        ("{ auth: none, maxWait: 61m }", "37: bindings[0].webhook.maxWait: must be at most 3600"),
        (
            "{ auth: none, maxWait: soon }",
            (
                "37: bindings[0].webhook.maxWait: must be a duration: seconds, or a text such as "
                "30s, 5m, 1h30m or PT5M"
            ),
        ),
        (
            "{ auth: none, debounce: 20s, maxWait: 15s }",
            "52: bindings[0].webhook.maxWait: must be at least debounce (20 seconds)",
        ),
        (
            "{ auth: none, maxWait: 500ms }",
            "37: bindings[0].webhook.maxWait: must be at least debounce (1 seconds)",
        ),
        (
            "{ auth: none, compressed: 'yes' }",
            "40: bindings[0].webhook.compressed: must be true or false, without quotes",
        ),
        (
            "{ auth: tokens, secret: '${env:A}' }",
            (
                "22: bindings[0].webhook.auth: must be one of signature, token, none; did you mean "
                "token?"
            ),
        ),
        (
            "{ auth: token }",
            "14: bindings[0].webhook: needs either `secret` or `secrets`, or say `auth: none`",
        ),
    ],
)
def test_triggers_that_cannot_be_gathered_so(problems: Problems, webhook: str, problem: str):
    found = problems(file(one(f"webhook: {webhook}")), environ={"A": "x"})
    assert found == [f"{FILE}:5:{problem}"]


MALFORMED = (
    "begins with whsec_, but what follows is no base64; "
    'make one with: echo "whsec_$(openssl rand -base64 32)"'
)


@pytest.mark.parametrize("key", ["secret: whsec_nonsense!", "secrets: ['whsec_nonsense!']"])
def test_a_malformed_secret_is_an_error(problems: Problems, key: str):
    found = problems(file(one(f"webhook: {{ {key} }}")))
    (error,) = [text for text in found if "warning" not in text]
    assert error.endswith(f": {MALFORMED}")
    assert "nonsense" not in "".join(found)


def test_a_secret_is_malformed_at_use_only_where_it_stands_elsewhere(load: Load):
    found = binding(load, "webhook: { secret: 'whsec_${env:A}' }")
    assert found.webhook == InboundWebhook(secrets=("whsec_${env:A}",))
    sound = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    assert binding(load, f"webhook: {{ secret: {sound} }}").webhook


@pytest.mark.parametrize(
    ("entry", "place"),
    [
        (one(source="{ type: webhook }"), "4:25: bindings[0].dataSource.type"),
        (one("refreshPolicy: { type: webhook }"), "5:28: bindings[0].refreshPolicy.type"),
    ],
    ids=["source", "policy"],
)
def test_what_waits_for_triggers_that_nobody_may_send_is_doubtful(
    load: Load, entry: str, place: str
):
    assert [str(each) for each in load(file(entry)).warnings] == [
        (
            f"{FILE}:{place}: warning: waits for triggers, but without `webhook:` none is let in; "
            "add its secret"
        )
    ]


def test_several_secrets_and_none(load: Load):
    found = binding(load, "webhook: { secrets: ['${env:A}', '${env:B}'] }")
    assert found.webhook == InboundWebhook(secrets=("${env:A}", "${env:B}"))
    assert "env" not in repr(found.webhook)


@pytest.mark.parametrize(
    ("webhook", "message"),
    [
        ("{}", "needs either `secret` or `secrets`, or say `auth: none`"),
        (
            "{ secret: '${env:A}', secrets: ['${env:A}'] }",
            "needs either `secret` or `secrets`, or say `auth: none`",
        ),
        ("{ auth: none, secret: '${env:A}' }", "has a secret and `auth: none`; remove one of them"),
        ("3", "must be a mapping (key: value)"),
    ],
)
def test_webhooks_that_are_undecided(problems: Problems, webhook: str, message: str):
    found = problems(file(one(f"webhook: {webhook}")), environ={"A": "x"})
    assert found == [f"{FILE}:5:14: bindings[0].webhook: {message}"]


def test_a_webhook_secret_in_clear_text_is_doubtful(load: Load):
    (warning,) = load(file(one("webhook: { secret: abc }"))).warnings
    assert str(warning) == (
        f"{FILE}:5:24: bindings[0].webhook.secret: warning: is a secret in clear text; "
        "keep it elsewhere, as ${credential:name} or such"
    )
