"""What the guard holds back, an operator's word on it, and evacuation, which is an operator's word by itself."""

import pytest

from app.domain.binding import State
from app.ledger.connection import Ledger
from tests.api import stage
from tests.api.client import CLUSTER, OTHER_CLUSTER, Caller, bind, entry, pages, person, problem_of, unbind


@pytest.fixture
def held(agent: Caller, ledger: Ledger) -> list[str]:
    """Three bindings that a snapshot left out and the guard holds."""
    results = agent.replace_targets(10, *(entry(f"u{number}") for number in range(3)))["results"]
    found = [result["binding_id"] for result in results]
    stage.bring_to_the_cloud(ledger, *found)
    assert agent.replace_targets(11)["held"] == sorted(found)
    return sorted(found)


def test_holds_list_what_the_guard_holds_and_nothing_else(
    agent: Caller, admin: Caller, held: list[str], ledger: Ledger
) -> None:
    other = agent.tell_one(bind("u9"))["binding_id"]
    stage.move(ledger, other, State.HELD, reason="listener-not-found")
    items = person(admin, "viewer").get("/v1/holds").json["items"]
    assert [item["binding_id"] for item in items] == held
    assert {(item["state"], item["reason"]) for item in items} == {("held", "removal-guard")}
    assert [[item["binding_id"] for item in page] for page in pages(admin, "/v1/holds", 2)] == [held[:2], held[2:]]


def test_an_approved_hold_leaves_drained(admin: Caller, held: list[str]) -> None:
    answer = person(admin, "operator").post(f"/v1/holds/{held[0]}/approve")
    assert answer.status_code == 200
    assert (answer.json["binding_id"], answer.json["state"], answer.json["reason"]) == (held[0], "draining", None)
    assert admin.binding(held[0]) == answer.json
    assert [item["binding_id"] for item in admin.get("/v1/holds").json["items"]] == held[1:]
    (item,) = admin.get("/v1/history", action="hold-approved").json["items"]
    assert (item["actor"], item["binding_id"]) == ("operator:operator of the tests", held[0])
    assert (item["from_state"], item["to_state"]) == ("held", "draining")


def test_a_dismissed_hold_is_bound_as_before(agent: Caller, admin: Caller, held: list[str]) -> None:
    answer = person(admin, "operator").post(f"/v1/holds/{held[0]}/dismiss")
    assert answer.status_code == 200
    assert (answer.json["state"], answer.json["reason"], answer.json["detail"]) == ("bound", None, None)
    (item,) = admin.get("/v1/history", action="hold-dismissed").json["items"]
    assert (item["from_state"], item["to_state"]) == ("held", "bound")
    assert agent.replace_targets(11)["held"] == held


def test_a_word_on_a_hold_is_told_to_the_agent(agent: Caller, admin: Caller, held: list[str]) -> None:
    path = f"/v1/clusters/{CLUSTER}/changes"
    cursor = agent.get(path).json["next_cursor"]
    admin.post(f"/v1/holds/{held[0]}/approve")
    admin.post(f"/v1/holds/{held[1]}/dismiss")
    items = agent.get(path, after=cursor).json["items"]
    assert [(item["binding_id"], item["state"]) for item in items] == [(held[0], "draining"), (held[1], "bound")]


@pytest.mark.parametrize("word", ["approve", "dismiss"])
def test_there_is_nothing_to_say_about_what_is_not_held(
    agent: Caller, admin: Caller, held: list[str], ledger: Ledger, word: str
) -> None:
    verifying, elsewise = (agent.tell_one(bind(uid))["binding_id"] for uid in ("u8", "u9"))
    stage.move(ledger, elsewise, State.HELD, reason="quota-exceeded")
    assert admin.post(f"/v1/holds/{held[0]}/{word}").status_code == 200
    for binding_id in (verifying, elsewise, held[0]):
        before = admin.binding(binding_id)
        problem_of(admin.post(f"/v1/holds/{binding_id}/{word}"), 409, "not-held")
        assert admin.binding(binding_id) == before
    problem_of(admin.post(f"/v1/holds/b-unknown/{word}"), 404, "binding-not-found")


def test_an_unbind_overtakes_the_guard(agent: Caller, admin: Caller, held: list[str]) -> None:
    agent.tell(unbind("u0", 12))
    gone = next(item for item in admin.get("/v1/bindings", pod_uid="u0").json["items"])
    assert gone["state"] == "draining"
    problem_of(admin.post(f"/v1/holds/{gone['binding_id']}/approve"), 409, "not-held")


def test_evacuation_takes_everything_of_one_cluster_off(
    agent: Caller, neighbour: Caller, admin: Caller, ledger: Ledger
) -> None:
    at_cloud, waiting, leaving, rejected = (agent.tell_one(bind(f"u{n}"))["binding_id"] for n in range(4))
    theirs = neighbour.tell_one(bind("u9"))["binding_id"]
    stage.bring_to_the_cloud(ledger, at_cloud, leaving, theirs)
    stage.move(ledger, leaving, State.DRAINING)
    stage.move(ledger, rejected, State.REJECTED)
    answer = person(admin, "operator").post(f"/v1/clusters/{CLUSTER}/evacuate")
    assert answer.status_code == 200
    assert answer.json == {"unbound": sorted([at_cloud, waiting])}
    states = {item["binding_id"]: item["state"] for item in admin.get("/v1/bindings").json["items"]}
    assert states == {
        at_cloud: "draining",
        waiting: "released",
        leaving: "draining",
        rejected: "rejected",
        theirs: "bound",
    }


def test_evacuation_is_told_and_recorded(agent: Caller, admin: Caller, ledger: Ledger) -> None:
    binding_id = agent.tell_one(bind())["binding_id"]
    path = f"/v1/clusters/{CLUSTER}/changes"
    cursor = agent.get(path).json["next_cursor"]
    admin.post(f"/v1/clusters/{CLUSTER}/evacuate")
    assert [item["state"] for item in agent.get(path, after=cursor).json["items"]] == ["released"]
    (summary,) = admin.get("/v1/history", action="cluster-evacuated").json["items"]
    assert (summary["cluster_id"], summary["actor"]) == (CLUSTER, "admin:bootstrap")
    (moved, _) = admin.get(f"/v1/bindings/{binding_id}/history").json["items"]
    assert (moved["action"], moved["actor"]) == ("binding-moved", "admin:bootstrap")
    assert (moved["from_state"], moved["to_state"]) == ("verifying", "released")


def test_evacuation_needs_no_guards_leave(admin: Caller, held: list[str]) -> None:
    assert admin.post(f"/v1/clusters/{CLUSTER}/evacuate").json == {"unbound": held}
    assert admin.get("/v1/holds").json["items"] == []


def test_evacuating_twice_takes_nothing_more(agent: Caller, admin: Caller) -> None:
    agent.tell(bind())
    assert len(admin.post(f"/v1/clusters/{CLUSTER}/evacuate").json["unbound"]) == 1
    assert admin.post(f"/v1/clusters/{CLUSTER}/evacuate").json == {"unbound": []}


def test_an_evacuated_cluster_binds_again_when_its_agent_speaks(agent: Caller, admin: Caller) -> None:
    agent.tell(bind(revision=10))
    admin.post(f"/v1/clusters/{CLUSTER}/evacuate")
    assert agent.tell_one(bind(revision=11))["outcome"] == "accepted"


def test_an_unknown_cluster_cannot_be_evacuated(admin: Caller) -> None:
    problem_of(admin.post(f"/v1/clusters/{OTHER_CLUSTER}/evacuate"), 404, "cluster-not-found")
