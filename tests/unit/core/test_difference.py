from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

from repaintd.core.binding import (
    Binding,
    Freshness,
    ImageFormat,
    OnError,
    Origin,
    OutputConfig,
    PolicyType,
    RefreshPolicy,
    Slo,
    SourceConfig,
)
from repaintd.core.difference import BindingChange, Declared, Difference, compare
from repaintd.core.inbound import InboundWebhook
from repaintd.core.template import Template
from repaintd.plugin import SourceSpec


class Http(SourceSpec):
    type: Literal["http"] = "http"
    url: str = "http://h"
    headers: dict[str, Any] = Field(default_factory=dict)
    max_bytes: int = 5
    document: Any = None


class Slack(Http):
    """A plugin that forgets a setting which does not decide what is asked for."""

    def fingerprint(self) -> str:
        return self.url


def source(spec: Http | None = None) -> SourceConfig:
    spec = spec or Http()
    return SourceConfig(type="http", spec=spec, fingerprint=spec.fingerprint())


def binding(uid: str = "a", **fields: Any) -> Binding:
    given_fields = {"name": uid, "template_id": "card", "source": source()} | fields
    return Binding(uid=uid, **given_fields)


def template(name: str = "card", fingerprint: str = "1") -> Template:
    return Template(id=name, markup=fingerprint, fingerprint=fingerprint)


def declared(
    *bindings: Binding, templates: tuple[Template, ...] = (), settings: dict[str, Any] | None = None
) -> Declared:
    return Declared(
        bindings={each.uid: each for each in bindings},
        templates={each.id: each for each in templates or (template(), template("other"))},
        settings=settings or {},
    )


def change(one: Binding, other: Binding) -> BindingChange:
    found = compare(declared(one), declared(other))
    assert found == Difference(changed=found.changed)
    assert not found.empty
    return found.changed[0]


def test_a_configuration_does_not_differ_from_itself():
    one = declared(binding(), settings={"a": 1})
    assert compare(one, one).empty
    assert compare(one, declared(binding(), settings={"a": 1})) == Difference()


def test_where_a_binding_stands_is_no_change():
    moved = binding(origin=Origin(file="b.yaml", line=9))
    assert compare(declared(binding(origin=Origin(file="a.yaml", line=1))), declared(moved)).empty


def test_bindings_come_and_go_in_order():
    found = compare(
        declared(binding("d"), binding("b"), binding("x")),
        declared(binding("c"), binding("a"), binding("x")),
    )
    assert found == Difference(added=("a", "c"), removed=("b", "d"))


def test_changes_come_in_the_order_of_their_uids():
    before = declared(binding("b"), binding("a"))
    after = declared(binding("b", name="x"), binding("a", name="x"))
    assert [each.uid for each in compare(before, after).changed] == ["a", "b"]


NEITHER = [
    ({"name": "N"}, ("name",)),
    ({"paused": True}, ("paused",)),
    ({"refresh": RefreshPolicy(ttl_seconds=60)}, ("refreshPolicy.ttlSeconds",)),
    (
        {"refresh": RefreshPolicy(type=PolicyType.ETAG, on_error=OnError.SERVE_ERROR)},
        ("refreshPolicy.type", "refreshPolicy.onError"),
    ),
    ({"webhook": InboundWebhook(auth="none")}, ("webhook",)),
]
REDRAWN = [
    ({"template_id": "other"}, ("templateId",)),
    ({"mapping": {"title": "name"}}, ("mapping.title",)),
    ({"mapping": {"a b": "name", "x.y": "n"}}, ('mapping["a b"]', 'mapping["x.y"]')),
    ({"defaults": {"stars": 0}}, ("defaults.stars",)),
    ({"output": OutputConfig(format=ImageFormat.PDF)}, ("outputConfig.format",)),
    ({"output": OutputConfig(quality=1, width=9)}, ("outputConfig.quality", "outputConfig.width")),
]
REFETCHED = [
    ({"source": source(Http(url="http://other"))}, ("dataSource.url",)),
    ({"source": source(Http(headers={"Accept": "x"}))}, ("dataSource.headers.Accept",)),
    ({"source": source(Http(max_bytes=6))}, ("dataSource.maxBytes",)),
]


@pytest.mark.parametrize(("fields", "names"), NEITHER)
def test_what_neither_data_nor_image_depends_on_only_changes(
    fields: dict[str, Any], names: tuple[str, ...]
):
    expected = BindingChange(uid="a", fields=names, refetched=False, redrawn=False)
    assert change(binding(), binding(**fields)) == expected


@pytest.mark.parametrize(("fields", "names"), REDRAWN)
def test_what_the_image_depends_on_is_redrawn_without_a_fetch(
    fields: dict[str, Any], names: tuple[str, ...]
):
    expected = BindingChange(uid="a", fields=names, refetched=False, redrawn=True)
    assert change(binding(), binding(**fields)) == expected


@pytest.mark.parametrize(("fields", "names"), REFETCHED)
def test_what_the_data_depends_on_is_refetched_and_redrawn(
    fields: dict[str, Any], names: tuple[str, ...]
):
    expected = BindingChange(uid="a", fields=names, refetched=True, redrawn=True)
    assert change(binding(), binding(**fields)) == expected


def test_several_changes_are_named_in_their_place_in_a_binding():
    found = change(
        binding(mapping={"a": "1", "b": "2"}, paused=True),
        binding(mapping={"b": "3"}, source=source(Http(url="http://x")), name="n"),
    )
    assert found.fields == ("name", "dataSource.url", "mapping.a", "mapping.b", "paused")


def test_settings_of_inbound_triggers_are_named_one_by_one():
    one = InboundWebhook(auth="signature", secrets=("${env:A}",), max_wait=1.0)
    other = replace(one, secrets=("${env:B}",), max_wait=2.0)
    assert change(binding(webhook=one), binding(webhook=other)).fields == (
        "webhook.secrets",
        "webhook.maxWait",
    )


def test_how_old_data_may_be_is_no_reason_to_fetch_or_draw():
    one = binding(freshness=Freshness(max_stale=60.0, slo=Slo(ratio=0.99, age=60.0)))
    other = binding(freshness=Freshness(max_stale=90.0, slo=Slo(ratio=0.999, age=60.0)))
    expected = BindingChange(
        uid="a",
        fields=("freshness.maxStale", "freshness.slo"),
        refetched=False,
        redrawn=False,
    )
    assert change(one, other) == expected


def test_the_same_said_elsewhere_is_a_change_of_the_whole_key():
    one = binding(freshness=Freshness(max_stale=60.0))
    other = binding(freshness=Freshness(max_stale=60.0, insisted=True))
    assert change(one, other).fields == ("freshness",)


def test_a_source_setting_outside_of_the_fingerprint_changes_without_a_fetch():
    found = change(
        binding(source=source(Slack(max_bytes=1))), binding(source=source(Slack(max_bytes=2)))
    )
    expected = BindingChange(
        uid="a", fields=("dataSource.maxBytes",), refetched=False, redrawn=False
    )
    assert found == expected


def test_a_fingerprint_that_changes_alone_names_the_whole_source():
    other = replace(source(), fingerprint="new version of the plugin")
    expected = BindingChange(uid="a", fields=("dataSource",), refetched=True, redrawn=True)
    assert change(binding(), binding(source=other)) == expected


def test_a_source_without_a_model_is_compared_as_it_is():
    one = SourceConfig(type="odd", spec="x", fingerprint="x")
    other = SourceConfig(type="odd", spec="y", fingerprint="y")
    assert change(binding(source=one), binding(source=other)).fields == ("dataSource",)


def test_where_many_names_differ_the_key_alone_is_named():
    document = {str(number): number for number in range(50)}
    found = change(binding(), binding(defaults=document))
    assert found.fields == ("defaults",)
    assert found.redrawn


def test_documents_are_named_two_keys_deep():
    one, other = Http(document={"a": {"b": {"c": 1}}}), Http(document={"a": {"b": {"c": 2}}})
    found = change(binding(source=source(one)), binding(source=source(other)))
    assert found.fields == ("dataSource.document.a",)


@pytest.mark.parametrize(("one", "other"), [(1, True), (1, 1.0), (0, False), ([1], [True])])
def test_numbers_and_truth_values_differ(one: Any, other: Any):
    assert change(binding(defaults={"x": one}), binding(defaults={"x": other})).fields == (
        "defaults.x",
    )
    assert compare(declared(settings={"x": one}), declared(settings={"x": other})).settings == (
        "x",
    )


def test_a_template_edit_redraws_exactly_the_bindings_that_use_it():
    users = [binding("a"), binding("b"), binding("c", template_id="other")]
    before = declared(*users, templates=(template(), template("other")))
    after = declared(*users, templates=(template(fingerprint="2"), template("other")))
    change_of = {"fields": ("template",), "refetched": False, "redrawn": True}
    assert compare(before, after) == Difference(
        templates=("card",),
        changed=(BindingChange(uid="a", **change_of), BindingChange(uid="b", **change_of)),
    )


def test_another_template_is_named_by_its_id_also_when_it_changed_too():
    before = declared(binding())
    after = declared(
        binding(template_id="other"), templates=(template(), template("other", fingerprint="9"))
    )
    found = compare(before, after)
    assert found.templates == ("other",)
    assert found.changed[0].fields == ("templateId",)


def test_templates_come_and_go():
    before = declared(templates=(template("a"), template("b")))
    after = declared(templates=(template("b"), template("c")))
    assert compare(before, after) == Difference(templates=("a", "c"))


def test_equal_templates_are_no_change_with_or_without_fingerprint():
    one = declared(templates=(template("a"), template("b", fingerprint="")))
    other = declared(templates=(template("a"), template("b", fingerprint="")))
    assert compare(one, other).empty
    unnamed = Template(id="b", markup="else")
    assert compare(one, declared(templates=(template("a"), unnamed))).templates == ("b",)


def test_settings_are_compared_by_their_dotted_keys():
    before = declared(settings={"server.listen": "a", "refresh.perHost": 4, "webhooks.x": {"u": 1}})
    after = declared(settings={"server.listen": "a", "refresh.perHost": 5, "webhooks.y": {"u": 1}})
    assert compare(before, after) == Difference(
        settings=("refresh.perHost", "webhooks.x", "webhooks.y")
    )


def test_values_of_settings_are_not_shown():
    assert "hunter2" not in repr(declared(settings={"plugins.mqtt.password": "hunter2"}))


@dataclass(frozen=True)
class Odd:
    """Something whose comparison nobody foresaw."""

    value: int


def test_values_of_any_type_are_compared():
    assert compare(declared(settings={"x": Odd(1)}), declared(settings={"x": Odd(2)})).settings
    assert compare(declared(settings={"x": Odd(1)}), declared(settings={"x": Odd(1)})).empty


bindings = st.builds(
    binding,
    st.sampled_from("abc"),
    name=st.sampled_from("xy"),
    template_id=st.sampled_from(["card", "other"]),
    mapping=st.dictionaries(st.sampled_from("pq"), st.sampled_from("rs")),
    defaults=st.dictionaries(st.sampled_from("pq"), st.sampled_from([0, False, 0.0, "", None])),
    paused=st.booleans(),
)
configurations = st.lists(bindings, max_size=4).map(lambda found: declared(*found))


@settings(max_examples=50, deadline=None)
@given(configurations, configurations)
def test_the_way_back_names_the_same(before: Declared, after: Declared):
    there, back = compare(before, after), compare(after, before)
    assert (there.added, there.removed) == (back.removed, back.added)
    assert [(each.uid, set(each.fields)) for each in there.changed] == [
        (each.uid, set(each.fields)) for each in back.changed
    ]
    assert compare(before, before).empty


def test_ten_thousand_bindings_are_compared_without_looking_into_the_same_objects():
    looked = 0

    class Watched(Http):
        def __eq__(self, other: object) -> bool:
            nonlocal looked
            looked += 1
            return super().__eq__(other)

        __hash__ = None  # type: ignore[assignment] # unhashable, as its base

    many = [binding(f"b{number}", source=source(Watched())) for number in range(10_000)]
    before = declared(*many)
    many[77] = replace(many[77], name="other")
    found = compare(before, declared(*many))
    assert [each.uid for each in found.changed] == ["b77"]
    assert looked == 0
