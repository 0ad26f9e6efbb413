"""`repaintd plan` with a real daemon, a real browser and the real Git: one daemon for all."""

from __future__ import annotations

import asyncio
import json
import os
import sys

import pytest
import pyvips

pytestmark = [pytest.mark.chromium, pytest.mark.slow]

CANARY = "hunter2-canary"
TEMPLATE = """<!doctype html><html><head><style>
body{margin:0;background:#1030a0;color:#fff;font:40px sans-serif}
p{position:absolute;left:0;top:100px;width:200px;height:100px;margin:0;background:COLOUR}
</style></head><body>{{ title }} {{ n }}<p></p></body></html>"""
RED, GREEN = "#c00000", "#00a000"


@pytest.fixture
def planned(home, source, require):
    """A daemon's configuration in a repository, and a copy beside it that tests may edit."""
    source.documents["card"] = {"title": "Card", "n": 1, "other": "Other"}
    secret = f'headers: {{ X-Api-Key: "{CANARY}" }}'
    url = f"{source.url('card')}?token={CANARY}"
    http = home.http_binding("card", url, ttl=600).replace("type: http,", f"type: http, {secret},")
    home.bind(
        http,
        """
  - uid: pushed
    templateId: card
    dataSource: { type: webhook }
    mapping: { title: title, n: n }
    refreshPolicy: { type: webhook }
    outputConfig: { format: jpeg }
    webhook: { auth: none }
""",
    )
    template = home.home / "config" / "templates" / "card" / "template.html"
    template.write_text(TEMPLATE.replace("COLOUR", RED))
    git = Git(require("git"), home.home)
    return Planned(home, git)


class Git:
    def __init__(self, program, top) -> None:
        self._program = program
        self._top = top

    async def __call__(self, *arguments) -> str:
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        process = await asyncio.create_subprocess_exec(
            *(self._program, "-C", str(self._top), *identity, *arguments),
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()
        assert process.returncode == 0
        return output.decode()


class Planned:
    def __init__(self, home, git) -> None:
        self.home = home
        self.git = git
        self.next = home.home / "clone" / "config"
        self.out = home.home / "pictures"

    def edit(self, file, before, after) -> None:
        path = self.next / file
        text = path.read_text()
        assert before in text
        path.write_text(text.replace(before, after))

    async def __call__(self, *arguments, code=2, output="json") -> dict:
        """What `plan` says of the copy."""
        state = str(self.home.home / "state")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "repaintd", "plan", "--config", str(self.next)),
            *("--state-dir", state, "--format", output, *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "TMPDIR": str(self.home.home)},
        )
        async with asyncio.timeout(90):
            out, err = await process.communicate()
        assert process.returncode == code, out.decode() + err.decode()
        assert CANARY.encode() not in out + err
        assert b"Traceback" not in err
        return json.loads(out) if output == "json" else {"out": out.decode(), "err": err.decode()}

    def pixel(self, name, x, y) -> tuple[int, ...]:
        image = pyvips.Image.new_from_file(self.out / name)
        return tuple(int(each) for each in image.getpoint(x, y))


async def test_plans_against_daemon_directory_and_revision(planned, home):
    git = planned.git
    await git("init", "-q", "-b", "main")
    await git("commit", "-q", "--allow-empty", "-m", "nothing")
    await git("add", "config")
    await git("commit", "-qm", "the configuration")
    await git("clone", "-q", str(home.home), str(planned.next.parent))
    result = await planned(code=1, output="text")
    assert f"no daemon answers on 127.0.0.1:{home.port}" in result["err"]
    assert "or say what to compare with: --against DIR, or a Git revision" in result["err"]

    async with home.running():
        await home.until(lambda: home.events("binding.updated", "card"))
        await home.post("/webhooks/pushed", '{"title": "Pushed", "n": 7}')
        await home.until(lambda: home.events("binding.updated", "pushed"))
        await nothing_changes(planned)
        await pictures_against_the_daemon(planned, home)
        await pictures_against_others(planned, home)
        await what_is_not_told_without_a_key(home)
        await an_invalid_tree(planned)
    assert sorted(path.name for path in home.home.glob("repaintd-*")) == []


async def nothing_changes(planned) -> None:
    found = await planned(code=0)
    assert (found["changes"], found["counts"]["bindings"]) == (False, 2)


async def pictures_against_the_daemon(planned, home) -> None:
    before = home.counts["binding.updated"]
    planned.edit("templates/card/template.html", RED, GREEN)
    found = await planned("--render", str(planned.out))
    assert found["counts"]["redrawn"] == 2
    assert [each["id"] for each in found["templates"]] == ["card"]
    card, pushed = found["pictures"]
    assert (card["uid"], pushed["uid"]) == ("card", "pushed")
    assert card["before"]["origin"] == "the daemon's own data, as published"
    assert card["after"]["origin"] == "the daemon's last data"
    assert pushed["after"]["origin"] == "data pushed to the daemon"
    assert card["changedPixels"] == pytest.approx(0.25)
    assert planned.pixel("card.before.png", 100, 150) == (0xC0, 0, 0)
    assert planned.pixel("card.after.png", 100, 150) == (0, 0xA0, 0)
    red, green, _ = planned.pixel("card.difference.png", 100, 150)
    assert red - green > 80
    red, green, blue = planned.pixel("card.difference.png", 300, 150)
    assert red == green == blue
    assert 0.2 < pushed["changedPixels"] < 0.35
    assert home.counts["binding.updated"] == before


async def pictures_against_others(planned, home) -> None:
    """A mapping changes too: only a recorded document can tell what it would find."""
    drawn = home.counts["binding.updated"]
    planned.edit("bindings/all.yaml", "uid: card", "uid: card\n    outputConfig: { width: 300 }")
    planned.edit(
        "bindings/all.yaml",
        "title: title, n: n }\n    refreshPolicy: { type: etag",
        ("title: other, n: n }\n    refreshPolicy: { type: etag"),
    )
    directory = str(home.home / "config")
    found = await planned("--against", directory, "--render", str(planned.out))
    assert found["pictures"][0]["before"]["origin"] == "the daemon's last data"
    assert found["pictures"][0]["after"]["origin"] == "defaults"
    assert "some of the difference may come from that" in found["pictures"][0]["notes"][0]
    (planned.next / "fixtures").mkdir()
    (planned.next / "fixtures" / "card.json").write_text('{"title": "A", "other": "B", "n": 3}')
    found = await planned("--against", "origin/main", "--render", str(planned.out))
    card, pushed = found["pictures"]
    assert card["before"]["origin"] == card["after"]["origin"] == "fixtures/card.json"
    assert (card["before"]["width"], card["after"]["width"]) == (400, 300)
    assert 0.5 < card["changedPixels"] < 0.6
    assert pushed["changedPixels"] == pytest.approx(0.25)
    page = (planned.out / "summary.md").read_text()
    assert CANARY not in page + (planned.out / "summary.json").read_text()
    assert '<img src="card.difference.png"' in page
    assert '<code>mapping.title</code>: <code>"title"</code> → <code>"other"</code>' in page
    assert found["against"].startswith("origin/main (")
    found = await planned("--against", "origin/main~1")
    assert [each["uid"] for each in found["added"]] == ["card", "pushed"]
    assert home.counts["binding.updated"] == drawn


async def what_is_not_told_without_a_key(home) -> None:
    status, _, _ = await home.get("/-/config")
    assert status == 401
    status, _, body = await home.get("/-/config", **home.authorisation)
    assert status == 200
    assert CANARY.encode() not in body
    assert set(json.loads(body)["bindings"]) == {"card", "pushed"}


async def an_invalid_tree(planned) -> None:
    planned.edit("bindings/all.yaml", "uid: pushed", "uid: Pushed")
    result = await planned(code=1, output="text")
    assert "bindings/all.yaml:" in result["err"]
