"""The full truth for one Service: what it names is bound, what it leaves out goes, as far as the guard allows."""

import pytest

from app.ledger.connection import Ledger
from tests.api import stage
from tests.api.client import CLUSTER, Caller, bind, entry, problem_of, register_cluster, unbind

PATH = f"/v1/clusters/{CLUSTER}/services/shop/web/targets"


def _at_the_cloud(agent: Caller, ledger: Ledger, *uids: str, revision: int = 10) -> list[str]:
    results = agent.replace_targets(revision, *(entry(uid) for uid in uids))["results"]
    found = [result["binding_id"] for result in results]
    stage.bring_to_the_cloud(ledger, *found)
    return found


def _state(agent: Caller, binding_id: str) -> tuple[str, str | None]:
    found = agent.binding(binding_id)
    return found["state"], found["reason"]


def test_a_snapshot_binds_what_it_names_in_its_order(agent: Caller) -> None:
    outcome = agent.replace_targets(7, entry("u1"), entry("u2", target={"weight": 101}), entry("u3"))
    assert outcome.keys() == {"revision", "results", "unbound", "held", "load_balancers"}
    assert (outcome["revision"], outcome["unbound"], outcome["held"]) == (7, [], [])
    assert [(result["outcome"], result["code"]) for result in outcome["results"]] == [
        ("accepted", None),
        ("rejected", "target-weight-out-of-range"),
        ("accepted", None),
    ]
    first = agent.binding(outcome["results"][0]["binding_id"])
    assert first["service"] == {"namespace": "shop", "name": "web"}
    assert (first["revision"], first["state"]) == (7, "verifying")
    assert outcome["load_balancers"] == [{"load_balancer_id": "lb-1", "vips": ["1.2.3.4"]}]


def test_the_same_snapshot_again_changes_nothing(agent: Caller) -> None:
    first = agent.replace_targets(7, entry("u1"), entry("u2"))
    before = agent.get("/v1/history", limit=1000).json
    for revision in (7, 8):
        again = agent.replace_targets(revision, entry("u1"), entry("u2"))
        assert [result["outcome"] for result in again["results"]] == ["unchanged", "unchanged"]
        assert [result["binding_id"] for result in again["results"]] == [
            result["binding_id"] for result in first["results"]
        ]
        assert (again["unbound"], again["held"]) == ([], [])
    assert agent.get("/v1/history", limit=1000).json == before


def test_what_is_missing_is_unbound(agent: Caller) -> None:
    first = agent.replace_targets(10, entry("u1"), entry("u2"))
    missing = first["results"][1]["binding_id"]
    assert agent.replace_targets(11, entry("u1"))["unbound"] == [missing]
    assert _state(agent, missing) == ("released", None)
    assert _state(agent, first["results"][0]["binding_id"]) == ("verifying", None)


def test_what_is_missing_and_at_the_cloud_is_drained(agent: Caller, ledger: Ledger) -> None:
    found = _at_the_cloud(agent, ledger, "u1", "u2", "u3", "u4")
    outcome = agent.replace_targets(11, *(entry(uid) for uid in ("u1", "u2", "u3")))
    assert (outcome["unbound"], outcome["held"]) == ([found[3]], [])
    assert _state(agent, found[3]) == ("draining", None)


def test_what_is_missing_may_come_back_in_the_next(agent: Caller, ledger: Ledger) -> None:
    found = _at_the_cloud(agent, ledger, "u1", "u2", "u3", "u4")
    agent.replace_targets(11, *(entry(uid) for uid in ("u1", "u2", "u3")))
    back = agent.replace_targets(12, *(entry(uid) for uid in ("u1", "u2", "u3", "u4")))
    assert [result["outcome"] for result in back["results"]] == ["unchanged", "unchanged", "unchanged", "accepted"]
    assert _state(agent, found[3]) == ("pending", None)


def test_what_a_newer_event_brought_stays(agent: Caller) -> None:
    newer = agent.tell_one(bind("u1", revision=20))["binding_id"]
    older = agent.tell_one(bind("u2", revision=15))["binding_id"]
    equal = agent.tell_one(bind("u3", revision=16))["binding_id"]
    assert agent.replace_targets(16)["unbound"] == sorted([older, equal])
    assert _state(agent, newer) == ("verifying", None)


def test_an_entry_older_than_what_is_known_is_stale(agent: Caller) -> None:
    agent.tell(unbind("u1", revision=20))
    assert agent.replace_targets(19, entry("u1"))["results"][0]["outcome"] == "stale"
    assert agent.get("/v1/bindings").json["items"] == []


def test_a_late_bind_of_what_a_snapshot_left_out_is_stale(agent: Caller) -> None:
    agent.tell(bind("u1", revision=10))
    agent.replace_targets(15)
    assert agent.tell_one(bind("u1", revision=14))["outcome"] == "stale"
    assert agent.tell_one(bind("u1", revision=16))["outcome"] == "accepted"


def test_another_service_is_left_alone(agent: Caller) -> None:
    web = agent.replace_targets(10, entry("u1"))["results"][0]["binding_id"]
    other = agent.replace_targets(10, entry("u2"), service="cart")["results"][0]["binding_id"]
    elsewhere = agent.tell_one(bind("u3", service={"namespace": "backoffice", "name": "web"}))["binding_id"]
    without = agent.tell_one(bind("u4", service=None))["binding_id"]
    assert agent.replace_targets(99)["unbound"] == [web]
    assert {_state(agent, binding_id)[0] for binding_id in (other, elsewhere, without)} == {"verifying"}


def test_another_clusters_service_of_the_same_name_is_left_alone(agent: Caller, neighbour: Caller) -> None:
    agent.replace_targets(10, entry("u1"))
    theirs = neighbour.replace_targets(10, entry("u2"))["results"][0]["binding_id"]
    agent.replace_targets(99)
    assert _state(neighbour, theirs) == ("verifying", None)


def test_the_last_target_of_a_listener_is_held(agent: Caller, ledger: Ledger) -> None:
    (last,) = _at_the_cloud(agent, ledger, "u1")
    outcome = agent.replace_targets(11)
    assert (outcome["unbound"], outcome["held"]) == ([], [last])
    held = agent.binding(last)
    assert (held["state"], held["reason"]) == ("held", "removal-guard")
    assert "11" in held["detail"]
    assert held["bound_at"]  # it is still at the cloud


def test_the_last_target_is_held_whatever_the_share(agent: Caller, admin: Caller, ledger: Ledger) -> None:
    register_cluster(admin, removal_guard={"max_share": 1})
    found = _at_the_cloud(agent, ledger, "u1", "u2")
    assert agent.replace_targets(11)["held"] == sorted(found)
    assert agent.replace_targets(12, entry("u1"))["unbound"] == [found[1]]


@pytest.mark.parametrize(("share", "leaving", "held"), [(0.3, 3, False), (0.3, 4, True), (0.5, 5, False), (0, 1, True)])
def test_more_than_the_guards_share_is_held_and_no_more_than_it_goes(
    agent: Caller, admin: Caller, ledger: Ledger, share: float, leaving: int, held: bool
) -> None:
    register_cluster(admin, removal_guard={"max_share": share})
    uids = [f"u{number}" for number in range(10)]
    found = _at_the_cloud(agent, ledger, *uids)
    outcome = agent.replace_targets(11, *(entry(uid) for uid in uids[leaving:]))
    assert outcome["held" if held else "unbound"] == sorted(found[:leaving])
    assert outcome["unbound" if held else "held"] == []


def test_the_share_is_of_all_targets_of_the_listener_whosever_they_are(
    agent: Caller, neighbour: Caller, ledger: Ledger
) -> None:
    (mine,) = _at_the_cloud(agent, ledger, "u1")
    _at_the_cloud(neighbour, ledger, "u2", "u3", "u4")
    assert agent.replace_targets(11)["unbound"] == [mine]


def test_each_listener_is_guarded_alone(agent: Caller, ledger: Ledger) -> None:
    udp = {"listener_id": "lbl-udp"}
    entries = [*(entry(f"u{number}") for number in range(4)), entry("u9", target=udp)]
    found = [result["binding_id"] for result in agent.replace_targets(10, *entries)["results"]]
    stage.bring_to_the_cloud(ledger, *found)
    outcome = agent.replace_targets(11, *entries[1:4])
    assert (outcome["unbound"], outcome["held"]) == ([found[0]], [found[4]])


def test_what_never_was_at_the_cloud_goes_unguarded(agent: Caller, ledger: Ledger) -> None:
    (kept,) = _at_the_cloud(agent, ledger, "u1")
    waiting = [result["binding_id"] for result in agent.replace_targets(11, entry("u1"), entry("u2"))["results"]][1]
    assert agent.replace_targets(12)["unbound"] == [waiting]
    assert _state(agent, kept) == ("held", "removal-guard")


def test_an_explicit_unbind_is_not_guarded(agent: Caller, ledger: Ledger) -> None:
    (last,) = _at_the_cloud(agent, ledger, "u1")
    agent.tell(unbind("u1"))
    assert _state(agent, last) == ("draining", None)


def test_what_is_held_stays_held_while_snapshots_leave_it_out(agent: Caller, ledger: Ledger) -> None:
    (last,) = _at_the_cloud(agent, ledger, "u1")
    agent.replace_targets(11)
    before = agent.get("/v1/history", limit=1000).json
    assert agent.replace_targets(12)["held"] == [last]
    assert agent.get("/v1/history", limit=1000).json == before


def test_what_is_held_and_named_again_is_wanted_again(agent: Caller, ledger: Ledger) -> None:
    (last,) = _at_the_cloud(agent, ledger, "u1")
    agent.replace_targets(11)
    back = agent.replace_targets(12, entry("u1"))
    assert (back["results"][0]["outcome"], back["results"][0]["binding_id"]) == ("accepted", last)
    assert _state(agent, last) == ("pending", None)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"revision": 1},
        {"targets": []},
        {"revision": "1", "targets": []},
        {"revision": True, "targets": []},
        {"revision": -1, "targets": []},
        {"revision": 2**63, "targets": []},
        {"revision": 1, "targets": {}},
        {"revision": 1, "targets": None},
        {"revision": 1, "targets": [None]},
        {"revision": 1, "targets": [[]]},
        {"revision": 1, "targets": [], "service": "web"},
        {"revision": 1, "targets": [{**entry(), "event_id": "e"}]},
        {"revision": 1, "targets": [{**entry(), "network_mode": None}]},
        {"revision": 1, "targets": [{**entry(), "pod": {**entry()["pod"], "ip": None}}]},
        {"revision": 1, "targets": [{**entry(), "target": {**entry()["target"], "\x00": 1}}]},
    ],
)
def test_a_snapshot_that_cannot_be_read_whole_is_422_and_changes_nothing(agent: Caller, body: object) -> None:
    kept = agent.replace_targets(1, entry("u1"))["results"][0]["binding_id"]
    problem_of(agent.put(PATH, body), 422, "invalid-request")
    assert _state(agent, kept) == ("verifying", None)


def test_a_service_in_the_path_is_an_identifier(agent: Caller) -> None:
    for part in ("a%0Ab", "%00", "-a", "a%20b"):
        problem_of(agent.put(PATH.replace("/web/", f"/{part}/"), {"revision": 1, "targets": []}), 404, "not-found")
