"""What should be bound for one Service, and what is wrong with it."""

from typing import Any

import pytest

from app.agent.deciding.membership import Obstacle
from app.agent.deciding.network import Network, NetworkMode
from app.agent.deciding.objects import (
    DIRECT_ACCESS,
    EXISTING_LOAD_BALANCER,
    LOAD_BALANCER,
    MODE,
    RULES,
    ObjectKey,
    Workload,
)
from app.agent.deciding.problems import Reason
from app.agent.deciding.reading import Raw
from app.agent.deciding.targets import ServiceDecision, TargetName, gone
from tests.agent.deciding.builders import (
    BORN,
    CNI,
    ROUTED,
    TARGET,
    WEB,
    decided,
    raw_pod,
    raw_service,
    raw_slice,
    rules,
    wanted,
)

HTTPS = {"protocol": "HTTPS", "listener_port": 443, "domain": "a.example"}


def bound(decision: ServiceDecision) -> list[tuple[str, TargetName]]:
    """Which pods are wanted where."""
    return [(want.pod_uid, want.target) for want in decision.wanted]


def problems(decision: ServiceDecision) -> list[tuple[str, Reason]]:
    """The objects that something is wrong with, and what."""
    return [(str(problem.about.key), problem.reason) for problem in decision.problems]


def test_from_the_direct_access_annotation_to_a_wanted_target() -> None:
    decision = decided(pods=(raw_pod(),))
    assert decision.wanted == (wanted(workload=Workload("Deployment", "web"), weight=None),)
    assert decision.wanted[0].revision == 12
    assert (decision.wanted[0].service_born, decision.wanted[0].pod_born) == (BORN, BORN)
    assert decision.problems == ()


@pytest.mark.parametrize("network", [CNI, ROUTED])
def test_pods_of_both_network_modes_are_bound(network: Network) -> None:
    pods = (raw_pod("u1", "172.16.3.4"), raw_pod("u2", "10.0.3.18"))
    modes = {want.pod_uid: want.network_mode for want in decided(pods=pods, network=network).wanted}
    first = NetworkMode.GLOBAL_ROUTER if network is ROUTED else NetworkMode.VPC_CNI
    assert modes == {"u1": first, "u2": NetworkMode.VPC_CNI}


NOT_READY = {"conditions": [{"type": "ContainersReady", "status": "False"}]}
GATES = [{"conditionType": "example.com/warm"}]


@pytest.mark.parametrize(
    ("changes", "obstacle"),
    [
        ({"meta": {"deletionTimestamp": BORN}}, Obstacle.TERMINATING),
        ({"spec": {"hostNetwork": True}}, Obstacle.HOST_NETWORK),
        ({"status": {"phase": "Pending"}}, Obstacle.NOT_RUNNING),
        ({"status": {"phase": "Succeeded"}}, Obstacle.NOT_RUNNING),
        ({"ip": None}, Obstacle.NO_ADDRESS),
        ({"status": NOT_READY}, Obstacle.NOT_READY),
        ({"status": {"conditions": []}}, Obstacle.NOT_READY),
        ({"spec": {"readinessGates": GATES}}, Obstacle.NOT_READY),
    ],
)
def test_a_pod_with_an_obstacle_is_not_wanted_but_would_have_its_target(changes: Any, obstacle: Obstacle) -> None:
    decision = decided(pods=(raw_pod("u0", "10.0.3.16"), raw_pod(**changes)))
    assert bound(decision) == [("u0", TARGET)]
    assert (decision.members["u1"].obstacle, decision.members["u1"].targets) == (obstacle, (TARGET,))


def test_where_addresses_are_published_unready_readiness_is_not_asked_for() -> None:
    raw = raw_service(publishNotReadyAddresses=True)
    unready = raw_pod("u1", status=NOT_READY)
    leaving = raw_pod("u2", "10.0.3.18", meta={"deletionTimestamp": BORN})
    assert bound(decided(raw, (unready, leaving))) == [("u1", TARGET)]


def test_an_endpoint_that_terminates_and_still_serves_is_not_wanted() -> None:
    leaving = raw_pod(meta={"deletionTimestamp": BORN})
    found = raw_slice(leaving)
    found["endpoints"][0]["conditions"] = {"ready": False, "serving": True, "terminating": True}
    assert bound(decided(pods=(leaving,), slices=(found,))) == []


def test_several_ports_have_their_targets_and_named_ones_those_of_each_pod() -> None:
    ports = [
        {"name": "http", "port": 80, "targetPort": "web"},
        {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 5353},
    ]
    old, new = raw_pod("u1"), raw_pod("u2", "10.0.3.18")
    dns = {"name": "dns", "protocol": "UDP", "port": 5353}
    slices = (
        raw_slice(old, name="web-1", ports=[{"name": "http", "protocol": "TCP", "port": 8080}, dns]),
        raw_slice(new, name="web-2", ports=[{"name": "http", "protocol": "TCP", "port": 9090}, dns]),
    )
    assert bound(decided(raw_service(ports=ports), (old, new), slices)) == [
        ("u1", TargetName("lb-1", "TCP", 80, 8080)),
        ("u1", TargetName("lb-1", "UDP", 53, 5353)),
        ("u2", TargetName("lb-1", "TCP", 80, 9090)),
        ("u2", TargetName("lb-1", "UDP", 53, 5353)),
    ]


def test_ports_of_other_protocols_or_without_a_number_are_no_targets() -> None:
    ports = [{"name": "", "protocol": "UDP", "port": 8080}, {"name": "", "protocol": "TCP", "port": None}]
    assert bound(decided(pods=(raw_pod(),), slices=(raw_slice(raw_pod(), ports=ports),))) == []


def test_layer_7_rules_are_named_by_the_annotation_and_a_target_named_twice_is_one() -> None:
    raw = raw_service(
        annotations={RULES: rules(**{"80": [HTTPS | {"url": "/"}, HTTPS | {"url": "/api"}, HTTPS | {"url": "/"}]})}
    )
    assert bound(decided(raw, (raw_pod(),))) == [
        ("u1", TargetName("lb-1", "HTTPS", 443, 8080, "a.example", "/")),
        ("u1", TargetName("lb-1", "HTTPS", 443, 8080, "a.example", "/api")),
    ]


def test_a_revision_is_the_greatest_that_the_word_rests_on() -> None:
    pods = (raw_pod("u1", revision=30), raw_pod("u2", "10.0.3.18", revision=5))
    slices = (raw_slice(pods[0], name="a", revision=7), raw_slice(pods[1], name="b", revision=20))
    decision = decided(raw_service(revision=10), pods, slices, revision=25)
    assert {want.pod_uid: want.revision for want in decision.wanted} == {"u1": 30, "u2": 20}
    assert decision.revision == 30
    assert decided(raw_service(revision=10), revision=25).revision == 25
    assert gone(WEB, 40).revision == 40


def test_a_pod_that_does_not_exist_or_is_another_one_by_now_is_no_member() -> None:
    named = raw_slice(raw_pod("u1"), raw_pod("u2", "10.0.3.18"))
    successor = raw_pod("u3", meta={"name": "web-u1"})
    assert decided(pods=(successor,), slices=(named,)).members == {}


def test_a_pod_in_two_slices_is_one_member() -> None:
    one = raw_pod()
    decision = decided(pods=(one,), slices=(raw_slice(one, name="a"), raw_slice(one, name="b", revision=50)))
    assert [(want.pod_uid, want.revision) for want in decision.wanted] == [("u1", 50)]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (raw_service(annotations={DIRECT_ACCESS: None}), []),
        (raw_service(annotations={EXISTING_LOAD_BALANCER: None}), [("shop/web", Reason.LOAD_BALANCER_MISSING)]),
        (raw_service(selector=None), [("shop/web", Reason.NO_SELECTOR)]),
    ],
)
def test_a_service_that_asks_for_nothing_gets_nothing(raw: Raw, expected: list[Any]) -> None:
    decision = decided(raw, (raw_pod(),))
    assert (decision.wanted, decision.readable, problems(decision)) == ((), True, expected)


def test_a_broken_annotation_leaves_open_what_is_wanted_and_shows_what_stands_against_it() -> None:
    decision = decided(raw_service(annotations={RULES: "{"}), (raw_pod("u1"), raw_pod("u2", None)))
    assert (decision.readable, decision.wanted) == (False, ())
    assert {uid: member.obstacle for uid, member in decision.members.items()} == {"u1": None, "u2": Obstacle.NO_ADDRESS}
    (problem,) = decision.problems
    assert problem.reason is Reason.INVALID_ANNOTATION
    assert problem.message.startswith("clb-broker.io/rules: not JSON")


def test_the_controllers_own_annotation_names_the_load_balancer_too() -> None:
    raw = raw_service(annotations={EXISTING_LOAD_BALANCER: None, LOAD_BALANCER: "lb-9"})
    assert [target.load_balancer_id for _, target in bound(decided(raw, (raw_pod(),)))] == ["lb-9"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"spec": {"hostNetwork": True}}, Reason.HOST_NETWORK_SKIPPED),
        ({"ip": None}, Reason.NO_IPV4_ADDRESS),
    ],
)
def test_a_pod_that_cannot_be_bound_says_so_and_disturbs_no_other(changes: Any, reason: Reason) -> None:
    decision = decided(pods=(raw_pod("u0", "10.0.3.16"), raw_pod(**changes)))
    assert bound(decision) == [("u0", TARGET)]
    assert problems(decision) == [("shop/web-u1", reason)]


def test_a_pod_whose_network_mode_nothing_says_is_not_bound_and_says_so() -> None:
    decision = decided(pods=(raw_pod(),), network=Network())
    assert (bound(decision), problems(decision)) == ([], [("shop/web-u1", Reason.NETWORK_MODE_UNKNOWN)])


def test_what_is_only_waiting_is_no_problem() -> None:
    pods = (raw_pod("u1", status=NOT_READY), raw_pod("u2", None, status={"phase": "Pending"}))
    assert decided(pods=pods).problems == ()


def test_of_dual_stack_slices_only_ipv4_ones_are_used() -> None:
    both = raw_pod("u1", status={"podIPs": [{"ip": "fd00::1"}, {"ip": "10.0.3.17"}]})
    only_6 = raw_pod("u2", None, status={"podIPs": [{"ip": "fd00::2"}]})
    slices = (raw_slice(both, name="four"), raw_slice(both, only_6, name="six", addressType="IPv6"))
    decision = decided(raw_service(ipFamilies=["IPv4", "IPv6"]), (both, only_6), slices)
    assert [(want.pod_uid, want.ip) for want in decision.wanted] == [("u1", "10.0.3.17")]
    assert problems(decision) == [("shop/web-u2", Reason.NO_IPV4_ADDRESS)]


def test_an_ipv6_only_service_says_so() -> None:
    only_6 = raw_pod("u1", None, status={"podIPs": [{"ip": "fd00::2"}]})
    decision = decided(raw_service(ipFamilies=["IPv6"]), (only_6,), (raw_slice(only_6, addressType="IPv6"),))
    assert (bound(decision), problems(decision)) == ([], [("shop/web", Reason.NO_IPV4_ADDRESS)])


def test_endpoints_that_name_no_pod_are_said_and_the_others_bound() -> None:
    found = raw_slice(raw_pod())
    found["endpoints"] += [{"addresses": ["10.9.9.9"]}]
    decision = decided(pods=(raw_pod(),), slices=(found,))
    assert (bound(decision), problems(decision)) == ([("u1", TARGET)], [("shop/web", Reason.ENDPOINT_WITHOUT_POD)])


def test_a_protocol_that_no_listener_has_is_said_and_the_other_ports_bound() -> None:
    ports = [{"name": "a", "port": 80}, {"name": "b", "port": 81, "protocol": "SCTP"}]
    offered = [{"name": "a", "protocol": "TCP", "port": 8080}, {"name": "b", "protocol": "SCTP", "port": 8081}]
    decision = decided(raw_service(ports=ports), (raw_pod(),), (raw_slice(raw_pod(), ports=offered),))
    assert (bound(decision), problems(decision)) == ([("u1", TARGET)], [("shop/web", Reason.UNKNOWN_LISTENER)])


def test_where_the_platforms_controller_does_not_stand_aside_that_is_said_and_pods_are_bound() -> None:
    decision = decided(raw_service(annotations={MODE: None}), (raw_pod(),))
    assert (bound(decision), problems(decision)) == (
        [("u1", TARGET)],
        [("shop/web", Reason.PLATFORM_CONTROLLER_ACTIVE)],
    )


@pytest.mark.parametrize(
    ("ip", "direct_access", "said"),
    [
        ("172.16.3.4", False, [("shop/web", Reason.GLOBAL_ROUTE_DIRECT_ACCESS_MISSING)]),
        ("172.16.3.4", True, []),
        ("172.16.3.4", None, []),
        ("10.0.3.17", False, []),
    ],
)
def test_the_prerequisite_of_global_router_pods_is_checked(
    ip: str, direct_access: bool | None, said: list[Any]
) -> None:
    network = Network(ROUTED.cluster_cidrs, None, direct_access)
    decision = decided(pods=(raw_pod(ip=ip),), network=network)
    assert (len(decision.wanted), problems(decision)) == (1, said)


def test_a_problem_names_the_object_that_it_is_about() -> None:
    (problem,) = decided(pods=(raw_pod(spec={"hostNetwork": True, "readinessGates": []}),)).problems
    assert (problem.about.kind, problem.about.key, problem.about.uid) == ("Pod", ObjectKey("shop", "web-u1"), "u1")
