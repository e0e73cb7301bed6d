"""Bindings as rows: what is kept, who holds a place, and in which order places change hands."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from app.domain.binding import NOT_VERIFIED, Binding, State
from app.domain.codes import Code
from app.domain.event import Pod, Service
from app.domain.load_balancer import Slot
from app.domain.target import TargetName
from app.ledger import bindings, proofs
from app.ledger.bindings import ConcurrentChange
from app.ledger.connection import Ledger
from tests.ledger.building import THEN, a_binding, execute, furnish, keep


def change(ledger: Ledger, created: list[Binding], changed: list[Binding]) -> None:
    with ledger.begin() as connection:
        bindings.write(connection, created, changed, {binding.binding_id for binding in [*created, *changed]})


def found(ledger: Ledger, binding_id: str = "b-1") -> Binding | None:
    with ledger.begin() as connection:
        return bindings.find(connection, binding_id)


FULL = a_binding(
    "b-1",
    State.HELD,
    target=TargetName("lb-1", 8080, None, None, "HTTP", 8000, "shop.example", "/"),
    slot=Slot("lbl-web", "loc-1"),
    reason=Code.REMOVAL_GUARD,
    detail="line 1\nline 2 'quoted' \"twice\"",
    holder=True,
    placed=True,
    generation=7,
    bound_at=THEN,
    drain_until=THEN,
    drain_seconds=0,
    weight=0,
    health="healthy",
    revision=2**63 - 1,
)
BARE = a_binding(
    "b-1",
    State.VERIFYING,
    slot=None,
    service=None,
    workload=None,
    verification=NOT_VERIFIED,
    pod=Pod("shop", "web-1", "u-1", None, None),
)


@pytest.mark.parametrize("kept", [FULL, BARE], ids=["full", "bare"])
def test_a_binding_comes_back_as_it_was_written(ledger: Ledger, kept: Binding) -> None:
    furnish(ledger)
    keep(ledger, kept)
    assert found(ledger) == kept


def test_a_changed_binding_comes_back_as_it_was_changed(ledger: Ledger) -> None:
    furnish(ledger)
    keep(ledger, BARE)
    change(ledger, [], [FULL])
    assert found(ledger) == FULL
    change(ledger, [], [BARE])
    assert found(ledger) == BARE


@pytest.mark.parametrize("heard", [True, False], ids=["heard of", "not heard of"])
def test_what_differs_from_before_is_written_whatever_it_is(ledger: Ledger, *, heard: bool) -> None:
    furnish(ledger)
    pod = Pod("shop", "web-2", "u-2", None, None)
    for number, changes in enumerate(
        (
            {"weight": 1},
            {"pod": pod, "service": None},
            {"verification": NOT_VERIFIED},
            {"workload": None, "verification": replace(NOT_VERIFIED, evidence={"checks": ["a"]})},
            {"target": TargetName("lb-2", 8081), "slot": None, "ip": "10.0.3.18", "drain_seconds": 9},
        )
    ):
        before = a_binding(f"b-{number}")
        keep(ledger, before)
        after = replace(before, generation=2, **changes)
        with ledger.begin() as connection:
            bindings.write(connection, [], [after], {after.binding_id} if heard else (), {before.binding_id: before})
        assert found(ledger, before.binding_id) == after


def test_pods_and_proofs_that_are_as_before_are_not_written_again(ledger: Ledger) -> None:
    furnish(ledger)
    before = a_binding("b-1")
    keep(ledger, before)
    execute(ledger, """UPDATE bindings SET pod = '{"mark": 1}', verification = '{"mark": 2}' RETURNING 1""")
    with ledger.begin() as connection:
        after = replace(before, state=State.BOUND, generation=2)
        bindings.write(connection, [], [after], {"b-1"}, {"b-1": before})
    assert execute(ledger, "SELECT pod ->> 'mark' || (verification ->> 'mark') || state FROM bindings") == ["12bound"]


def test_a_binding_that_is_gone_is_noticed_also_where_little_of_it_changes(ledger: Ledger) -> None:
    furnish(ledger)
    gone = a_binding("b-gone")
    with pytest.raises(ConcurrentChange), ledger.begin() as connection:
        bindings.write(connection, [], [replace(gone, generation=2)], (), {"b-gone": gone})


def test_what_is_not_there_is_not_found(ledger: Ledger) -> None:
    furnish(ledger)
    assert found(ledger) is None
    with ledger.begin() as connection:
        assert bindings.of_ids(connection, []) == []
        assert bindings.around_addresses(connection, [], []) == []


def test_changing_a_binding_that_is_gone_is_noticed_and_rolled_back(ledger: Ledger) -> None:
    furnish(ledger)
    keep(ledger, a_binding("b-1"))
    with pytest.raises(ConcurrentChange):
        change(ledger, [], [a_binding("b-1", weight=99), a_binding("b-gone")])
    kept = found(ledger)
    assert kept is not None
    assert kept.weight == 10


@pytest.mark.parametrize("mark", ["holder", "placed"])
def test_the_index_refuses_a_second_one_at_a_place(ledger: Ledger, mark: str) -> None:
    furnish(ledger)
    keep(ledger, a_binding("b-1", **{mark: True}))
    with pytest.raises(IntegrityError, match=f"bindings_one_{mark}_per_place"):
        keep(ledger, a_binding("b-2", cluster_id="cls-b", **{mark: True}))
    keep(ledger, a_binding("b-2", cluster_id="cls-b"))  # one that only waits for the place


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"slot": Slot("lbl-2", "")},
        {"slot": Slot("lbl-1", "loc-1")},
        {"ip": "10.0.3.18"},
        {"target": TargetName("lb-1", 8081, listener_id="lbl-1")},
        {"target": TargetName("lb-2", 8080, listener_id="lbl-1")},
    ],
    ids=["listener", "rule", "address", "port", "load balancer"],
)
def test_every_part_of_a_place_counts(ledger: Ledger, elsewhere: dict[str, Any]) -> None:
    furnish(ledger)
    keep(ledger, a_binding("b-1", holder=True, placed=True))
    keep(ledger, a_binding("b-2", holder=True, placed=True, **elsewhere))
    assert found(ledger, "b-2") is not None


@pytest.mark.parametrize("names", [("b-old", "b-successor"), ("b-successor", "b-a")], ids=["older id", "newer id"])
def test_a_place_passes_from_one_binding_to_another_in_one_write(ledger: Ledger, names: tuple[str, str]) -> None:
    # The indexes look at each row as it is written: whoever gives up must be written first, whatever the ids' order.
    furnish(ledger)
    leaver = a_binding(names[0], State.BOUND, holder=True, placed=True)
    waiter = a_binding(names[1], State.HELD, reason=Code.CLAIMED_BY_OTHER_CLUSTER, cluster_id="cls-b")
    keep(ledger, leaver, waiter)
    gone = replace(leaver, state=State.RELEASED, holder=False, placed=False)
    heir = replace(waiter, state=State.PENDING, reason=None, holder=True, placed=True)
    change(ledger, [], [heir, gone])
    assert (found(ledger, names[0]), found(ledger, names[1])) == (gone, heir)


def test_a_new_binding_takes_the_place_that_an_old_one_gives_up_in_the_same_write(ledger: Ledger) -> None:
    furnish(ledger)
    leaver = a_binding("b-1", State.BOUND, holder=True, placed=True)
    keep(ledger, leaver)
    heir = a_binding("b-2", State.VERIFYING, holder=True, placed=True)
    change(ledger, [heir], [replace(leaver, state=State.RELEASED, holder=False, placed=False)])
    assert found(ledger, "b-2") == heir


def test_fifty_places_change_hands_in_one_write(ledger: Ledger) -> None:
    furnish(ledger)
    there: Any = {"holder": True, "placed": True}
    leavers = [a_binding(f"b-{number:02}", State.BOUND, ip=f"10.0.4.{number}", **there) for number in range(50)]
    waiters = [replace(each, binding_id=f"a-{each.binding_id}", holder=False, placed=False) for each in leavers]
    keep(ledger, *leavers, *waiters)
    gone = [replace(each, state=State.RELEASED, holder=False, placed=False) for each in leavers]
    heirs = [replace(each, holder=True, placed=True) for each in waiters]
    change(ledger, [], [each for pair in zip(heirs, gone, strict=True) for each in pair])
    assert execute(ledger, "SELECT count(*) FROM bindings WHERE holder AND placed AND binding_id LIKE 'a-%'") == [50]


@pytest.mark.parametrize("wrong", [{"weight": 101}, {"weight": -1}, {"target": TargetName("lb-1", 0)}])
def test_what_no_cloud_would_take_is_not_even_kept(ledger: Ledger, wrong: dict[str, Any]) -> None:
    furnish(ledger)
    with pytest.raises(IntegrityError, match="_in_range"):
        keep(ledger, a_binding(**wrong))


@pytest.mark.parametrize("wrong", [a_binding("b-1", State.RELEASED, holder=True), a_binding(slot=None, holder=True)])
def test_only_a_live_binding_with_a_listener_holds_a_place(ledger: Ledger, wrong: Binding) -> None:
    furnish(ledger)
    with pytest.raises(IntegrityError, match="bindings_holder_is_live_and_placed"):
        keep(ledger, wrong)


def test_at_work_is_what_can_move_or_may_be_at_the_cloud(ledger: Ledger) -> None:
    furnish(ledger)
    keep(
        ledger,
        a_binding("b-live", State.VERIFYING, cluster_id="cls-b"),
        a_binding("b-left-behind", State.RELEASED, placed=True),
        a_binding("b-ended", State.RELEASED),
        a_binding("b-refused", State.REJECTED),
        a_binding("b-elsewhere", target=TargetName("lb-2", 8080, listener_id="lbl-1")),
    )
    with ledger.begin() as connection:
        assert [each.binding_id for each in bindings.at_work(connection, "lb-1")] == ["b-left-behind", "b-live"]
        around = bindings.around_addresses(connection, [("lb-1", "10.0.3.17")], ["b-ended", "b-live"])
        assert {each.binding_id for each in around} == {"b-left-behind", "b-live", "b-ended"}
        assert len(around) == 3
        assert bindings.around_addresses(connection, [("lb-1", "10.0.3.99")], []) == []


def test_undecided_are_those_without_an_answer_oldest_first(ledger: Ledger) -> None:
    furnish(ledger)
    keep(
        ledger,
        a_binding("b-2", State.VERIFYING, verification=NOT_VERIFIED, created_at=THEN.replace(hour=9)),
        a_binding("b-3", State.VERIFYING, verification=NOT_VERIFIED, created_at=THEN.replace(hour=7)),
        a_binding("b-proven", State.VERIFYING),
        a_binding("b-bound", State.BOUND, verification=NOT_VERIFIED),
        a_binding("b-other", State.VERIFYING, verification=NOT_VERIFIED, cluster_id="cls-b"),
    )
    with ledger.begin() as connection:
        assert [each.binding_id for each in proofs.undecided(connection, "cls-a", 10)] == ["b-3", "b-2"]
        assert [each.binding_id for each in proofs.undecided(connection, "cls-a", 1)] == ["b-3"]


def test_placed_targets_that_are_still_wanted_are_counted_per_listener_and_rule_over_all_clusters(
    ledger: Ledger,
) -> None:
    furnish(ledger)
    keep(
        ledger,
        a_binding("b-1", State.BOUND, ip="10.0.4.1", placed=True),
        a_binding("b-2", State.HELD, ip="10.0.4.2", placed=True, cluster_id="cls-b"),
        a_binding("b-3", State.PENDING, ip="10.0.4.3"),
        a_binding("b-drains", State.DRAINING, ip="10.0.4.4", placed=True),
        a_binding("b-leaves", State.REMOVING, ip="10.0.4.5", placed=True),
        a_binding("b-left", State.RELEASED, ip="10.0.4.6", placed=True),
        a_binding("b-4", State.BOUND, slot=Slot("lbl-web", "loc-1"), placed=True),
        a_binding("b-5", State.BOUND, slot=Slot("lbl-web", "loc-2"), placed=True),
        a_binding("b-6", State.BOUND, target=TargetName("lb-2", 8080), placed=True),
    )
    with ledger.begin() as connection:
        assert dict(bindings.placed_counts(connection, ["lb-1"])) == {
            ("lb-1", Slot("lbl-1", "")): 2,
            ("lb-1", Slot("lbl-web", "loc-1")): 1,
            ("lb-1", Slot("lbl-web", "loc-2")): 1,
        }


def test_live_ones_are_found_by_service_and_by_cluster(ledger: Ledger) -> None:
    furnish(ledger)
    keep(
        ledger,
        a_binding("b-1"),
        a_binding("b-2", service=Service("shop", "other")),
        a_binding("b-3", service=None),
        a_binding("b-ended", State.RELEASED),
        a_binding("b-theirs", cluster_id="cls-b"),
    )
    with ledger.begin() as connection:
        of_service = bindings.live_of_service(connection, "cls-a", Service("shop", "web"))
        assert [each.binding_id for each in of_service] == ["b-1"]
        assert {each.binding_id for each in bindings.live_of_cluster(connection, "cls-a")} == {"b-1", "b-2", "b-3"}


def test_a_listing_goes_on_after_an_id_and_keeps_to_its_filters(ledger: Ledger) -> None:
    furnish(ledger)
    keep(ledger, *(a_binding(f"b-{number}", ip=f"10.0.4.{number}") for number in range(5)))
    keep(ledger, a_binding("b-theirs", cluster_id="cls-b"), a_binding("b-bound", State.BOUND))
    with ledger.begin() as connection:

        def ids(filters: dict[str, str], after: str = "", limit: int = 100, states: Any = None) -> list[str]:
            return [each.binding_id for each in bindings.listing(connection, filters, after, limit, states)]

        assert ids({"cluster_id": "cls-a"}, limit=2) == ["b-0", "b-1"]
        assert ids({"cluster_id": "cls-a"}, after="b-1", limit=2) == ["b-2", "b-3"]
        assert ids({"cluster_id": "cls-b"}) == ["b-theirs"]
        assert ids({"ip": "10.0.4.3", "cluster_id": "cls-a"}) == ["b-3"]
        assert ids({"ip": "10.0.4.3", "cluster_id": "cls-b"}) == []
        assert ids({}, states=["bound", "removing"]) == ["b-bound"]
        assert ids({"ip": "10.0.3.17' OR '1'='1"}) == []
