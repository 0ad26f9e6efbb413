"""Bad inputs 18 to 37 as the whole daemon meets them: a crowd of them beside healthy sources.

A source that fails never disturbs another binding, never replaces a good image, and shows its
reason in the log, in `list`, in `/status.json` and in the metrics. The story is told once: all
sources are well, most of them turn hostile, all are well again. The tests look at what was seen.
"""

from __future__ import annotations

import asyncio
import socket
import zlib
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, cycle
from typing import TYPE_CHECKING, Any

import brotli
import pytest

from repaintd.core.state import Trigger
from repaintd.metrics.table import FAILURES
from repaintd.net.decoding import zstd

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("hostile-sources")]

MEBIBYTE = 1024 * 1024
ZEROS = bytes(MEBIBYTE)
# The last one shares host and port with the hostile ones, of which three hang: fewer than
# refresh.perHost. Beyond that, those who ask the same host wait for each other.
HEALTHY = ("lively", "steady", "neighbour")
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
LOGIN = b"<!doctype html><title>Sign in</title>"


@dataclass(frozen=True)
class Hostile:
    """A source that does something bad; the reason and the words that people must be shown."""

    name: str
    item: int
    reason: str
    says: str
    answer: Callable[[], Any] = field(repr=False)


def sends(*steps):
    return lambda: steps


def sends_for_ever(start, *steps):
    return lambda: chain([start], cycle(steps))


def with_body(body, *fields, kind=b"application/json", status=b"200 OK"):
    lines = [b"HTTP/1.1 " + status, b"Content-Type: " + kind, *fields]
    return sends(b"\r\n".join([*lines, b"Content-Length: %d" % len(body), b"", body]))


def with_coding(coding, body):
    return with_body(body, b"Content-Encoding: " + coding)


def redirects(location):
    return sends(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location + b"\r\n\r\n")


def gzip_bomb():
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join([*(packer.compress(ZEROS) for _ in range(16)), packer.flush()])


def brotli_bomb():
    packer = brotli.Compressor(quality=5)
    return b"".join([*(packer.process(ZEROS) for _ in range(16)), packer.finish()])


def zstd_bomb():
    packer = zstd.ZstdCompressor()
    return b"".join([*(packer.compress(ZEROS) for _ in range(16)), packer.flush()])


# fmt: off
CASES = [
    Hostile("unasked-304", 18, "protocol", "304 to a request without conditions",
            sends(b"HTTP/1.1 304 Not Modified\r\n\r\n")),
    Hostile("error-500", 27, "status", "returned 500",
            with_body(b"{}", b"Retry-After: 315360000", status=b"500 Oops")),
    Hostile("error-429", 27, "status", "asked too often",
            with_body(b"{}", b"Retry-After: soon", status=b"429 Enough")),
    Hostile("empty-body", 28, "content", "empty body", with_body(b"")),
    Hostile("login-page", 28, "content", "login", with_body(LOGIN, kind=b"text/html")),
    Hostile("page-as-json", 28, "content", "login", with_body(LOGIN)),
    Hostile("challenge", 28, "status", "returned 403",
            with_body(LOGIN, kind=b"text/html", status=b"403 Forbidden")),
    Hostile("truncated", 29, "truncated", "broke off",
            sends(HEAD + b'Content-Length: 90\r\n\r\n{"title": 1')),
    Hostile("short-chunk", 29, "truncated", "broke off", sends(CHUNKED + b'9\r\n{"n"')),
    Hostile("no-last-chunk", 29, "truncated", "broke off", sends(CHUNKED + b"2\r\n{}\r\n")),
    Hostile("reset", 29, "truncated", "broke off",
            sends(HEAD + b"Content-Length: 90\r\n\r\n{", 0.2, None)),
    Hostile("bad-chunk", 29, "protocol", "not valid HTTP",
            sends(CHUNKED + b"2\r\n{}\r\nZZ\r\n")),
    Hostile("gzip-bomb", 30, "too_large", "than 1 MiB", with_coding(b"gzip", gzip_bomb())),
    Hostile("br-bomb", 30, "too_large", "than 1 MiB", with_coding(b"br", brotli_bomb())),
    Hostile("zstd-bomb", 30, "too_large", "than 1 MiB", with_coding(b"zstd", zstd_bomb())),
    Hostile("oversize", 30, "too_large", "than 1 MiB", with_body(ZEROS + b"0")),
    Hostile("endless", 30, "too_large", "than 1 MiB",
            sends_for_ever(CHUNKED, b"8000\r\n%s\r\n" % bytes(0x8000))),
    Hostile("no-gzip", 30, "encoding", "does not decode", with_coding(b"gzip", b'{"n": 1}')),
    Hostile("nested", 30, "encoding", "several content codings", with_coding(b"gzip, br", b"x")),
    Hostile("own-coding", 30, "encoding", "not asked for", with_coding(b"x-own", b"x")),
    Hostile("byte-a-second", 31, "timeout", "within 3 s",
            sends_for_ever(HEAD + b"Content-Length: 90\r\n\r\n", b" ", 1.0)),
    Hostile("slow-headers", 31, "timeout", "within 3 s", sends_for_ever(HEAD, b"X: y\r\n", 0.1)),
    Hostile("silence", 31, "timeout", "within 3 s", sends(3600.0)),
    Hostile("many-headers", 31, "protocol", "not valid HTTP",
            with_body(b"{}", *(b"X-%d: y" % number for number in range(10_000)))),
    Hostile("endless-headers", 31, "protocol", "not valid HTTP",
            sends_for_ever(HEAD, b"X: y\r\n" * 1000)),
    Hostile("loop", 32, "redirect", "more than 5 redirects", redirects(b"/loop/again")),
    Hostile("to-file", 32, "redirect", "does not begin with http", redirects(b"file:///etc/passwd")),
    Hostile("to-mapped", 32, "egress_denied", "link-local",
            redirects(b"http://[::ffff:169.254.169.254]/")),
    Hostile("to-private", 32, "egress_denied", "private", redirects(b"http://10.0.0.1/")),
    Hostile("name-of-private", 34, "egress_denied", "resolves to",
            redirects(b"http://private.invalid/")),
    Hostile("name-of-both", 34, "egress_denied", "resolves to",
            redirects(b"http://both.invalid/")),
    Hostile("spelling", 35, "redirect", "2130706433", redirects(b"http://2130706433/")),
    Hostile("user-name", 35, "redirect", "user name", redirects(b"http://me@127.0.0.1/")),
    Hostile("bad-json", 36, "json", "invalid JSON", with_body(b'{"title": ')),
    Hostile("nan", 36, "json", "invalid JSON", with_body(b'{"n": NaN}')),
    Hostile("infinite", 36, "json", "invalid JSON", with_body(b'{"n": 1e400}')),
    Hostile("surrogate", 36, "json", "invalid JSON", with_body(b'{"title": "\\ud800"}')),
    Hostile("deep", 36, "json", "depth limit", with_body(b"[" * 100_000 + b"]" * 100_000)),
    Hostile("part", 37, "protocol", "returned 206", with_body(b"{}", status=b"206 Part")),
    Hostile("interim", 37, "protocol", "not valid HTTP",
            sends(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)),
    Hostile("http-0.9", 37, "protocol", "not valid HTTP", sends(b'{"title": "x", "n": 1}\n')),
    Hostile("no-tls", 37, "tls", "no TLS connection", redirects(b"https://127.0.0.1:PORT/")),
    Hostile("refused", 37, "network", "refused", sends()),
    Hostile("no-name", 37, "dns", "cannot be resolved", redirects(b"http://nowhere.invalid/")),
]
# fmt: on


def odd(name, *fields, start=b""):
    """The document as it was before, in a strange wrapping."""
    return with_body(start + b'{"title": "", "title": "%s", "n": 1}' % name.encode(), *fields)


ODD = {
    "new-etags-19": odd("new-etags-19", b'ETag: "another"'),
    "odd-etag-22": odd("odd-etag-22", b"ETag: \xff unquoted", b"Last-Modified: never"),
    "odd-age-26": odd("odd-age-26", b"Cache-Control: max-age=99999999999999, max-age=-5, abc"),
    "odd-json-36": odd("odd-json-36", start=b"\xef\xbb\xbf"),
}

TEMPLATE = "<!doctype html><html><body>{{ title }} {{ n }}</body></html>"
SETTINGS = """
server: {{ listen: "127.0.0.1:{port}" }}
refresh: {{ minTtlSeconds: 1, timeout: 3s, maxBytes: 1MiB }}
egress: {{ allow: ["127.0.0.1"] }}
"""
BINDING = """
  - uid: {name}
    templateId: card
    dataSource: {{ type: http, url: "http://127.0.0.1:{port}/{name}" }}
    mapping: {{ title: title, n: n }}
    refreshPolicy: {{ type: ttl, ttlSeconds: 1 }}
"""
NAMES = {
    "private.invalid": ["10.0.0.1"],
    "both.invalid": ["93.184.215.14", "10.0.0.1"],
    "nowhere.invalid": [],
}


@dataclass(frozen=True)
class Seen:
    """What readers and operators saw at one time."""

    status: dict[str, dict[str, Any]]
    metrics: dict[str, float]
    log: list[dict[str, Any]]
    files: dict[str, tuple[bytes, int, int]]
    served: dict[str, tuple[int, bytes]]
    fetches: Counter[str]
    ready: int

    def said(self, event, uid):
        return [e for e in self.log if e["event"] == event and e.get("binding") == uid]


@dataclass(frozen=True)
class Story:
    """All well; the hostile ones have failed twice in a row, `listing` then; all well again."""

    before: Seen
    during: Seen
    listing: list[str]
    after: Seen


def has_image(uid, binding):
    return binding["image"] is not None


def has_failed_twice(uid, binding):
    if uid == "error-500":  # which asked to be left alone
        return binding["errorCount"] == 1
    return binding["errorCount"] >= 2 or uid in ODD or uid in HEALTHY


def has_recovered(uid, binding):
    return binding["status"] == "active"


async def until(daemon, condition, seconds=30.0):
    """Wait until all bindings meet *condition*; if they never do, the tests tell what is wrong."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not all(condition(*each) for each in (await daemon.status()).items()):
                await asyncio.sleep(0.1)


async def look(daemon, sources):
    status = await daemon.status()
    return Seen(
        status=status,
        metrics=await daemon.metrics(),
        log=daemon.log(),
        files={uid: the_file(daemon.output / f"{uid}.png") for uid in status},
        served={uid: await daemon.get(f"/b/{uid}.png") for uid in status},
        fetches=Counter(sources.fetches),
        ready=(await daemon.get("/readyz"))[0],
    )


def the_file(path):
    stat = path.stat()
    return path.read_bytes(), stat.st_ino, stat.st_mtime_ns


async def tell(config, open_sources, open_daemon):
    hostile = {case.name: case.answer for case in CASES}
    async with open_sources(hostile | ODD) as (sources, doors):
        crowd, apart, refusing = [await doors.open() for _ in range(3)]
        ports = dict.fromkeys([*hostile, *ODD, "neighbour"], crowd)
        write(config, ports | {"lively": apart, "steady": apart, "refused": refusing})
        async with open_daemon(config) as daemon:
            await until(daemon, has_image)
            before = await look(daemon, sources)
            sources.hostile = True
            doors.close(refusing)
            await until(daemon, has_failed_twice)
            during = await look(daemon, sources)
            listing = (await daemon.listing()).splitlines()[1:]
            sources.hostile = False
            sources.version = 2
            await doors.open(refusing)
            for name in hostile:
                daemon.scheduler.trigger(name, Trigger.MANUAL)
            await until(daemon, has_recovered)
            return Story(before, during, listing, await look(daemon, sources))


def write(config, ports):
    (config / "bindings").mkdir(parents=True)
    (config / "templates" / "card").mkdir(parents=True)
    (config / "templates" / "card" / "template.html").write_text(TEMPLATE)
    (config / "repaintd.yaml").write_text(SETTINGS.format(port=free_port()))
    bindings = [BINDING.format(name=name, port=port) for name, port in ports.items()]
    (config / "bindings" / "all.yaml").write_text("bindings:" + "".join(bindings))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def look_up(host, port, *rest, real=socket.getaddrinfo):
    """The system's resolver, which knows `NAMES` by heart."""
    if host not in NAMES:
        return real(host, port, *rest)
    if not NAMES[host]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    kind = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
    return [(*kind, (address, port)) for address in NAMES[host]]


@pytest.fixture(scope="module")
def story(tmp_path_factory, open_sources, open_daemon):
    config = tmp_path_factory.mktemp("hostile") / "config"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", look_up)
        return asyncio.run(tell(config, open_sources, open_daemon))


each = pytest.mark.parametrize(
    "case", [pytest.param(case, id=f"{case.item}-{case.name}") for case in CASES]
)


@each
def test_bad_input_is_in_status_json_with_its_reason(story, case):
    binding = story.during.status[case.name]
    assert binding["status"] == "error"
    assert (binding["lastErrorStage"], binding["lastErrorReason"]) == ("fetch", case.reason)
    assert case.says in binding["lastError"]
    assert binding["errorCount"] >= 1


@each
def test_bad_input_never_replaces_the_good_image(story, case):
    good = story.before.files[case.name]
    assert good[0].endswith(b"%s 1</body></html>" % case.name.encode())
    assert story.during.files[case.name] == good
    assert story.during.served[case.name] == (200, good[0])


@each
def test_bad_input_is_in_the_log_once(story, case):
    (entry,) = story.during.said("binding failed", case.name)
    assert entry["level"] == "warning"
    assert (entry["stage"], entry["reason"]) == ("fetch", case.reason)
    assert case.says in entry["error"]


@each
def test_bad_input_is_in_the_list(story, case):
    (row,) = [row for row in story.listing if row.split()[0] == case.name]
    assert row.split()[1] == "error"
    assert case.says in row


@each
def test_bad_input_is_in_the_metrics(story, case):
    seen = story.during.metrics
    of = f'{{binding="{case.name}"'
    assert seen[f"repaintd_binding_consecutive_failures{of}}}"] >= 1
    assert seen[f'repaintd_fetches_total{of},result="error"}}'] >= 1
    assert seen[f'{FAILURES.name}{of},stage="fetch",reason="{case.reason}"}}'] >= 1


@each
def test_bad_input_is_over_when_the_source_is_well_again(story, case):
    binding = story.after.status[case.name]
    assert (binding["status"], binding["lastError"], binding["errorCount"]) == ("active", None, 0)
    assert story.after.files[case.name][0].endswith(b"%s 2</body></html>" % case.name.encode())
    assert len(story.after.said("binding recovered", case.name)) == 1
    failures = f'repaintd_binding_consecutive_failures{{binding="{case.name}"}}'
    assert story.after.metrics[failures] == 0


@pytest.mark.parametrize("name", HEALTHY)
def test_a_crowd_of_hostile_sources_does_not_disturb_a_healthy_one(story, name):
    assert story.during.status[name]["status"] == "active"
    assert story.after.status[name]["status"] == "active"
    assert not story.after.said("binding failed", name)
    # Some sources were given 3 s, twice, with a pause of 1 s between: about seven polls were due.
    assert story.during.fetches[name] - story.before.fetches[name] >= 3
    failures = f'repaintd_fetches_total{{binding="{name}",result="error"}}'
    assert story.after.metrics[failures] == 0


def test_a_healthy_image_goes_on_changing_beside_the_hostile_ones(story):
    assert story.during.files["lively"][0] != story.before.files["lively"][0]
    assert story.during.files["steady"] == story.before.files["steady"]


@pytest.mark.parametrize("name", ODD)
def test_bad_input_that_is_only_odd_is_no_failure(story, name):
    assert story.during.status[name]["status"] == "active"
    assert story.during.files[name] == story.before.files[name]
    assert not story.during.said("binding failed", name)
    assert story.during.fetches[name] > story.before.fetches[name]


def test_bad_input_27_a_retry_after_of_ten_years_is_an_hour(story):
    binding = story.during.status["error-500"]
    assert binding["dueReason"] == "retry_after"
    tried, due = (
        datetime.fromisoformat(binding[key]) for key in ("lastAttemptAt", "nextRefreshAt")
    )
    assert 3600 <= (due - tried).total_seconds() <= 3660
    assert story.during.status["error-429"]["dueReason"] == "retry"


def test_the_daemon_is_ready_all_the_time(story):
    assert [seen.ready for seen in (story.before, story.during, story.after)] == [200, 200, 200]


def test_nothing_breaks_inside(story):
    serious = [e for e in story.after.log if e["level"] in ("error", "critical")]
    assert serious == []
    assert not [e for e in story.after.log if "internal" in str(e.get("reason"))]
