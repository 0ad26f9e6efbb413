"""What the daemon makes of a tree that was read again, and what it tells of it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
import structlog
from structlog.testing import capture_logs

from repaintd.app import Options
from repaintd.app.configure import ConfigurationTree
from repaintd.app.live_keys import LiveKeys
from repaintd.app.reloading import Reloading, ReloadSurface
from repaintd.core.secret import Secret
from repaintd.errors import ConfigurationError, RepaintdError, StartupFailed, StoreUnavailable
from repaintd.runtime.reload import Outcome, Pace, Reloads
from repaintd.runtime.reload_summary import MOST
from repaintd.testing import FakeClock, MemoryStore

if TYPE_CHECKING:
    from pathlib import Path

    from repaintd.core.binding import Binding

BINDING = """
  - uid: {uid}
    name: {name}
    templateId: {template}
    dataSource: {{ type: static, staticData: {{}} }}
    refreshPolicy: {{ type: manual }}
"""
HOOK = """
  - {{ uid: {uid}, event: "*", targetUrl: "https://example.org/{path}", secret: "{secret}" }}
"""
SECRET = "whsec_" + "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"


class Applier:
    """Applies nothing, but counts."""

    def __init__(self, catalogue: dict[str, Binding]) -> None:
        self.applied = []
        self._catalogue = catalogue

    async def apply(self, difference, bindings, templates) -> None:
        self.applied.append(difference)
        self._catalogue.clear()
        self._catalogue.update(bindings)


class Notifier:
    def __init__(self) -> None:
        self.said: list[str] = []

    def reloading(self, status: str) -> None:
        self.said.append("RELOADING")

    def extend_timeout(self, seconds: float) -> None:
        self.said.append("EXTEND")

    def ready(self, status: str) -> None:
        self.said.append(f"READY {status}")


class Deliveries:
    def __init__(self) -> None:
        self.sinks: dict[str, object] = {}
        self.failure: StoreUnavailable | None = None

    def add(self, name: str, sink: object) -> None:
        self.sinks[name] = sink

    async def remove(self, name: str) -> None:
        del self.sinks[name]
        if self.failure is not None:
            raise self.failure


class Metrics:
    def __init__(self) -> None:
        self.gauge: bool | None = None
        self.events: list[str] = []

    def config_reloaded(self, *, successful: bool, at: float) -> None:
        self.gauge = successful

    def count_event(self, name: str) -> None:
        self.events.append(name)


class House:
    def __init__(self, directory: Path, *, allow_empty: bool = False) -> None:
        self.directory = directory
        self.write("one")
        (directory / "templates" / "card").mkdir(parents=True)
        (directory / "templates" / "card" / "template.html").write_text("<p>Hello</p>")
        options = Options(
            directory=directory,
            state_dir=directory.parent / "state",
            allow_empty=allow_empty,
            environ={},
        )
        (directory.parent / "state").mkdir()
        self.tree = ConfigurationTree(options)
        loaded = self.tree.load()
        self.clock, self.store = FakeClock(), MemoryStore()
        self.catalogue = dict(loaded.configuration.bindings)
        self.metrics, self.deliveries = Metrics(), Deliveries()
        self.subscriber = lambda subscription: subscription.target_url
        self.keys = LiveKeys(SimpleNamespace(matches=lambda token: token == "old"))
        self.parts = SimpleNamespace(
            configuration=loaded.configuration,
            clock=self.clock,
            log=structlog.get_logger(),
            catalogue=self.catalogue,
            metrics=self.metrics,
            store=self.store,
            deliveries=self.deliveries,
            keys=self.keys,
            secret=Secret,
            tools=SimpleNamespace(subscribers={"webhooks": self._subscribe}),
        )
        self.applier, self.notifier = Applier(self.catalogue), Notifier()
        self.reloading = Reloading(self.parts, loaded, self.applier, self.notifier)
        self.logs: list = []

    def _subscribe(self, subscription):
        return self.subscriber(subscription)

    def write(self, *uids: str, name: str = "A card", template: str = "card") -> None:
        text = "bindings:" + "".join(
            BINDING.format(uid=uid, name=name, template=template) for uid in uids
        )
        (self.directory / "bindings").mkdir(parents=True, exist_ok=True)
        (self.directory / "bindings" / "all.yaml").write_text(text if uids else "")

    def settle(self, text: str) -> None:
        (self.directory / "repaintd.yaml").write_text(text)

    async def reload(self):
        """What `runtime.reload` does with a tree that holds still."""
        with capture_logs() as self.logs:
            self.reloading.begin()
            try:
                return await self.reloading.accept(self.tree.load())
            except ConfigurationError as error:
                await self.reloading.reject(error.problems)
                return error.problems
            finally:
                self.reloading.end()

    @property
    def told(self) -> list[tuple[str, dict]]:
        return [(event.name, dict(event.data)) for event in self.store.events]

    def said(self, level: str) -> list[str]:
        return [each["event"] for each in self.logs if each["log_level"] == level]


@pytest.fixture
def house(tmp_path):
    return House(tmp_path / "config")


async def test_a_change_is_told_with_what_it_changes(house):
    house.write("one", "two", name="Another")
    document = await house.reload()
    assert document["added"] == ["two"]
    assert document["changed"] == [{"uid": "one", "fields": ["name"]}]
    assert document["counts"] == {
        "bindings": 2,
        "added": 1,
        "removed": 0,
        "changed": 1,
        "redrawn": 0,
        "refetched": 0,
        "templates": 0,
        "settings": 0,
        "restartNeeded": 0,
    }
    ((name, data),) = house.told
    assert (name, data["added"], data["removed"]) == ("config.applied", ["two"], [])
    assert house.metrics.gauge is True
    assert house.metrics.events == ["config.applied"]
    assert house.said("info") == ["configuration applied"]
    assert house.notifier.said == ["RELOADING", "EXTEND", "READY 2 bindings"]


async def test_nothing_new_is_told_to_nobody(house):
    assert await house.reload() is None
    assert house.told == []
    assert house.metrics.gauge is True
    assert house.said("info") == ["configuration read again; nothing has changed"]


async def test_long_lists_are_cut_and_counted(house):
    house.write(*(f"card-{n:04}" for n in range(250)))
    document = await house.reload()
    assert len(document["added"]) == MOST
    assert document["counts"]["added"] == 250


async def test_a_bad_tree_changes_nothing_and_is_told_once(house):
    house.write("one", template="ghost")
    for _ in range(3):
        await house.reload()
    ((name, data),) = house.told
    assert (name, data["count"]) == ("config.rejected", 1)
    assert data["problems"][0].keys() == {"file", "line", "column", "path", "message"}
    assert (data["problems"][0]["file"], data["problems"][0]["line"]) == ("bindings/all.yaml", 4)
    assert house.applier.applied == []
    assert house.metrics.gauge is False
    assert house.said("info") == ["the configuration is still rejected"]
    assert house.notifier.said[-1] == (
        "READY 1 bindings; the configuration on disk is not valid and not in use"
    )


async def test_other_problems_are_told_again(house):
    house.write("one", template="ghost")
    await house.reload()
    assert house.said("error") == ["configuration rejected; the active one stays"]
    house.write("one", template="spectre")
    await house.reload()
    assert [name for name, _ in house.told] == ["config.rejected"] * 2


async def test_c2_the_fix_is_green_also_when_it_equals_the_last_good_tree(house):
    house.write("one", template="ghost")
    await house.reload()
    house.write("one")
    assert await house.reload() is None
    assert house.metrics.gauge is True
    assert [name for name, _ in house.told] == ["config.rejected", "config.applied"]
    assert set(house.told[1][1]["counts"].values()) == {0, 1}
    assert house.said("info") == ["configuration is good again; nothing has changed"]
    house.write("one", template="ghost")
    await house.reload()
    assert [name for name, _ in house.told][-1] == "config.rejected"


async def test_problems_are_bounded(house):
    house.write(*(f"card-{n:04}" for n in range(250)), template="ghost")
    await house.reload()
    ((_, data),) = house.told
    assert (len(data["problems"]), data["count"]) == (MOST, 250)
    assert len(house.logs[0]["problems"]) == 20


async def test_an_emptied_tree_is_believed_the_second_time(house):
    house.write()
    (problem,) = await house.reload()
    assert "has no bindings any more" in problem.message
    assert not house.reloading.is_due()
    assert house.metrics.gauge is False
    await house.reload()
    assert house.applier.applied == []
    house.clock.advance(31)
    assert house.reloading.is_due()
    assert (await house.reload())["removed"] == ["one"]
    assert not house.reloading.is_due()


async def test_a_tree_that_was_broken_between_two_empty_ones_is_not_believed(house):
    house.write()
    await house.reload()
    house.write("one", template="ghost")
    await house.reload()
    house.clock.advance(31)
    assert not house.reloading.is_due()
    house.write()
    await house.reload()
    assert house.applier.applied == []


async def test_allow_empty_means_it(tmp_path):
    house = House(tmp_path / "config", allow_empty=True)
    house.write()
    assert (await house.reload())["removed"] == ["one"]


async def test_settings_that_need_a_restart_are_named_until_they_are_what_they_were(house):
    house.settle("refresh: { perHost: 9, minTtlSeconds: 7 }\nreload: { settle: 1s }")
    document = await house.reload()
    assert document["settings"] == ["refresh.minTtlSeconds", "refresh.perHost", "reload.settle"]
    assert document["restartNeeded"] == ["refresh.perHost"]
    assert house.said("warning")[0].startswith("some changed settings need a restart")
    assert house.reloading.pace() == Pace(settle=1.0, poll=30.0)
    house.write("one", "two")
    assert (await house.reload())["restartNeeded"] == ["refresh.perHost"]
    house.settle("")
    assert (await house.reload())["restartNeeded"] == []


async def test_settings_of_plugins_need_a_restart(house):
    house.settle("plugins: { mqtt: { host: broker.example.org } }")
    document = await house.reload()
    assert "plugins.mqtt.host" in document["restartNeeded"]


async def test_subscriptions_come_change_and_go(house):
    def hooks(*pairs) -> str:
        made = (HOOK.format(uid=uid, path=path, secret=SECRET) for uid, path in pairs)
        return "webhooks:" + "".join(made)

    house.settle(hooks(("a", "1"), ("b", "1")))
    document = await house.reload()
    assert (document["settings"], document["restartNeeded"]) == (["webhooks.a", "webhooks.b"], [])
    unchanged = house.deliveries.sinks["webhooks/a"]
    house.settle(hooks(("a", "1"), ("b", "2"), ("c", "1")))
    await house.reload()
    assert house.deliveries.sinks == {
        "webhooks/a": unchanged,
        "webhooks/b": "https://example.org/2",
        "webhooks/c": "https://example.org/1",
    }
    house.deliveries.failure = StoreUnavailable("disk full")
    house.settle(hooks(("c", "1")))
    await house.reload()
    assert set(house.deliveries.sinks) == {"webhooks/c"}
    assert "a sink that is gone is still remembered" in house.said("warning")


async def test_a_subscription_that_cannot_be_made_rejects_the_tree(house):
    def refuse(_subscription):
        raise RepaintdError("cannot be signed")

    house.subscriber = refuse
    house.write("one", "two")
    house.settle("webhooks:" + HOOK.format(uid="a", path="1", secret=SECRET))
    (problem,) = await house.reload()
    assert str(problem) == "repaintd.yaml:1:1: webhooks: cannot be signed"
    assert house.applier.applied == []


async def test_without_a_plugin_for_webhooks_the_rest_is_applied(house):
    house.parts.tools.subscribers = {}
    house.settle("webhooks:" + HOOK.format(uid="a", path="1", secret=SECRET))
    assert (await house.reload())["settings"] == ["webhooks.a"]


async def test_keys_are_read_anew_with_each_reload(house):
    house.settle('server: { apiKeys: ["a-brand-new-key!"] }')
    document = await house.reload()
    assert (document["settings"], document["restartNeeded"]) == (["server.apiKeys"], [])
    assert house.keys.matches("a-brand-new-key!")
    assert not house.keys.matches("old")


async def test_keys_that_cannot_be_had_reject_the_tree(house, monkeypatch):
    def refuse(*_):
        raise StartupFailed("no key can be written")

    monkeypatch.setattr("repaintd.app.reloading.open_keys", refuse)
    (problem,) = await house.reload()
    assert "server.apiKeys: no key can be written" in str(problem)
    assert house.keys.matches("old")


async def test_an_event_that_cannot_be_recorded_stops_no_reload(house):
    house.store.failure = StoreUnavailable("disk full")
    house.write("one", "two")
    assert (await house.reload())["added"] == ["two"]
    assert house.metrics.events == []
    assert "an event could not be recorded" in house.said("warning")


async def test_new_doubts_are_said_once(house):
    (house.directory / "bindings" / "b.yml").write_text("")
    await house.reload()
    assert len([each for each in house.logs if each["event"] == "configuration"]) == 1
    house.write("one", "two")
    await house.reload()
    assert [each for each in house.logs if each["event"] == "configuration"] == []


async def test_templates_that_did_not_change_are_the_same_objects(house):
    before = house.tree.load().templates["card"]
    house.write("one", "two")
    assert house.tree.load().templates["card"] is before
    (house.directory / "templates" / "card" / "template.html").write_text("<p>Bye</p>")
    after = house.tree.load().templates["card"]
    assert after.fingerprint != before.fingerprint
    assert after.assets.keys() == before.assets.keys()


async def test_the_api_gets_what_came_of_it(house):
    class Asked:
        outcome = Outcome()

        async def reload(self):
            return self.outcome

    asked = Asked()
    surface = ReloadSurface(asked, house.reloading)
    assert (await surface.reload()).applied is None
    asked.outcome = Outcome(applied={"added": ["a"]})
    assert (await surface.reload()).applied == {"added": ["a"]}
    house.write("one", template="ghost")
    asked.outcome = Outcome(problems=tuple(await house.reload()))
    answer = await surface.reload()
    assert answer.rejected["count"] == 1


@pytest.mark.slow
async def test_c1_valid_invalid_valid_a_hundred_times(house):
    """Each bad tree leaves the good one active, and each fix is green, with the real machinery."""
    reloads = Reloads(
        house.tree,
        house.reloading,
        pace=lambda: Pace(settle=0.001, poll=3600),
        clock=house.clock,
        log=house.parts.log,
        seen=house.tree.signature(),
    )
    bad = (
        "bindings: [",
        "bindings:\n  - uid: one\n",
        "bindings:\n\t- x",
        "bindings: {}\nbindings: {}\n",
        "bindings:" + BINDING.format(uid="one", name="x", template="ghost"),
        "\x00",
    )
    task = asyncio.create_task(reloads.serve())
    path = house.directory / "bindings" / "all.yaml"
    try:
        for n in range(100):
            active = dict(house.catalogue)
            path.write_text(bad[n % len(bad)])
            outcome = await reloads.reload()
            assert outcome.problems
            assert str(outcome.problems[0]).startswith("bindings/all.yaml:")
            assert (house.catalogue, house.metrics.gauge) == (active, False)
            if n % 2:
                house.write("one", "two", name=f"Version {n}")
            else:
                house.write(*active, name=next(iter(active.values())).name)
            outcome = await reloads.reload()
            assert not outcome.problems
            assert (outcome.applied is not None) == bool(n % 2)
            assert house.metrics.gauge is True
    finally:
        task.cancel()
        await asyncio.wait([task])
    names = [name for name, _ in house.told]
    assert names == ["config.rejected", "config.applied"] * 100
