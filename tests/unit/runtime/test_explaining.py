from __future__ import annotations

from repaintd.core.run import Ending, Run
from repaintd.core.state import Trigger
from repaintd.runtime.catalogue import Catalogue
from repaintd.runtime.explaining import Explainer
from repaintd.runtime.run_steps import RunSteps
from repaintd.testing import FakeClock, MemoryStore, sample_binding, sample_template

RUN = Run(number=1, trigger=Trigger.TTL, ending=Ending.PUBLISHED, at=1.0, last_at=1.0)


class FakeRefresher:
    steps: RunSteps | None = None

    def under_way(self, _uid: str) -> RunSteps | None:
        return self.steps


class House:
    def __init__(self) -> None:
        self.clock, self.store = FakeClock(), MemoryStore()
        self.refresher, self.catalogue = FakeRefresher(), Catalogue()
        self.catalogue.load(
            {"card": sample_binding()}, {"plain": sample_template()}, {}, 0.0, {"card": 1}
        )
        self.explainer = Explainer(
            catalogue=self.catalogue,
            refresher=self.refresher,
            store=self.store,
            clock=self.clock,
        )


async def test_an_explanation_has_the_runs_and_whether_a_trigger_waits():
    house = House()
    house.store.log_run("card", RUN)
    document = await house.explainer.explain("card")
    assert document["running"]
    assert [run["number"] for run in document["runs"]] == [1]
    assert document["next"]["pending"]
    assert document["underWay"] is None


async def test_the_run_under_way_is_told_with_what_it_is_at():
    house = House()
    steps = house.refresher.steps = RunSteps(None, house.clock, Trigger.MANUAL, 0.0)
    steps.reached("fetch", house.clock.monotonic())
    house.clock.advance(3)
    under_way = (await house.explainer.explain("card"))["underWay"]
    assert (under_way["trigger"], under_way["stage"]) == ("manual", "fetch")
    assert under_way["stageSeconds"] == 3.0


async def test_what_there_is_not_cannot_be_explained():
    assert await House().explainer.explain("nobody") is None


async def test_a_binding_that_goes_meanwhile_is_not_there():
    house = House()

    async def runs(_uid):
        house.catalogue._entries.clear()
        return []

    house.store.runs = runs
    assert await house.explainer.explain("card") is None
