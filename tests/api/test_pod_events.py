"""Each outcome and each code of pod events, as an agent hears them."""

from typing import Any

import pytest
from sqlalchemy import select

from app.domain.binding import State
from app.ledger import tables
from app.ledger.connection import Ledger
from tests.api import stage
from tests.api.client import (
    CLUSTER,
    OTHER_CLUSTER,
    Caller,
    agent_of,
    bind,
    grant,
    register_cluster,
    register_load_balancer,
    unbind,
)

BY_PORT = {"listener_id": None, "protocol": "TCP", "listener_port": 80}
RESULT = {"event_id", "outcome", "binding_id", "code", "detail"}


def _bound(agent: Caller, ledger: Ledger, **changes: Any) -> str:
    binding_id = str(agent.tell_one(bind(**changes))["binding_id"])
    stage.bring_to_the_cloud(ledger, binding_id)
    return binding_id


def test_a_new_bind_is_accepted_and_makes_a_binding(agent: Caller) -> None:
    event = bind(target={"weight": 25})
    result = agent.tell_one(event)
    assert result == {
        "event_id": event["event_id"],
        "outcome": "accepted",
        "binding_id": result["binding_id"],
        "code": None,
        "detail": None,
    }
    kept = agent.binding(result["binding_id"])
    assert {name: kept[name] for name in ("pod", "workload", "service", "network_mode", "revision")} == {
        name: event[name] for name in ("pod", "workload", "service", "network_mode", "revision")
    }
    assert kept["target"] == {
        "load_balancer_id": "lb-1",
        "listener_id": "lbl-tcp",
        "location_id": None,
        "protocol": None,
        "listener_port": None,
        "domain": None,
        "url": None,
        "ip": event["pod"]["ip"],
        "port": 8080,
        "weight": 25,
    }
    assert (kept["state"], kept["reason"], kept["health"], kept["bound_at"]) == ("verifying", None, "unknown", None)
    assert kept["verification"]["verdict"] == "unknown"
    assert kept["cluster_id"] == CLUSTER


def test_the_example_of_the_contract_is_accepted(unread: Caller) -> None:
    event = bind(target={"load_balancer_id": "lb-1", "listener_id": "lbl-1", "location_id": None})
    assert unread.tell_one(event)["outcome"] == "accepted"


def test_answers_come_in_the_order_of_the_events(agent: Caller) -> None:
    events = [
        bind("u1"),
        bind("u2", target={"weight": 101}),
        "nonsense",
        unbind("u3"),
        bind("u1", revision=9),
        bind("u4", pod={"ip": "127.0.0.1"}),
        bind("u5", target={"load_balancer_id": "lb-unknown"}),
    ]
    results = agent.tell(*events)
    assert [result["event_id"] for result in results] == [
        event["event_id"] if isinstance(event, dict) else None for event in events
    ]
    assert [(result["outcome"], result["code"]) for result in results] == [
        ("accepted", None),
        ("rejected", "target-weight-out-of-range"),
        ("rejected", "invalid-event"),
        ("unchanged", None),
        ("stale", None),
        ("rejected", "address-not-bindable"),
        ("rejected", "not-granted"),
    ]
    assert all(result.keys() == RESULT for result in results)


def test_no_events_are_no_results(agent: Caller) -> None:
    assert agent.tell() == []


def test_the_same_wish_again_is_unchanged(agent: Caller) -> None:
    first = agent.tell_one(bind(revision=10))
    for revision in (10, 11):
        again = agent.tell_one(bind(revision=revision))
        assert (again["outcome"], again["binding_id"]) == ("unchanged", first["binding_id"])
    assert agent.binding(first["binding_id"])["revision"] == 11


def test_an_older_event_is_stale_and_changes_nothing(agent: Caller) -> None:
    first = agent.tell_one(bind(revision=10))
    before = agent.binding(first["binding_id"])
    for event in (bind(revision=9, target={"weight": 50}), unbind(revision=9)):
        stale = agent.tell_one(event)
        assert (stale["outcome"], stale["binding_id"], stale["code"]) == ("stale", first["binding_id"], None)
        assert "revision 10" in stale["detail"]
    assert agent.binding(first["binding_id"]) == before


def test_at_equal_revisions_the_later_received_wins(agent: Caller) -> None:
    first = agent.tell_one(bind(revision=10, target={"weight": 10}))
    assert agent.tell_one(bind(revision=10, target={"weight": 20}))["outcome"] == "accepted"
    assert agent.binding(first["binding_id"])["target"]["weight"] == 20
    assert agent.tell_one(unbind(revision=10))["outcome"] == "accepted"
    assert agent.binding(first["binding_id"])["state"] == "released"


def test_another_weight_is_accepted_for_the_same_binding(agent: Caller, ledger: Ledger) -> None:
    binding_id = _bound(agent, ledger)
    changed = agent.tell_one(bind(revision=11, target={"weight": 0}))
    assert (changed["outcome"], changed["binding_id"]) == ("accepted", binding_id)
    kept = agent.binding(binding_id)
    assert (kept["state"], kept["target"]["weight"]) == ("pending", 0)


def test_a_weight_left_out_or_null_is_ten(agent: Caller) -> None:
    left_out = bind("u1")
    del left_out["target"]["weight"]
    for event in (left_out, bind("u2", target={"weight": None})):
        assert agent.binding(agent.tell_one(event)["binding_id"])["target"]["weight"] == 10


@pytest.mark.parametrize("weight", [0, 1, 100])
def test_weights_from_0_to_100_are_accepted(agent: Caller, weight: int) -> None:
    result = agent.tell_one(bind(target={"weight": weight}))
    assert result["outcome"] == "accepted"
    assert agent.binding(result["binding_id"])["target"]["weight"] == weight


@pytest.mark.parametrize("weight", [-1, 101, 1000, 2**63 - 1, -(2**63)])
def test_a_weight_out_of_range_is_rejected_and_makes_no_binding(agent: Caller, weight: int) -> None:
    result = agent.tell_one(bind(target={"weight": weight}))
    assert (result["outcome"], result["binding_id"]) == ("rejected", None)
    assert result["code"] == "target-weight-out-of-range"
    assert "target.weight" in result["detail"]
    assert agent.get("/v1/bindings").json["items"] == []


@pytest.mark.parametrize(
    "ip",
    ["127.0.0.1", "0.0.0.0", "0.1.2.3", "169.254.1.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "::1", "fd00::1"],
)
def test_an_address_that_no_target_can_have_is_rejected(agent: Caller, ip: str) -> None:
    result = agent.tell_one(bind(pod={"ip": ip}))
    assert (result["outcome"], result["code"]) == ("rejected", "address-not-bindable")
    assert ip in result["detail"]
    assert agent.get("/v1/bindings").json["items"] == []


def test_without_a_grant_nothing_is_bound(admin: Caller, ledger: Ledger) -> None:
    register_cluster(admin)
    register_load_balancer(admin)
    stage.read_listeners(ledger)
    agent = agent_of(admin)
    for event in (bind(), unbind(), bind(target=BY_PORT)):
        result = agent.tell_one(event)
        assert (result["outcome"], result["code"]) == ("rejected", "not-granted")
    assert agent.get("/v1/bindings").json["items"] == []


def test_a_grant_of_some_listeners_is_no_grant_of_the_others(admin: Caller, ledger: Ledger) -> None:
    register_cluster(admin)
    register_load_balancer(admin)
    stage.read_listeners(ledger)
    grant(admin, CLUSTER, "lbl-udp", "lbl-web")
    agent = agent_of(admin)
    udp = {"listener_id": None, "protocol": "UDP", "listener_port": 53}
    for target in ({}, BY_PORT):
        assert agent.tell_one(bind("u1", target=target))["code"] == "not-granted"
    for target in ({"listener_id": "lbl-udp"}, udp):
        assert agent.tell_one(bind("u2", target=target))["outcome"] in {"accepted", "unchanged"}


def test_an_unknown_load_balancer_is_one_without_a_grant(agent: Caller) -> None:
    result = agent.tell_one(bind(target={"load_balancer_id": "lb-unknown"}))
    assert (result["outcome"], result["code"], result["binding_id"]) == ("rejected", "not-granted", None)
    assert "lb-unknown" in result["detail"]


def test_an_unknown_listener_is_taken_and_judged_by_the_worker(agent: Caller) -> None:
    for target in ({"listener_id": "lbl-unknown"}, {"listener_id": None, "protocol": "TCP", "listener_port": 81}):
        result = agent.tell_one(bind(target=target))
        assert (result["outcome"], result["code"]) == ("accepted", None)
        kept = agent.binding(result["binding_id"])
        assert (kept["state"], kept["target"]["listener_id"]) == ("verifying", target["listener_id"])


def test_a_listener_by_protocol_and_port_is_the_one_by_id(agent: Caller) -> None:
    first = agent.tell_one(bind(target=BY_PORT))
    again = agent.tell_one(bind(revision=11))
    assert (again["outcome"], again["binding_id"]) == ("unchanged", first["binding_id"])
    assert agent.binding(first["binding_id"])["target"]["listener_id"] == "lbl-tcp"


def test_a_rule_by_domain_and_url_is_the_one_by_id(agent: Caller) -> None:
    https = {"listener_id": None, "protocol": "HTTPS", "listener_port": 443, "domain": "a.example", "url": "/api"}
    first = agent.tell_one(bind(target=https))
    target = agent.binding(first["binding_id"])["target"]
    assert (target["listener_id"], target["location_id"]) == ("lbl-web", "loc-api")
    again = agent.tell_one(bind(revision=11, target={"listener_id": "lbl-web", "location_id": "loc-api"}))
    assert (again["outcome"], again["binding_id"]) == ("unchanged", first["binding_id"])
    other = agent.tell_one(bind(revision=11, target={"listener_id": "lbl-web", "location_id": "loc-root"}))
    assert other["outcome"] == "accepted"
    assert other["binding_id"] != first["binding_id"]


def test_an_unbind_needs_neither_address_nor_mode_nor_weight(agent: Caller) -> None:
    first = agent.tell_one(bind())
    event = unbind()
    assert "ip" not in event["pod"]
    result = agent.tell_one(event)
    assert (result["outcome"], result["binding_id"]) == ("accepted", first["binding_id"])
    assert agent.binding(first["binding_id"])["state"] == "released"


@pytest.mark.parametrize("ip", [None, "10.0.0.2", "127.0.0.1"])
def test_an_unbind_may_name_any_address(agent: Caller, ip: str | None) -> None:
    agent.tell(bind())
    assert agent.tell_one(unbind(pod={"ip": ip}))["outcome"] == "accepted"


def test_an_unbind_by_port_takes_off_what_was_bound_by_id(agent: Caller) -> None:
    first = agent.tell_one(bind())
    result = agent.tell_one(unbind(target=BY_PORT))
    assert (result["outcome"], result["binding_id"]) == ("accepted", first["binding_id"])


def test_an_unbind_of_what_is_at_the_cloud_drains_it(agent: Caller, ledger: Ledger) -> None:
    binding_id = _bound(agent, ledger)
    assert agent.tell_one(unbind())["outcome"] == "accepted"
    assert agent.binding(binding_id)["state"] == "draining"
    assert agent.tell_one(unbind(revision=21))["outcome"] == "unchanged"


def test_an_unbind_may_ask_for_no_drain(agent: Caller, ledger: Ledger) -> None:
    binding_id = _bound(agent, ledger)
    agent.tell(unbind(target={"drain_seconds": 0}))
    assert agent.binding(binding_id)["state"] == "removing"


def test_a_bind_may_say_beforehand_that_no_drain_is_needed(agent: Caller, ledger: Ledger) -> None:
    binding_id = _bound(agent, ledger, target={"drain_seconds": 0})
    agent.tell(unbind())
    assert agent.binding(binding_id)["state"] == "removing"


def test_an_unbind_of_an_unknown_pod_makes_a_later_bind_of_a_lower_revision_stale(agent: Caller) -> None:
    early = agent.tell_one(unbind(revision=20))
    assert (early["outcome"], early["binding_id"]) == ("unchanged", None)
    late = agent.tell_one(bind(revision=19))
    assert (late["outcome"], late["binding_id"]) == ("stale", None)
    assert agent.get("/v1/bindings").json["items"] == []
    assert agent.tell_one(bind(revision=21))["outcome"] == "accepted"


def test_a_bind_after_an_unbind_takes_the_same_binding_back(agent: Caller, ledger: Ledger) -> None:
    binding_id = _bound(agent, ledger)
    agent.tell(unbind(revision=20))
    back = agent.tell_one(bind(revision=21))
    assert (back["outcome"], back["binding_id"]) == ("accepted", binding_id)
    assert agent.binding(binding_id)["state"] == "pending"


def test_an_address_passes_to_the_pod_of_the_greater_revision(agent: Caller, ledger: Ledger) -> None:
    former = _bound(agent, ledger, uid="u1", revision=10)
    ip = agent.binding(former)["pod"]["ip"]
    taken = agent.tell_one(bind("u2", 30, pod={"ip": ip}))
    assert taken["outcome"] == "accepted"
    assert taken["binding_id"] != former
    ended = agent.binding(former)
    assert (ended["state"], ended["reason"]) == ("released", "superseded")
    late = agent.tell_one(bind("u1", 11))
    assert (late["outcome"], late["code"]) == ("stale", "superseded")
    assert agent.tell_one(unbind("u1", 40))["outcome"] == "unchanged"
    assert agent.binding(taken["binding_id"])["state"] == "verifying"


def test_a_rejected_binding_starts_anew_at_a_newer_revision_only(agent: Caller, ledger: Ledger) -> None:
    first = agent.tell_one(bind(revision=10))
    stage.move(ledger, first["binding_id"], State.REJECTED, reason="eni-not-found", detail="no such interface")
    again = agent.tell_one(bind(revision=10))
    assert again == {
        "event_id": again["event_id"],
        "outcome": "unchanged",
        "binding_id": first["binding_id"],
        "code": "eni-not-found",
        "detail": "no such interface",
    }
    anew = agent.tell_one(bind(revision=11))
    assert anew["outcome"] == "accepted"
    assert anew["binding_id"] != first["binding_id"]


def test_two_clusters_may_want_one_address_and_neither_disturbs_the_other(agent: Caller, neighbour: Caller) -> None:
    mine, theirs = agent.tell_one(bind()), neighbour.tell_one(bind(revision=99))
    assert (mine["outcome"], theirs["outcome"]) == ("accepted", "accepted")
    assert neighbour.tell_one(unbind(revision=100))["binding_id"] == theirs["binding_id"]
    assert agent.binding(mine["binding_id"])["state"] == "verifying"
    assert agent.binding(mine["binding_id"])["cluster_id"] == CLUSTER
    assert neighbour.binding(theirs["binding_id"])["cluster_id"] == OTHER_CLUSTER


def test_what_is_rejected_is_recorded_with_its_sender(agent: Caller, admin: Caller) -> None:
    event = bind(target={"weight": 101})
    result = agent.tell_one(event)
    (item,) = admin.get("/v1/history", action="event-rejected").json["items"]
    assert {name: item[name] for name in ("event_id", "reason", "detail", "cluster_id", "pod_uid", "ip", "port")} == {
        "event_id": event["event_id"],
        "reason": "target-weight-out-of-range",
        "detail": result["detail"],
        "cluster_id": CLUSTER,
        "pod_uid": "u1",
        "ip": event["pod"]["ip"],
        "port": 8080,
    }
    assert item["actor"] == f"agent:{CLUSTER}:{str(agent.token).partition('.')[0]}"


def test_an_agent_that_speaks_has_been_seen(agent: Caller, admin: Caller) -> None:
    before = admin.get(f"/v1/clusters/{CLUSTER}").json
    assert (before["state"], before["last_seen_at"]) == ("registered", None)
    agent.tell()
    after = admin.get(f"/v1/clusters/{CLUSTER}").json
    assert after["state"] == "active"
    assert after["last_seen_at"].endswith("Z")


def test_an_accepted_event_calls_for_a_pass_and_for_a_look_at_its_address(agent: Caller, ledger: Ledger) -> None:
    def due() -> tuple[int, bool]:
        with ledger.begin() as connection:
            wanted = connection.execute(select(tables.load_balancers.c.wanted_generation)).scalar_one()
            verify = connection.execute(select(tables.clusters.c.verification_due_at)).scalar_one()
        return wanted, verify is not None

    agent.tell(unbind("u9"))
    before = due()
    agent.tell(bind())
    after = due()
    assert (before[1], after) == (False, (before[0] + 1, True))
    agent.tell(bind(revision=11))
    assert due() == after
