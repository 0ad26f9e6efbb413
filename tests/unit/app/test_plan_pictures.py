"""Pictures of a plan: what they are drawn from, and what is said of them. The browser is a fake."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import re
import shutil
import sys
from types import SimpleNamespace

import pytest
import pyvips

from repaintd.app import Options, load
from repaintd.cli import main
from repaintd.core.image import RenderedImage
from repaintd.core.intake import Intake, Push
from repaintd.core.mapping import mapping_fingerprint
from repaintd.core.state import BindingState, Trigger
from repaintd.errors import RenderFailed
from repaintd.render.compare import size_of
from repaintd.runtime.clock import SystemClock
from repaintd.store import open_store

CANARY = "hunter2-canary"
RED, BLUE, LIME = "#ff0000", "#0000ff", "#00ff00"
BINDING = """
  - uid: {uid}
    templateId: card
    dataSource: {{ {source} }}
    mapping: {{ colour: {path} }}
    {extra}
"""
HTTP = f'type: http, url: "https://example.org/a?token={CANARY}"'
PUSHED = "type: webhook"


def binding(uid, source=HTTP, path="colour", extra=""):
    return BINDING.format(uid=uid, source=source, path=path, extra=extra)


def static(uid, colour, extra=""):
    return binding(uid, f'type: static, staticData: {{ colour: "{colour}" }}', extra=extra)


def write(directory, *bindings):
    (directory / "bindings").mkdir(parents=True, exist_ok=True)
    (directory / "bindings" / "all.yaml").write_text("bindings:" + "".join(bindings) + "\n")


def fixture(directory, uid, document):
    (directory / "fixtures").mkdir(exist_ok=True)
    (directory / "fixtures" / f"{uid}.json").write_text(json.dumps(document))


def dye(directory, *pairs, file="template.html"):
    path = directory / "templates" / "card" / file
    text = path.read_text()
    for before, after in pairs:
        assert before in text
        text = text.replace(before, after)
    path.write_text(text)


class FakeRenderer:
    """Draws the first colour of the markup, and how often it was asked."""

    def __init__(self):
        self.jobs = []
        self.fault = None

    async def probe(self):
        if self.fault:
            raise self.fault

    async def render(self, job):
        self.jobs.append(job)
        if "fail" in job.markup:
            raise RenderFailed("it would not", reason="timeout")
        (colour,) = re.findall(r"#([0-9a-f]{6})", job.markup)[:1] or ["ffffff"]
        image = pyvips.Image.black(job.width, job.height, bands=3) + list(bytes.fromhex(colour))
        image = image.cast("uchar").copy(interpretation="srgb")
        quality = "" if job.format.value == "png" else f"[Q={job.quality}]"
        body = bytes(image.write_to_buffer(f".{job.format.value}{quality}"))
        return RenderedImage(body=body, media_type="", width=job.width, height=job.height)


@pytest.fixture
def renderer(monkeypatch):
    fake = FakeRenderer()

    async def open_tools(*_, **__):
        return SimpleNamespace(renderer=fake)

    monkeypatch.setattr("repaintd.app.plan_studio.open_tools", open_tools)
    command = importlib.import_module("repaintd.cli.plan")
    monkeypatch.setattr(command, "configure_logging", lambda *_, **__: None)  # it is the process's
    return fake


@pytest.fixture
def old(tmp_path):
    folder = tmp_path / "old" / "config" / "templates" / "card"
    folder.mkdir(parents=True)
    (folder / "template.html").write_text("<body><!-- ground --><i>{{ colour }}</i></body>")
    (folder / "template.yaml").write_text("{ width: 60, height: 40, variables: { colour: } }\n")
    write(tmp_path / "old" / "config")
    return tmp_path / "old" / "config"


@pytest.fixture
def new(tmp_path, old):
    shutil.copytree(old, tmp_path / "new" / "config")
    return tmp_path / "new" / "config"


@pytest.fixture
def out(tmp_path, renderer):
    return tmp_path / "out" / "pictures"


@pytest.fixture
def draw(old, new, out, monkeypatch, capfd):
    """Draws the plan; the pictures by uid, and all that was said on the way."""

    def run(*arguments, code=2):
        argv = ["plan", "--config", new, "--render", out, "--against", old, *arguments]
        monkeypatch.setattr(sys, "argv", ["repaintd", *map(str, argv)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        found = capfd.readouterr()
        run.said = found.out + found.err
        assert "Traceback" not in run.said
        assert CANARY not in run.said
        assert end.value.code == code
        if code == 1:
            return None
        assert CANARY not in (out / "summary.md").read_text() + (out / "summary.json").read_text()
        summary = json.loads((out / "summary.json").read_text())
        run.undrawn = summary["notDrawn"]
        return {each["uid"]: each for each in summary["pictures"]}

    return run


def pixel(out, name):
    return tuple(int(each) for each in pyvips.Image.new_from_file(out / name).getpoint(5, 5))


def test_a_changed_colour_shows_in_all_three_pictures(draw, old, new, out):
    write(old, static("card", RED))
    write(new, static("card", BLUE))
    found = draw()["card"]
    assert pixel(out, found["before"]["file"]) == (255, 0, 0)
    assert pixel(out, found["after"]["file"]) == (0, 0, 255)
    assert found["changedPixels"] == 1.0
    red, green, _ = pixel(out, found["difference"])
    assert red - green > 80
    assert {path.name for path in out.iterdir()} == {
        "card.before.png",
        "card.after.png",
        "card.difference.png",
        "summary.md",
        "summary.json",
    }
    assert '<img src="card.difference.png"' in (out / "summary.md").read_text()


def test_pictures_that_are_identical_have_no_difference(draw, old, new, out):
    for directory in (old, new):
        write(directory, static("card", RED))
    dye(new, ("<i>", "<b>"), ("</i>", "</b>"))
    found = draw()["card"]
    assert (found["changedPixels"], found["difference"]) == (0.0, None)
    assert not (out / "card.difference.png").exists()
    assert "changed, no pixel differs" in (out / "summary.md").read_text()


def test_added_and_removed_bindings_have_one_picture(draw, old, new):
    write(old, static("gone", RED))
    write(new, static("come", BLUE))
    found = draw()
    assert (found["come"]["before"], found["gone"]["after"]) == (None, None)
    assert found["come"]["after"]["file"] == "come.after.png"
    assert found["gone"]["before"]["file"] == "gone.before.png"


def test_what_is_not_drawn_again_has_none_and_needs_no_browser(draw, old, new, renderer):
    renderer.fault = RenderFailed("no browser", reason="no_renderer")
    write(old, static("card", RED))
    write(new, static("card", RED, "paused: true"))
    assert draw() == {}
    assert renderer.jobs == []


def test_without_a_browser_it_ends_with_1_and_the_reason(draw, old, new, renderer):
    renderer.fault = RenderFailed("nothing here can draw: no browser", reason="no_renderer")
    write(old, static("card", RED))
    draw(code=1)
    assert draw.said == "repaintd: nothing here can draw: no browser\n"


def test_both_sides_are_drawn_from_the_new_fixture(draw, old, new, out):
    write(old, binding("card"))
    write(new, binding("card", path="other"))
    fixture(old, "card", {"colour": LIME, "other": LIME})
    fixture(new, "card", {"colour": RED, "other": BLUE})
    found = draw()["card"]
    assert pixel(out, found["before"]["file"]) == (255, 0, 0)
    assert pixel(out, found["after"]["file"]) == (0, 0, 255)
    assert found["before"]["origin"] == found["after"]["origin"] == "fixtures/card.json"
    assert found["notes"] == []


def test_a_fixture_that_only_the_old_configuration_has_will_do(draw, old, new):
    write(old, binding("card"))
    write(new, binding("card", path="other"))
    fixture(old, "card", {"colour": RED})
    found = draw()["card"]
    assert found["after"]["origin"] == "fixtures/card.json as it was"
    assert found["after"]["missing"] == ["colour"]
    assert "without a value: colour" in draw_page(draw, old)


def draw_page(draw, old):
    return (old.parents[1] / "out" / "pictures" / "summary.md").read_text()


def test_who_asks_for_something_else_is_drawn_from_its_own_fixture(draw, old, new, out):
    write(old, binding("card", HTTP))
    write(new, binding("card", HTTP.replace("/a?", "/b?"), path="deep.colour"))
    fixture(old, "card", {"colour": RED})
    fixture(new, "card", {"deep": {"colour": BLUE}})
    found = draw()["card"]
    assert pixel(out, found["before"]["file"]) == (255, 0, 0)
    assert pixel(out, found["after"]["file"]) == (0, 0, 255)
    (note,) = found["notes"]
    assert note.startswith("before is drawn from fixtures/card.json as it was, after from fixt")


def test_defaults_will_do_where_they_say_all(draw, old, new):
    extra = f'defaults: {{ colour: "{RED}" }}'
    write(new, binding("card", extra=extra), binding("bare"))
    found = draw()
    assert found["card"]["after"]["origin"] == "defaults"
    assert found["bare"]["after"] is None
    assert found["bare"]["notes"] == ["after: no recorded data: add fixtures/bare.json"]
    assert "- after: no recorded data: add fixtures/bare.json" in draw_page(draw, old)


def test_a_fixture_that_is_no_json_is_told(draw, old, new):
    write(new, binding("card"))
    fixture(new, "card", {})
    (new / "fixtures" / "card.json").write_text('{"a":')
    (note,) = draw()["card"]["notes"]
    assert note.startswith("after: fixtures/card.json is no JSON")


def test_what_fails_on_one_side_leaves_the_other(draw, old, new):
    write(old, static("card", RED))
    write(new, static("card", RED), static("strict", RED))
    dye(new, ("<i>", "fail<i>"))
    found = draw()
    assert found["card"]["before"] is not None
    assert found["card"]["notes"] == ["after: render failed: it would not"]


def test_what_a_strict_template_lacks_is_told(draw, old, new):
    write(new, binding("card", "type: static, staticData: {}"))
    dye(new, ("width:", "strict: true, width:"), file="template.yaml")
    (note,) = draw()["card"]["notes"]
    assert note.startswith('after: map failed: variable "colour" has no value')


def test_losses_of_a_format_are_no_differences_but_its_size_is_told(draw, old, new):
    write(old, static("card", RED, "outputConfig: { format: jpeg, quality: 95 }"))
    write(new, static("card", RED, "outputConfig: { format: jpeg, quality: 5 }"))
    found = draw()["card"]
    assert found["changedPixels"] == 0.0
    assert found["before"]["format"] == "jpeg"
    assert found["before"]["size"] > found["after"]["size"] > 0
    assert found["notes"] == ["only the quality of the file changes, which is not shown"]


def test_a_pdf_is_shown_as_on_a_screen(draw, old, new):
    write(old, static("card", RED, "outputConfig: { format: png }"))
    write(new, static("card", BLUE, "outputConfig: { format: pdf, width: 80 }"))
    found = draw()["card"]
    assert (found["after"]["size"], found["after"]["width"]) == (None, 80)
    assert found["notes"] == [
        "the PDF is shown as on a screen",
        "the file becomes pdf, and has another name and URL",
    ]


def test_no_more_than_the_limit_are_drawn_and_the_others_are_named(draw, new, old, renderer):
    write(new, *(static(f"card-{n}", RED) for n in range(5)))
    assert sorted(draw("--limit", 2)) == ["card-0", "card-1"]
    assert draw.undrawn == ["card-2", "card-3", "card-4"]
    assert len(renderer.jobs) == 2
    assert "3 more are affected, and were not drawn." in draw_page(draw, old)


def test_a_limit_leaves_something_to_see_of_each_template(draw, old, new):
    for directory in (old, new):
        shutil.copytree(directory / "templates" / "card", directory / "templates" / "last")
        cards = [static(f"a{n}", RED) for n in range(5)]
        others = [static(f"z{n}", RED).replace("Id: card", "Id: last") for n in range(2)]
        write(directory, *cards, *others, static("y", BLUE if directory is new else RED))
    dye(new, ("<i>", "<b>"))
    shutil.copytree(new / "templates" / "card", new / "templates" / "last", dirs_exist_ok=True)
    assert list(draw("--limit", 4)) == ["y", "a0", "z0", "a1"]


def test_links_lead_where_the_pictures_will_be(draw, new, old, out):
    write(new, static("card", RED))
    draw("--pictures-url", "https://example.org/pr 1?a=1&b")
    assert '<img src="https://example.org/pr 1?a=1&amp;b/card.after.png"' in draw_page(draw, old)


def test_pictures_of_an_earlier_plan_go_and_other_files_stay(draw, old, new, out):
    out.mkdir(parents=True)
    (out / "mine.before.png").write_text("mine")
    write(new, static("card", RED))
    draw()
    assert (out / "mine.before.png").exists()
    write(new, static("other", RED))
    draw()
    assert not list(out.glob("card.*"))
    assert (out / "other.after.png").exists()


def test_a_folder_that_cannot_be_written_ends_with_1(draw, new, out):
    write(new, static("card", RED))
    out.parent.mkdir()
    out.write_text("a file")
    draw(code=1)
    assert "out/pictures" in draw.said
    out.unlink()
    (out / "card.after.png").mkdir(parents=True)
    draw(code=1)
    assert draw.said.startswith(f"repaintd: {out}/card.after.png: Is a directory")
    shutil.rmtree(out)
    (out / "summary.md").mkdir(parents=True)
    draw(code=1)
    assert "summary.md: Is a directory; name another folder" in draw.said


def state_of(directory, uid, **values):
    loaded = load(Options(directory=directory, environ={}), check_templates=False)
    found = loaded.configuration.bindings[uid]
    name = mapping_fingerprint(found, loaded.templates[found.template_id])
    return BindingState(uid=uid, mapping_fingerprint=name, **values)


async def leave(directory, *states, pushed=()):
    """What a daemon leaves in its state directory."""
    async with open_store(directory.parent / "state", clock=SystemClock()) as store:
        for each in states:
            await store.commit(each)
        for uid, payload in pushed:
            await store.accept(
                Intake(
                    uid=uid,
                    refresh_id="ref_1",
                    trigger=Trigger.WEBHOOK,
                    at=1.0,
                    push=Push(payload=payload),
                )
            )


def test_what_the_daemon_left_is_drawn_while_the_mapping_is_the_same(draw, old, new, out):
    for directory in (old, new):
        write(directory, binding("card"), binding("mapped"))
    state = [state_of(new, uid, variables={"colour": RED}) for uid in ("card", "mapped")]
    asyncio.run(leave(new, *state))
    write(new, binding("card"), binding("mapped", path="other"))
    dye(new, ("<!-- ground -->", BLUE))
    found = draw()
    assert pixel(out, found["card"]["before"]["file"]) == (255, 0, 0)
    assert pixel(out, found["card"]["after"]["file"]) == (0, 0, 255)
    assert found["card"]["after"]["origin"] == "the daemon's last data"
    assert found["mapped"]["notes"] == ["after: no recorded data: add fixtures/mapped.json"]


def test_data_that_was_pushed_is_drawn_whatever_the_mapping(draw, old, new, out):
    write(old, binding("card", PUSHED))
    write(new, binding("card", PUSHED, path="other"))
    pushed = json.dumps({"colour": RED, "other": BLUE}).encode()
    asyncio.run(leave(new, pushed=[("card", pushed)]))
    found = draw()["card"]
    assert pixel(out, found["before"]["file"]) == (255, 0, 0)
    assert pixel(out, found["after"]["file"]) == (0, 0, 255)
    assert found["after"]["origin"] == "data pushed to the daemon"


def test_a_state_directory_that_cannot_be_read_is_as_good_as_none(draw, new):
    write(new, binding("card", PUSHED))
    (new.parent / "state").mkdir()
    (new.parent / "state" / "state.sqlite3").write_text("no database")
    assert draw()["card"]["notes"] == ["after: no recorded data: add fixtures/card.json"]


@contextlib.contextmanager
def serving(monkeypatch, answers):
    """The images of a daemon: body by file name."""

    class Connection:
        def __init__(self, *_, **__):
            self.body = None

        def request(self, _, path):
            self.body = answers[path.removeprefix("/b/")]
            if isinstance(self.body, Exception):
                raise self.body

        def getresponse(self):
            body = self.body
            return SimpleNamespace(status=200 if body else 503, read=lambda _: body)

        def close(self):
            pass

    with monkeypatch.context() as patch:
        patch.setattr("repaintd.app.plan_published.http.client.HTTPConnection", Connection)
        yield


@pytest.fixture
def daemon(old, monkeypatch):
    from repaintd.app.plan_active import active_page

    class Client:
        def __init__(self, *_):
            pass

        def active_configuration(self, after):
            loaded = load(Options(directory=old, environ={}), check_templates=False)
            return json.loads(active_page(loaded, after))

    monkeypatch.setattr("repaintd.app.plan_baseline.DaemonClient", Client)


def png(colour):
    image = pyvips.Image.black(60, 40, bands=3) + list(bytes.fromhex(colour[1:]))
    return bytes(image.cast("uchar").copy(interpretation="srgb").write_to_buffer(".png"))


@pytest.mark.usefixtures("daemon")
def test_against_the_daemon_the_published_image_is_the_one_before(draw, old, new, out, monkeypatch):
    bindings = [binding(uid) for uid in ("card", "data", "gone", "down")]
    bindings.append(binding("hook", PUSHED, extra=f'defaults: {{ colour: "{RED}" }}'))
    write(old, *bindings, static("paper", RED, "outputConfig: { format: pdf }"))
    shutil.copytree(old / "bindings", new / "bindings", dirs_exist_ok=True)
    state = state_of(new, "card", variables={"colour": RED})
    asyncio.run(leave(new, state))
    for uid in ("card", "data", "hook"):
        fixture(new, uid, {"colour": LIME})
    dye(new, ("<!-- ground -->", BLUE))
    answers = {f"{uid}.png": png(RED) for uid in ("card", "data", "hook")}
    with serving(monkeypatch, {**answers, "gone.png": b"", "down.png": OSError("gone")}):
        found = draw("--against", "daemon")
    assert pixel(out, found["card"]["before"]["file"]) == (255, 0, 0)
    assert pixel(out, found["card"]["after"]["file"]) == (0, 0, 255)
    assert found["card"]["before"]["origin"] == "the daemon's own data, as published"
    assert found["card"]["after"]["origin"] == "the daemon's last data"
    assert found["card"]["notes"] == []
    assert found["hook"]["after"]["origin"] == "defaults, as nothing was pushed yet"
    assert found["hook"]["notes"] == []
    assert found["data"]["after"]["origin"] == "fixtures/data.json"
    assert found["data"]["notes"][0].startswith("before is drawn from the daemon's own data")
    assert found["gone"]["notes"][0] == "before: the daemon shows no image of it (HTTP 503)"
    assert found["down"]["notes"][0] == "before: the daemon's image could not be had (OSError)"
    assert found["paper"]["notes"] == [
        "before: the daemon publishes a PDF, which is not shown here"
    ]
    assert size_of((out / "card.difference.png").read_bytes()) == (60, 40)
