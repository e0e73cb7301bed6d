"""History by filters: who changed what, when and why."""

from datetime import datetime
from typing import Any

import pytest

from app.domain.binding import State
from app.ledger.connection import Ledger
from tests.api import stage
from tests.api.client import CLUSTER, OTHER_CLUSTER, Caller, bind, pages, problem_of, unbind

ENTRY = {
    "account_id",
    "sequence",
    "recorded_at",
    "action",
    "binding_id",
    "cluster_id",
    "pod_uid",
    "ip",
    "port",
    "load_balancer_id",
    "listener_id",
    "location_id",
    "presence",
    "weight",
    "from_state",
    "to_state",
    "reason",
    "actor",
    "request_id",
    "trace_id",
    "event_id",
    "cloud_request_id",
    "detail",
    "evidence",
}

FILTERS = ("cluster_id", "load_balancer_id", "listener_id", "ip", "pod_uid", "binding_id", "actor", "action")


@pytest.fixture
def story(agent: Caller, neighbour: Caller, admin: Caller, ledger: Ledger) -> list[dict[str, Any]]:
    """All of history, oldest first, after some days in the life of two clusters."""
    web, udp = agent.tell(bind("u1"), bind("u2", target={"listener_id": "lbl-udp", "port": 53}))
    stage.bring_to_the_cloud(ledger, web["binding_id"])
    stage.move(ledger, udp["binding_id"], State.REJECTED, reason="eni-not-found", detail="no interface has it")
    neighbour.tell(bind("u3"), bind("u4", target={"weight": 101}))
    agent.tell(unbind("u1"))
    items: list[dict[str, Any]] = admin.get("/v1/history", order="asc", limit=1000).json["items"]
    return items


def test_history_is_shown_newest_first_or_oldest_first(admin: Caller, story: list[dict[str, Any]]) -> None:
    for account_id in {item["account_id"] for item in story}:
        numbers = [item["sequence"] for item in story if item["account_id"] == account_id]
        assert numbers == list(range(1, len(numbers) + 1))
    times = [item["recorded_at"] for item in story]
    assert times == sorted(times)
    assert admin.get("/v1/history", limit=1000).json["items"] == story[::-1]
    assert admin.get("/v1/history", limit=1000, order="desc").json["items"] == story[::-1]


def test_an_entry_has_the_fields_of_the_contract(story: list[dict[str, Any]]) -> None:
    assert all(item.keys() == ENTRY for item in story)
    assert all(item["recorded_at"].endswith("Z") for item in story)
    assert all(datetime.fromisoformat(item["recorded_at"]).tzinfo is not None for item in story)


def test_a_move_says_from_where_to_where_why_and_by_whom(story: list[dict[str, Any]]) -> None:
    (rejected,) = [item for item in story if item["to_state"] == "rejected"]
    assert rejected | {"sequence": 0, "recorded_at": "", "binding_id": "", "trace_id": None} == {
        "account_id": "default",
        "sequence": 0,
        "recorded_at": "",
        "action": "binding-moved",
        "binding_id": "",
        "cluster_id": CLUSTER,
        "pod_uid": "u2",
        "ip": "10.0.0.3",
        "port": 53,
        "load_balancer_id": "lb-1",
        "listener_id": "lbl-udp",
        "location_id": None,
        "presence": None,
        "weight": None,
        "from_state": "verifying",
        "to_state": "rejected",
        "reason": "eni-not-found",
        "actor": stage.ACTOR,
        "request_id": None,
        "trace_id": None,
        "event_id": None,
        "cloud_request_id": "req-1",
        "detail": "no interface has it",
        "evidence": None,
    }


def test_an_effect_of_an_event_names_the_event_and_its_sender(agent: Caller) -> None:
    event = bind()
    agent.tell(event)
    (item,) = agent.get("/v1/history", action="binding-created").json["items"]
    assert (item["event_id"], item["from_state"], item["to_state"]) == (event["event_id"], None, "verifying")
    assert item["actor"].startswith(f"agent:{CLUSTER}:t-")


def test_each_filter_shows_what_equals_it_and_nothing_else(admin: Caller, story: list[dict[str, Any]]) -> None:
    for name in FILTERS:
        values = {item[name] for item in story if item[name] is not None}
        assert values
        for value in values:
            shown = admin.get("/v1/history", order="asc", limit=1000, **{name: value}).json["items"]
            assert shown == [item for item in story if item[name] == value]
            assert 0 < len(shown) < len(story)


def test_all_filters_that_are_given_must_hold(admin: Caller, story: list[dict[str, Any]]) -> None:
    query = {"cluster_id": CLUSTER, "pod_uid": "u1", "action": "binding-moved", "order": "asc"}
    shown = admin.get("/v1/history", **query).json["items"]
    assert [(item["from_state"], item["to_state"]) for item in shown] == [
        ("verifying", "pending"),
        ("pending", "bound"),
        ("bound", "draining"),
    ]
    assert admin.get("/v1/history", cluster_id=OTHER_CLUSTER, pod_uid="u1").json["items"] == []


def test_from_is_inclusive_and_to_is_not(admin: Caller, story: list[dict[str, Any]]) -> None:
    times = sorted({item["recorded_at"] for item in story})
    first, middle, last = times[0], times[len(times) // 2], times[-1]
    ask = {"order": "asc", "limit": 1000}
    since = admin.get("/v1/history", **ask, **{"from": middle}).json["items"]
    until = admin.get("/v1/history", **ask, to=middle).json["items"]
    assert since == [item for item in story if item["recorded_at"] >= middle]
    assert until == [item for item in story if item["recorded_at"] < middle]
    assert until + since == story
    assert admin.get("/v1/history", **ask, **{"from": first}, to=last).json["items"] == [
        item for item in story if item["recorded_at"] < last
    ]
    assert admin.get("/v1/history", **{"from": middle}, to=middle).json["items"] == []


def test_a_moment_is_one_moment_in_every_time_zone(admin: Caller, story: list[dict[str, Any]]) -> None:
    moment = datetime.fromisoformat(story[len(story) // 2]["recorded_at"])
    shifted = (moment.replace(tzinfo=None)).isoformat() + "+00:00"
    utc = admin.get("/v1/history", **{"from": shifted}).json
    assert utc == admin.get("/v1/history", **{"from": story[len(story) // 2]["recorded_at"]}).json
    east = f"{moment.replace(tzinfo=None).isoformat()}+08:00"  # eight hours earlier
    assert len(admin.get("/v1/history", limit=1000, **{"from": east}).json["items"]) == len(story)


def test_cursors_lead_through_all_pages_in_both_orders(admin: Caller, story: list[dict[str, Any]]) -> None:
    for order, expected in (("asc", story), ("desc", story[::-1])):
        for limit in (1, 4, len(story), 1000):
            found = pages(admin, "/v1/history", limit, order=order)
            assert [item for page in found for item in page] == expected
            assert all(len(page) == limit for page in found[:-1])


def test_cursors_lead_through_what_a_filter_shows(admin: Caller, story: list[dict[str, Any]]) -> None:
    found = pages(admin, "/v1/history", 2, order="asc", cluster_id=CLUSTER)
    assert [item for page in found for item in page] == [item for item in story if item["cluster_id"] == CLUSTER]


def test_what_comes_while_pages_are_read_disturbs_no_page(agent: Caller, admin: Caller) -> None:
    agent.tell(*(bind(f"u{number}") for number in range(6)))
    before = admin.get("/v1/history", limit=1000).json["items"]
    first = admin.get("/v1/history", limit=3).json
    agent.tell(*(bind(f"u{number}") for number in range(10, 16)))
    rest = admin.get("/v1/history", limit=1000, cursor=first["next_cursor"]).json["items"]
    assert first["items"] + rest == before


def test_the_history_of_a_binding_is_what_happened_to_it(
    agent: Caller, admin: Caller, story: list[dict[str, Any]]
) -> None:
    binding_id = next(item["binding_id"] for item in story if item["pod_uid"] == "u1")
    mine = [item for item in story if item["binding_id"] == binding_id]
    assert [item["to_state"] for item in mine] == ["verifying", "pending", "bound", "draining"]
    path = f"/v1/bindings/{binding_id}/history"
    assert agent.get(path).json == {"items": mine[::-1], "next_cursor": None}
    assert agent.get(path, order="asc").json["items"] == mine
    for order, expected in (("asc", mine), ("desc", mine[::-1])):
        found = pages(admin, path, 3, order=order)
        assert [len(page) for page in found] == [3, 1]
        assert [item for page in found for item in page] == expected


def test_the_history_of_a_binding_takes_no_filters(agent: Caller) -> None:
    binding_id = agent.tell_one(bind())["binding_id"]
    path = f"/v1/bindings/{binding_id}/history"
    for query in ({"cluster_id": CLUSTER}, {"order": "up"}, {"limit": 0}, {"cursor": "!"}):
        problem_of(agent.get(path, **query), 422, "invalid-request")
    problem_of(agent.get("/v1/bindings/b-unknown/history"), 404, "binding-not-found")


def test_a_refused_event_of_a_known_pod_is_found_by_the_pod(admin: Caller, story: list[dict[str, Any]]) -> None:
    (item,) = admin.get("/v1/history", pod_uid="u4").json["items"]
    assert (item["action"], item["reason"], item["cluster_id"]) == (
        "event-rejected",
        "target-weight-out-of-range",
        OTHER_CLUSTER,
    )


def test_history_says_who_held_an_address(agent: Caller, admin: Caller, ledger: Ledger) -> None:
    former = agent.tell_one(bind("u1", 10))
    stage.bring_to_the_cloud(ledger, former["binding_id"])
    agent.tell(bind("u2", 20, pod={"ip": "10.0.0.2"}))
    items = admin.get("/v1/history", ip="10.0.0.2", order="asc").json["items"]
    assert [(item["pod_uid"], item["to_state"], item["reason"]) for item in items] == [
        ("u1", "verifying", None),
        ("u1", "pending", None),
        ("u1", "bound", None),
        ("u1", "released", "superseded"),
        ("u2", "verifying", None),
    ]
