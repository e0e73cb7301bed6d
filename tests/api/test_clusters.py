"""Clusters as an operator states them, and as they are shown."""

import pytest

from app.domain.cluster import Platform, Topology
from app.ledger import topologies
from app.ledger.connection import Ledger, clock
from tests.api.client import CLUSTER, Caller, agent_of, pages, person, problem_of, register_cluster
from tests.ledger.building import execute

PATH = f"/v1/clusters/{CLUSTER}"
TOPOLOGY = {
    "vpc_id": "vpc-1",
    "cluster_cidrs": ["172.16.0.0/16", "172.17.0.0/16"],
    "service_cidr": "192.168.0.0/17",
    "eni_subnet_ids": ["subnet-1"],
}


def test_a_cluster_is_201_when_new_and_200_after(admin: Caller) -> None:
    operator = person(admin, "operator")
    first = operator.put(PATH, {"region": "ap-guangzhou"})
    again = operator.put(PATH, {"region": "ap-shanghai"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json["region"] == "ap-guangzhou"
    assert operator.get(PATH).json == again.json


def test_a_cluster_is_shown_whole(admin: Caller) -> None:
    shown = admin.put(PATH, {"region": "ap-guangzhou"}).json
    created_at = shown.pop("created_at")
    assert shown.pop("updated_at") == created_at
    assert created_at.endswith("Z")
    assert shown == {
        "cluster_id": CLUSTER,
        "account_id": "default",
        "region": "ap-guangzhou",
        "verification": "strict",
        "topology": None,
        "topology_source": None,
        "topology_read_at": None,
        "topology_error": None,
        "removal_guard": {"max_share": 0.3},
        "state": "registered",
        "drain_seconds": None,
        "last_seen_at": None,
        "failing": [],
        "alarm": False,
        "trust": None,
        "trust_keys": None,
    }


def test_a_change_is_seen_in_updated_at(admin: Caller) -> None:
    first = admin.put(PATH, {"region": "ap-guangzhou"}).json
    second = admin.put(PATH, {"region": "ap-guangzhou"}).json
    assert second["created_at"] == first["created_at"]
    assert second["updated_at"] > first["updated_at"]


def test_everything_that_the_contract_names_can_be_given(admin: Caller) -> None:
    body = {
        "account_id": "other-account",
        "region": "ap-guangzhou",
        "verification": "declared",
        "topology": TOPOLOGY,
        "removal_guard": {"max_share": 0.5},
        "drain_seconds": 90,
    }
    shown = admin.put(PATH, body).json
    assert {name: shown[name] for name in body} == body
    assert shown["topology_source"] == "operator"
    assert admin.get(PATH).json == shown


def test_a_topology_that_is_stated_wins_over_the_one_found_until_it_is_taken_back(
    admin: Caller, ledger: Ledger
) -> None:
    register_cluster(admin)
    with ledger.begin() as connection:
        topologies.record(connection, CLUSTER, Topology("vpc-found"), Platform(known=True), clock(connection))
    found = admin.get(PATH).json
    assert (found["topology"]["vpc_id"], found["topology_source"]) == ("vpc-found", "cloud")
    assert found["topology_read_at"].endswith("Z")
    stated = admin.put(PATH, {"region": "ap-guangzhou", "topology": TOPOLOGY}).json
    assert (stated["topology"], stated["topology_source"]) == (TOPOLOGY, "operator")
    back = admin.put(PATH, {"region": "ap-guangzhou", "topology": None}).json
    assert (back["topology"], back["topology_source"]) == (found["topology"], "cloud")


def test_a_topology_that_could_not_be_read_says_why(admin: Caller, ledger: Ledger) -> None:
    register_cluster(admin)
    with ledger.begin() as connection:
        topologies.record_error(connection, CLUSTER, "UnauthorizedOperation")
    assert admin.get(PATH).json["topology_error"] == "UnauthorizedOperation"
    stated = admin.put(PATH, {"region": "ap-guangzhou", "topology": TOPOLOGY}).json
    assert stated["topology_error"] is None


def test_a_topology_may_be_given_in_part(admin: Caller) -> None:
    shown = admin.put(PATH, {"region": "ap-guangzhou", "topology": {"vpc_id": "vpc-1"}}).json
    assert shown["topology"] == {
        "vpc_id": "vpc-1",
        "cluster_cidrs": [],
        "service_cidr": None,
        "eni_subnet_ids": [],
    }


@pytest.mark.parametrize(
    "network",
    [
        "",
        "10.0.0.0/33",
        "10.0.0.1/16",
        "10.0.0/16",
        "fd00::/64",
        "10.0.0.0/16 ",
        "10.0.0.0/16\n",
        "a",
        None,
        5,
        [],
        True,
    ],
)
def test_what_is_no_ipv4_network_is_422(admin: Caller, network: object) -> None:
    for topology in ({"vpc_id": "vpc-1", "cluster_cidrs": [network]}, {"vpc_id": "vpc-1", "service_cidr": network}):
        if topology.get("service_cidr", "") is None:
            continue  # it may be null
        problem = problem_of(admin.put(PATH, {"region": "ap-guangzhou", "topology": topology}), 422, "invalid-request")
        assert "cidr" in problem["detail"]
    problem_of(admin.get(PATH), 404, "cluster-not-found")


@pytest.mark.parametrize(
    "topology",
    [
        {},
        {"vpc_id": None},
        {"vpc_id": "vpc 1"},
        {"vpc_id": "vpc-1\n"},
        {"vpc_id": "vpc-1", "cluster_cidrs": "172.16.0.0/16"},
        {"vpc_id": "vpc-1", "cluster_cidrs": None},
        {"vpc_id": "vpc-1", "eni_subnet_ids": ["subnet 1"]},
        {"vpc_id": "vpc-1", "cluster_cidrs": ["10.0.0.0/16"] * 201},
        {"vpc_id": "vpc-1", "colour": "red"},
        [],
        "vpc-1",
    ],
)
def test_a_topology_that_cannot_be_read_is_422(admin: Caller, topology: object) -> None:
    problem = problem_of(admin.put(PATH, {"region": "ap-guangzhou", "topology": topology}), 422, "invalid-request")
    assert problem["detail"].startswith("topology")
    assert "topology" in problem["errors"]["json"]


@pytest.mark.parametrize("share", [-0.1, 1.1, "0.3", True, None, [], {}, 10**400])
def test_a_share_is_a_number_from_0_to_1(admin: Caller, share: object) -> None:
    body = {"region": "ap-guangzhou", "removal_guard": {"max_share": share}}
    answer = admin.put(PATH, body)
    if share == 10**400:
        problem_of(answer, 400, "not-json")  # no double is as large
    else:
        assert "removal_guard.max_share" in problem_of(answer, 422, "invalid-request")["detail"]


@pytest.mark.parametrize("guard", [{"max_share": 0}, {"max_share": 1}, {"max_share": 0.25}, {}, None])
def test_a_guard_may_be_given_or_left_to_the_broker(admin: Caller, guard: dict[str, float] | None) -> None:
    shown = admin.put(PATH, {"region": "ap-guangzhou", "removal_guard": guard}).json
    assert shown["removal_guard"] == {"max_share": (guard or {}).get("max_share", 0.3)}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"region": None},
        {"region": ""},
        {"region": 5},
        {"region": "ap guangzhou"},
        {"region": "ap-guangzhou\n"},
        {"region": "ap-guangzhou", "account_id": None},
        {"region": "ap-guangzhou", "account_id": "a\x00b"},
        {"region": "ap-guangzhou", "verification": "none"},
        {"region": "ap-guangzhou", "verification": None},
        {"region": "ap-guangzhou", "verification": {}},
        {"region": "ap-guangzhou", "removal_guard": 0.3},
        {"region": "ap-guangzhou", "removal_guard": {"share": 0.3}},
        {"region": "ap-guangzhou", "cluster_id": CLUSTER},
        {"region": "ap-guangzhou", "\x00": 1},
    ],
)
def test_a_cluster_that_cannot_be_read_is_422_and_nothing_is_kept(admin: Caller, body: object) -> None:
    problem = problem_of(admin.put(PATH, body), 422, "invalid-request")
    assert problem["detail"].isprintable()
    problem_of(admin.get(PATH), 404, "cluster-not-found")


def test_a_cluster_stays_with_its_account(admin: Caller) -> None:
    register_cluster(admin, account_id="first")
    answer = admin.put(PATH, {"region": "ap-guangzhou", "account_id": "second"})
    problem_of(answer, 409, "account-mismatch")
    assert admin.get(PATH).json["account_id"] == "first"


def test_an_unknown_cluster_is_404(admin: Caller) -> None:
    assert CLUSTER in problem_of(admin.get(PATH), 404, "cluster-not-found")["detail"]


def test_clusters_are_listed_in_the_order_of_their_ids_through_all_pages(admin: Caller) -> None:
    names = [f"cls-{number:02}" for number in range(7)]
    for name in reversed(names):
        register_cluster(admin, name)
    for limit, sizes in ((3, [3, 3, 1]), (7, [7]), (1000, [7]), (1, [1] * 7)):
        found = pages(admin, "/v1/clusters", limit)
        assert [len(page) for page in found] == sizes
        assert [item["cluster_id"] for page in found for item in page] == names
    assert admin.get("/v1/clusters").json == {
        "items": [admin.get(f"/v1/clusters/{name}").json for name in names],
        "next_cursor": None,
    }


@pytest.mark.parametrize("seconds", [-1, 3601, 1.5, "30", True])
def test_a_drain_time_is_a_number_of_seconds_up_to_an_hour(admin: Caller, seconds: object) -> None:
    problem = problem_of(admin.put(PATH, {"region": "ap-guangzhou", "drain_seconds": seconds}), 422, "invalid-request")
    assert "drain_seconds" in str(problem["errors"])


def test_a_drain_time_that_is_not_stated_again_is_the_broker_s_own(admin: Caller) -> None:
    assert admin.put(PATH, {"region": "ap-guangzhou", "drain_seconds": 0}).json["drain_seconds"] == 0
    assert admin.get(PATH).json["drain_seconds"] == 0
    assert admin.put(PATH, {"region": "ap-guangzhou"}).json["drain_seconds"] is None


def test_a_cluster_says_which_work_on_it_fails_and_whether_that_is_an_alarm(admin: Caller, ledger: Ledger) -> None:
    register_cluster(admin)
    execute(ledger, "UPDATE clusters SET topology_failing_since = '2026-11-23T08:00:00Z'")
    failing = [{"work": "topology", "since": "2026-11-23T08:00:00Z"}]
    shown = admin.get(PATH).json
    assert (shown["failing"], shown["alarm"]) == (failing, False)
    execute(ledger, "UPDATE clusters SET alarmed_at = now()")
    shown = admin.get(PATH).json
    assert (shown["failing"], shown["alarm"]) == (failing, True)


def test_a_list_shows_a_hundred_when_no_limit_is_given(admin: Caller, ledger: Ledger) -> None:
    agent_less = [f"cls-{number:03}" for number in range(101)]
    for name in agent_less:
        register_cluster(admin, name)
    first = admin.get("/v1/clusters").json
    assert len(first["items"]) == 100
    assert [item["cluster_id"] for item in admin.get("/v1/clusters", cursor=first["next_cursor"]).json["items"]] == [
        "cls-100"
    ]


def test_a_cluster_whose_agent_went_silent_says_so_until_it_speaks_again(admin: Caller, ledger: Ledger) -> None:
    register_cluster(admin)
    agent = agent_of(admin)
    assert admin.get(PATH).json["state"] == "registered"
    agent.tell()
    assert admin.get(PATH).json["state"] == "active"
    execute(ledger, "UPDATE clusters SET last_seen_at = now() - interval '301 seconds'")
    assert admin.get(PATH).json["state"] == "silent"
    agent.tell()
    assert admin.get(PATH).json["state"] == "active"


def test_registering_is_recorded(admin: Caller) -> None:
    register_cluster(admin)
    (item,) = admin.get("/v1/history", cluster_id=CLUSTER).json["items"]
    assert (item["action"], item["actor"]) == ("cluster-registered", "admin:bootstrap")
    assert item["detail"] == "verification strict, region ap-guangzhou"
