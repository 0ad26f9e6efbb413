from __future__ import annotations

import hmac
import json
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from repaintd.core import proof as proof_module
from repaintd.core.proof import MAX_SIGNATURES, Auth, Proof, ProofRefused, is_ping, verify
from repaintd.core.signing import (
    pictify_digest,
    sign_pictify,
    sign_plain,
    sign_standard,
    standard_signature,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

NOW = 1_700_000_000
SECRET = "It's a Secret to Everybody"
WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"event": "push", "payload": {"stars": 7}}'


def standard(
    secret: str = SECRET, message: str = "msg_1", at: int = NOW, body: bytes = BODY
) -> dict[str, str]:
    return {
        "webhook-id": message,
        "webhook-timestamp": str(at),
        "webhook-signature": sign_standard(secret, message, body, at),
    }


def pictify(secret: str = SECRET, at: int = NOW) -> dict[str, str]:
    return {"x-pictify-signature": sign_pictify(secret, BODY, at)}


def plain(secret: str = SECRET, name: str = "x-hub-signature-256") -> dict[str, str]:
    return {name: sign_plain(secret, BODY)}


ALL = {**standard(), **pictify(), **plain(), **plain(name="x-webhook-signature")}


def accepted(
    headers: Mapping[str, str],
    *,
    body: bytes = BODY,
    secrets: Sequence[str] = (SECRET,),
    auth: Auth = "signature",
    now: float = NOW,
) -> Proof:
    return verify(headers, body, secrets, auth, now)


def reason(
    headers: Mapping[str, str],
    *,
    body: bytes = BODY,
    secrets: Sequence[str] = (SECRET,),
    auth: Auth = "signature",
    now: float = NOW,
) -> str:
    with pytest.raises(ProofRefused) as refused:
        verify(headers, body, secrets, auth, now)
    return refused.value.reason


@pytest.mark.parametrize("name", ["x-webhook-signature", "x-hub-signature-256"])
def test_plain_signatures_prove_and_name_nothing(name: str) -> None:
    assert accepted(plain(name=name)) == Proof(seen=())


def test_the_example_that_github_publishes() -> None:
    digest = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

    assert accepted({"x-hub-signature-256": f"sha256={digest}"}, body=b"Hello, World!")


def test_the_vector_that_standard_webhooks_publishes() -> None:
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }

    proof = accepted(headers, body=b'{"test": 2432232314}', secrets=[WHSEC], now=1_614_265_330)

    assert proof.seen == ("webhook-id:msg_p5jXN8AQM9LWM0D4loKWxJek",)


def test_a_pictify_signature_is_its_own_id() -> None:
    header = sign_pictify(SECRET, BODY, NOW)

    assert accepted(pictify()).seen == (f"pictify:{header.partition('v1=')[2]}",)


def test_a_request_with_several_proofs_is_known_by_each_of_them() -> None:
    seen = accepted({**standard(), **pictify()}).seen

    assert len(seen) == 2
    assert set(accepted(standard()).seen) < set(seen)
    assert set(accepted(pictify()).seen) < set(seen)


def test_a_replayer_who_strips_a_signature_of_two_secrets_is_known() -> None:
    header = sign_pictify("new", BODY, NOW) + "," + sign_pictify("old", BODY, NOW).split(",")[1]
    seen = accepted({"x-pictify-signature": header}, secrets=["new", "old"]).seen

    for secret in ("new", "old"):
        assert set(accepted(pictify(secret), secrets=["new", "old"]).seen) < set(seen)


@pytest.mark.parametrize("name", ["x-github-delivery", "x-gitea-delivery", "idempotency-key"])
def test_what_a_forge_calls_its_delivery_is_seen(name: str) -> None:
    assert accepted({**plain(), name: "72d3162e-cc78"}).seen == (f"{name}:72d3162e-cc78",)


def test_a_webhook_id_is_the_same_id_whether_a_signature_covers_it_or_not() -> None:
    bare = {"webhook-id": "msg_1", **plain()}

    assert accepted(bare).seen == accepted(standard()).seen == ("webhook-id:msg_1",)


def test_ids_that_no_proof_covers_do_not_count_beside_one_that_covers_its_own() -> None:
    assert accepted({**standard(), "x-github-delivery": "a"}).seen == ("webhook-id:msg_1",)


def test_an_event_uuid_of_gitlab_names_a_chain_of_events_and_is_no_id() -> None:
    headers = {"x-gitlab-token": SECRET, "x-gitlab-event-uuid": "a", "idempotency-key": "b"}

    assert accepted(headers, auth="token").seen == ("idempotency-key:b",)


@pytest.mark.parametrize("signed_with", ["new", "old"])
@pytest.mark.parametrize("make", [plain, pictify, standard])
def test_any_secret_proves_while_they_are_changed(
    make: Callable[[str], dict[str, str]], signed_with: str
) -> None:
    assert accepted(make(signed_with), secrets=["new", "old"])
    assert reason(make("other"), secrets=["new", "old"]) == "bad_signature"


def test_one_valid_proof_suffices() -> None:
    wrong = {"x-webhook-signature": "sha256=0", "x-pictify-signature": "t=1,v1=0"}

    assert accepted({**wrong, **standard()}).seen == ("webhook-id:msg_1",)


def test_bad_input_38_no_signature() -> None:
    assert reason({}) == "no_signature"
    assert reason({"x-gitlab-token": SECRET, "authorization": f"Bearer {SECRET}"}) == "no_signature"


RIGHT = sign_plain(SECRET, BODY)
SPELLINGS = {
    "wrong": "sha256=" + "0" * 64,
    "no prefix": RIGHT.removeprefix("sha256="),
    "upper-case prefix": RIGHT.replace("sha256", "SHA256"),
    "prefix of another": RIGHT.replace("sha256", "sha1"),
    "sha1": "sha1=" + hmac.digest(SECRET.encode(), BODY, "sha1").hex(),
    "upper-case hex": "sha256=" + RIGHT.removeprefix("sha256=").upper(),
    "space before": " " + RIGHT,
    "space after": RIGHT + " ",
    "space within": RIGHT.replace("=", "= "),
    "newline": RIGHT + "\n",
    "cut short": RIGHT[:-1],
    "longer": RIGHT + "0",
    "twice": f"{RIGHT}, {RIGHT}",
    "empty": "",
    "no digest": "sha256=",
    "no ASCII": "sha256=é\udcff\ud800",
    "base64": "sha256=" + sign_standard(SECRET, "m", BODY, NOW)[3:],
}


@pytest.mark.parametrize("name", ["x-webhook-signature", "x-hub-signature-256"])
@pytest.mark.parametrize("value", SPELLINGS.values(), ids=SPELLINGS.keys())
def test_bad_input_38_other_spellings_prove_nothing(name: str, value: str) -> None:
    assert reason({name: value}) == "bad_signature"


@pytest.mark.parametrize(
    "spelling",
    [
        "t={t}, v1={v}",
        " t={t},v1={v}",
        "t={t},v1={v} ",
        "t={t},v1={v},",
        "t={t},v1={v},v1",
        "t={t};v1={v}",
        "v1={v},t={t}",
        "T={t},V1={v}",
        "t={t},v0={v}",
        "{t},v1={v}",
        "t=0{t},v1={v}",
        "t={t},t={t},v1={v}",
        "t=1,t={t},v1={v}",
        "t={t},v1=={v}",
        "t={t},v1={V}",
        "t={t}",
        "v1={v}",
        "v1={v},v1={v}",
        "",
    ],
)
def test_bad_input_38_other_spellings_of_pictify(spelling: str) -> None:
    v = pictify_digest(SECRET, BODY, str(NOW))
    header = spelling.format(t=NOW, v=v, V=v.upper())

    assert reason({"x-pictify-signature": header}) == "bad_signature"


@pytest.mark.parametrize(
    "spelling",
    [
        "v1, {v}",
        "v1a,{v}",
        "V1,{v}",
        "{v}",
        "v1,{v}=",
        "v1,{v} ",
        " v1,{v}",
        "v1,{u}",
        "v1={v}",
        "",
    ],
)
def test_bad_input_38_other_spellings_of_standard_webhooks(spelling: str) -> None:
    headers = standard()
    v = headers["webhook-signature"].removeprefix("v1,")
    headers["webhook-signature"] = spelling.format(v=v, u=v.rstrip("="))

    assert reason(headers) == "bad_signature"


def test_standard_webhooks_without_an_id_prove_nothing() -> None:
    headers = standard(message="")
    del headers["webhook-id"]

    assert reason(headers) == "bad_signature"


def test_bad_input_39_a_signature_over_json_written_anew_proves_nothing() -> None:
    body = b'{"b":1,  "a":2}'
    again = json.dumps(json.loads(body)).encode()
    headers = {"x-hub-signature-256": sign_plain(SECRET, again)}

    assert reason(headers, body=body) == "bad_signature"
    assert accepted(headers, body=again)


def test_bad_input_40_several_signatures_one_of_them_valid() -> None:
    headers = standard()
    right = headers["webhook-signature"]
    others = " ".join(["v1,AAAA", "v1a,BBBB", "v2,x", *["v1,"] * (MAX_SIGNATURES - 4)])

    assert accepted({**headers, "webhook-signature": f"{others} {right}"})
    assert accepted({**headers, "webhook-signature": f"{right} {others}"})
    right = sign_pictify(SECRET, BODY, NOW)
    assert accepted({"x-pictify-signature": right + ",v1=00" * (MAX_SIGNATURES - 1)})


@pytest.mark.parametrize("count", [MAX_SIGNATURES + 1, 10_000])
def test_bad_input_41_too_many_signatures_are_refused_without_work(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("sign_plain", "pictify_digest", "standard_signature"):
        monkeypatch.delattr(proof_module, name)
    headers = standard()
    signatures = " ".join([headers["webhook-signature"]] * count)

    assert reason({**headers, "webhook-signature": signatures}) == "too_many"
    pictured = sign_pictify(SECRET, BODY, NOW) + ",v1=00" * (count - 1)
    assert reason({"x-pictify-signature": pictured}) == "too_many"


@pytest.mark.parametrize("name", ["x-webhook-signature", "x-pictify-signature", "x-gitlab-token"])
def test_bad_input_41_headers_without_end_are_refused(name: str) -> None:
    assert reason({name: "x" * 100_000}) == "too_many"


@pytest.mark.parametrize("off", [-300, -299.5, 0, 299, 300])
def test_clocks_may_differ_by_five_minutes(off: float) -> None:
    assert accepted(standard(), now=NOW + off)
    assert accepted(pictify(), now=NOW + off)


@pytest.mark.parametrize("off", [-301, -300.5, 300.5, 301, 10**9])
def test_bad_input_42_a_time_too_far_away_is_stale(off: float) -> None:
    assert reason(standard(), now=NOW + off) == "stale"
    assert reason(pictify(), now=NOW + off) == "stale"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "NaN",
        "nan",
        "inf",
        "1" + "0" * 18,
        "9" * 5_000,
        f"-{NOW}",
        f"+{NOW}",
        f"0{NOW}",
        f" {NOW}",
        f"{NOW}\n",
        f"{NOW}.0",
        "1_700_000_000",
        "1.7e9",
        hex(NOW),
        "".join(chr(0x0660 + int(digit)) for digit in str(NOW)),
        "0",
    ],
)
def test_bad_input_42_a_time_that_is_none_is_refused_though_it_is_signed(text: str) -> None:
    digest = pictify_digest(SECRET, BODY, text)
    assert reason({"x-pictify-signature": f"t={text},v1={digest}"}) in {
        "stale",
        "bad_signature",
        "too_many",
    }
    signature = standard_signature(SECRET.encode(), "msg_1", BODY, text)
    headers = {"webhook-id": "msg_1", "webhook-timestamp": text, "webhook-signature": signature}
    assert reason(headers) in {"stale", "bad_signature"}


def test_bad_input_42_no_time_at_all() -> None:
    headers = standard()
    del headers["webhook-timestamp"]

    assert reason(headers) == "bad_signature"


MALFORMED = ["", "msg.1", ".", "x" * 257, "x" * 10_000, "a\r\nb", "a b", "a\0", "é", "\udcff"]


@pytest.mark.parametrize("message", MALFORMED)
@pytest.mark.parametrize("auth", ["signature", "token", "none"])
@pytest.mark.parametrize("secrets", [[SECRET], []])
def test_bad_input_43_a_malformed_id_is_found_before_any_secret_is_looked_at(
    message: str, auth: Auth, secrets: list[str]
) -> None:
    headers = {**plain(), "x-gitlab-token": SECRET, "webhook-id": message}

    assert reason(headers, auth=auth, secrets=secrets) == "malformed_id"


@pytest.mark.parametrize("message", ["x" * 257, "", "a b", "é", "a\r\nb"])
def test_bad_input_43_ids_of_forges_have_limits_too(message: str) -> None:
    assert reason({**plain(), "x-github-delivery": message}) == "malformed_id"


def test_an_id_of_any_visible_characters_is_fine() -> None:
    message = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) != ".")

    assert accepted(standard(message=message)).seen == (f"webhook-id:{message}",)
    assert accepted({**plain(), "idempotency-key": '"1.2"'}).seen == ('idempotency-key:"1.2"',)


def test_bad_input_44_a_request_for_one_hook_proves_nothing_to_another() -> None:
    assert reason(ALL, secrets=["the other hook's"]) == "bad_signature"


@pytest.mark.parametrize(
    "headers",
    [
        {"x-gitlab-token": SECRET},
        {"authorization": f"Bearer {SECRET}"},
        {"authorization": f"bearer {SECRET}"},
        {"x-gitlab-token": "wrong", "authorization": f"Bearer {SECRET}"},
    ],
)
def test_a_token_proves_where_the_binding_says_so(headers: dict[str, str]) -> None:
    assert accepted(headers, auth="token", secrets=["new", SECRET]) == Proof()
    assert reason(headers, auth="signature") == "no_signature"


@pytest.mark.parametrize(
    "headers",
    [
        {"x-gitlab-token": SECRET + " "},
        {"x-gitlab-token": SECRET.lower()},
        {"x-gitlab-token": ""},
        {"x-gitlab-token": "é\udcff\ud800"},
        {"authorization": SECRET},
        {"authorization": f"Bearer  {SECRET}"},
        {"authorization": f"Basic {SECRET}"},
        {"authorization": "Bearer "},
    ],
)
def test_a_wrong_token_proves_nothing(headers: dict[str, str]) -> None:
    assert reason(headers, auth="token") == "bad_signature"


def test_a_signature_does_not_stand_for_a_token() -> None:
    assert reason(ALL, auth="token") == "no_signature"


def test_with_auth_none_anything_is_accepted_and_ids_still_count() -> None:
    assert accepted({}, auth="none", secrets=[]) == Proof()
    assert accepted({"x-github-delivery": "a"}, auth="none").seen == ("x-github-delivery:a",)


@pytest.mark.parametrize("auth", ["signature", "token"])
@pytest.mark.parametrize("secrets", [[], [""]])
@pytest.mark.parametrize("signed_with", ["", proof_module._DUMMY])
def test_without_a_secret_nothing_proves_anything(
    auth: Auth, secrets: list[str], signed_with: str
) -> None:
    headers = {
        **standard(signed_with),
        **pictify(signed_with),
        **plain(signed_with),
        "x-gitlab-token": signed_with,
        "authorization": f"Bearer {signed_with}",
    }

    assert reason(headers, auth=auth, secrets=secrets) == "bad_signature"


@pytest.mark.parametrize("secrets", [[], [SECRET], ["new", SECRET], ["wrong"]])
@pytest.mark.parametrize("auth", ["signature", "token"])
def test_bad_input_38_a_hook_that_does_not_exist_costs_the_same_work(
    secrets: list[str], auth: Auth, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    digest = hmac.digest

    def counted(key: bytes, message: bytes, name: str) -> bytes:
        made.append(len(message))
        return digest(key, message, name)

    monkeypatch.setattr(hmac, "digest", counted)
    with suppress(ProofRefused):
        verify(ALL, BODY, secrets, auth, NOW)

    assert len(made) == 6  # three schemes, two keys


def test_a_malformed_secret_of_standard_webhooks_still_proves_the_other_ways() -> None:
    broken = "whsec_no base64"
    headers = {"webhook-id": "m", "webhook-timestamp": str(NOW)}
    for key in (b"", b"no base64", broken.encode(), proof_module._DUMMY.encode()):
        signature = standard_signature(key, "m", BODY, str(NOW))
        forged = {**headers, "webhook-signature": signature}
        assert reason(forged, secrets=[broken]) == "bad_signature"
    assert accepted(pictify(broken), secrets=[broken])
    assert accepted(plain(broken), secrets=[broken])


@pytest.mark.parametrize("name", ["x-github-event", "x-gitea-event", "x-gogs-event"])
def test_a_ping_is_told_from_events(name: str) -> None:
    assert is_ping({name: "ping"})
    assert not is_ping({name: "push"})
    assert not is_ping({"x-gitlab-event": "ping"})
    assert not is_ping({})
