"""Templates and data that mean harm, or stumble: each ends in time, and the next one is drawn."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest

from repaintd.plugin import RenderFailed
from repaintd_chromium.routes import AssetDesk

if TYPE_CHECKING:
    from collections.abc import Callable

    from repaintd.plugin import Renderer, RenderJob

pytestmark = [pytest.mark.chromium, pytest.mark.asyncio(loop_scope="session")]

NEXT = "<!doctype html><body style='background:#0f0'>"
GRACE = 2.0
DOT = "<img src='data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7'>"
USE_BOMB = "<svg><g id='a0'><rect width='9' height='9'/></g>" + "".join(
    f"<g id='a{level}'>" + f"<use href='#a{level - 1}'/>" * 10 + "</g>" for level in range(1, 10)
)


async def outcome(renderer: Renderer, job: RenderJob) -> str:
    """`ok` or the reason of the failure; never later than the job's timeout and a little."""
    began = time.monotonic()
    try:
        await renderer.render(job)
    except RenderFailed as failure:
        reason = failure.reason
    else:
        reason = "ok"
    assert time.monotonic() - began < job.timeout + GRACE
    return reason


def patience(reason: str) -> float:
    """Little where nothing else can come of it."""
    return 1.5 if reason == "timeout" else 10.0


@pytest.fixture
def check_next(renderer: Renderer, make_job: Callable[..., RenderJob], opened: Any) -> Any:
    async def check() -> None:
        image = await renderer.render(make_job(NEXT, id="next"))
        assert opened(image).getpixel((5, 5)) == (0, 255, 0)

    return check


@pytest.mark.parametrize(
    ("markup", "reason"),
    [
        ("<script>while (1);</script>", "timeout"),
        ("<script>setInterval(() => { while (1); }, 0)</script>", "timeout"),
        ("<script>for (;;) document.write('abc')</script>", "timeout"),
        ("<script>alert(1); prompt(2); confirm(3); print()</script>", "ok"),
        ("<script>window.close()</script>", "ok"),
        ("<script>for (let i = 0; i < 99; i++) window.open('https://x.invalid')</script>", "ok"),
        ("<script>onbeforeunload = () => 1; onpagehide = () => { while (1); }</script>", "ok"),
        ("<script>location = 'https://example.org/'</script>", "navigation"),
        (
            "<script>for (;;) location = 'https://example.org/' + Math.random()</script>",
            "navigation",
        ),
        ("<script>location = 'about:blank'</script>", "navigation"),
        ("<script>setInterval(() => location.reload(), 1)</script>", "navigation"),
        ("<script>history.back()</script>", "navigation"),
        ("<meta http-equiv='refresh' content='0;url=https://example.org/'>", "navigation"),
    ],
)
async def test_bad_input_67_a_script_that_will_not_end_or_stay(
    renderer: Renderer,
    make_job: Callable[..., RenderJob],
    check_next: Any,
    markup: str,
    reason: str,
) -> None:
    job = make_job(markup, javascript=True, timeout=patience(reason), id="restless")
    assert await outcome(renderer, job) == reason
    await check_next()


async def test_bad_input_67_a_template_without_scripts_cannot_leave_its_page(
    renderer: Renderer, make_job: Callable[..., RenderJob], opened: Any
) -> None:
    markup = NEXT + "<meta http-equiv='refresh' content='0;url=about:blank'>"
    for _ in range(2):
        image = await renderer.render(make_job(markup, id="refresh"))
        assert opened(image).getpixel((5, 5)) == (0, 255, 0)
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("markup", "reason"),
    [
        ("<div style='height:10000000px;background:linear-gradient(red, blue)'>", "ok"),
        (
            "<style>p{text-shadow:" + "0 0 500px red," * 2000 + "0 0}</style><p>" + "hi " * 2000,
            "timeout",
        ),
        ("<b>x</b>" * 1_000_000, "timeout"),
        ("<div>" * 100_000, "timeout"),
        (USE_BOMB, "timeout"),
    ],
    ids=["tall page", "shadows", "million elements", "deep", "svg use bomb"],
)
async def test_bad_input_68_a_page_that_is_too_much(
    renderer: Renderer,
    make_job: Callable[..., RenderJob],
    check_next: Any,
    markup: str,
    reason: str,
) -> None:
    assert await outcome(renderer, make_job(markup, timeout=patience(reason), id="heavy")) == reason
    await check_next()


async def test_bad_input_68_very_many_pictures(
    renderer: Renderer, make_job: Callable[..., RenderJob], check_next: Any
) -> None:
    assert await outcome(renderer, make_job(DOT * 20_000, timeout=8, id="heavy")) == "ok"
    await check_next()


async def test_bad_input_68_a_canvas_of_8k(
    renderer: Renderer, make_job: Callable[..., RenderJob], check_next: Any
) -> None:
    markup = (
        "<canvas id=c width=8192 height=8192></canvas><script>c.getContext('2d').fill()</script>"
    )
    assert await outcome(renderer, make_job(markup, javascript=True)) == "ok"
    await check_next()


@pytest.mark.parametrize(
    ("size", "limit"),
    [
        ({"width": 10_001}, "1 to 10000 px"),
        ({"height": 0}, "1 to 10000 px"),
        ({"width": 10_000, "height": 5_001}, "the limit is 50"),
        ({"width": 3_600, "height": 3_600, "scale": 2.0}, "the limit is 50"),
        ({"scale": 0.0}, "above 0"),
    ],
)
async def test_bad_input_68_a_picture_that_is_too_large_is_refused_with_the_limit(
    renderer: Renderer, make_job: Callable[..., RenderJob], size: dict[str, Any], limit: str
) -> None:
    with pytest.raises(RenderFailed, match=limit) as failure:
        await renderer.render(make_job(NEXT, **size))
    assert failure.value.reason == "too_large"


async def test_bad_input_68_a_webp_wider_than_the_format_allows_is_refused(
    renderer: Renderer, make_job: Callable[..., RenderJob]
) -> None:
    with pytest.raises(RenderFailed, match="16383") as failure:
        await renderer.render(make_job(NEXT, width=9_000, height=10, scale=2.0, format="webp"))
    assert failure.value.reason == "too_large"


@pytest.mark.slow
async def test_bad_input_68_a_page_that_eats_memory_is_killed(
    bench: Any, make_job: Callable[..., RenderJob]
) -> None:
    greedy = "<script>a = []; for (;;) a.push(new Uint8Array(1e7).fill(1))</script>"
    async with bench.open(max_page_memory_mib=300) as renderer:
        job = make_job(greedy, javascript=True, timeout=15)
        assert await outcome(renderer, job) == "out_of_memory"
        await renderer.probe()
    assert bench.events("warning") == ["page killed for its memory"]


@pytest.mark.parametrize("javascript", [False, True])
async def test_bad_input_69_a_font_that_never_loads_does_not_hold_up_the_picture(
    renderer: Renderer,
    make_job: Callable[..., RenderJob],
    logged: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    javascript: bool,
) -> None:
    never = asyncio.Event()
    answer = AssetDesk._answer

    async def hang(self: Any, route: Any) -> None:
        if "never" in route.request.url:
            await never.wait()
        await answer(self, route)

    monkeypatch.setattr(AssetDesk, "_answer", hang)
    markup = "<style>@font-face{font-family:F;src:url(never.woff2)}body{font-family:F}</style>hello"
    job = make_job(markup, id=f"font {javascript}", javascript=javascript, timeout=4)
    assert await outcome(renderer, job) == "ok"
    never.set()
    told = [entry for entry in logged if "before its fonts" in entry["event"]]
    assert [entry["level"] for entry in told] == ["warning"]


@pytest.mark.parametrize(
    "markup",
    [
        "<p dir='rtl'>مرحبا <bdo>\u202eabc\u202c</bdo> שלום",
        "👩‍👩‍👧‍👦🏳️‍🌈" * 50,
        "e" + "\u0301" * 1000,
        "w" * 1_000_000,
        "a\u0000b\ufffe\uffff",
        "lone \ud800 surrogate \udfff",
        "",
    ],
    ids=["rtl", "emoji", "zalgo", "megabyte word", "nul", "surrogate", "nothing"],
)
async def test_bad_input_71_strange_text_gives_the_same_picture_each_time(
    renderer: Renderer, make_job: Callable[..., RenderJob], markup: str
) -> None:
    first = await renderer.render(make_job(markup, id="text"))
    assert (await renderer.render(make_job(markup, id="text"))).body == first.body


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "FILE:///etc/passwd",
        "file://localhost/etc/passwd",
        "view-source:file:///etc/passwd",
        "chrome://version",
        "filesystem:https://x/y",
        "blob:null/1",
        "data:text/html,<body>data",
    ],
)
async def test_bad_input_70_other_schemes_are_blocked(
    renderer: Renderer, make_job: Callable[..., RenderJob], check_next: Any, url: str
) -> None:
    job = make_job(f"<script>location = {url!r}</script>", javascript=True, timeout=3)
    assert await outcome(renderer, job) in {"ok", "navigation"}  # ok: the page stayed in place
    await check_next()
