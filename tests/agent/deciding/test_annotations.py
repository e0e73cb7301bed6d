"""What a Service's annotations wish for, and what cannot be read of them."""

import json
from dataclasses import replace
from typing import Any

import pytest

from app.agent.deciding.annotations import Wish, wish_of
from app.agent.deciding.documents import Listener, Unreadable
from app.agent.deciding.objects import (
    DRAIN_SECONDS,
    EXISTING_LOAD_BALANCER,
    GRACE_SHUTDOWN,
    LOAD_BALANCER,
    MODE,
    RULES,
    WEIGHTS,
    ObjectKey,
    ServicePort,
    Workload,
)
from tests.agent.deciding.builders import pod, service

HTTP = ServicePort("http", "TCP", 80)
HTTPS = ServicePort("https", "TCP", 443)
PORTS = [{"name": "http", "port": 80}, {"name": "https", "port": 443}]
RULE = {"protocol": "HTTPS", "listener_port": 443, "domain": "a.example", "url": "/"}
HEAVY = {
    "defaultWeight": 10,
    "groups": [
        {
            "key": {"proto": "TCP", "port": 80},
            "statefulSets": [{"name": "db", "weights": [{"weight": 0, "podIndexes": [0, 2]}]}],
        }
    ],
}


def wished(**annotations: str | None) -> Wish:
    """What the shop's Service wishes for, with these annotations of its own."""
    found = wish_of(service(annotations=annotations, ports=PORTS))
    assert found is not None
    return found


def test_without_rules_a_ports_listener_is_its_own_protocol_and_number() -> None:
    assert wished().listeners(HTTP) == (Listener("TCP", 80),)
    assert wished().listeners(ServicePort("", "SCTP", 80)) == ()


def test_a_rule_names_the_listeners_of_one_port_by_name_or_number() -> None:
    two = {"443": [RULE, RULE | {"url": "/api"}, RULE]}
    for rules, listeners in (
        ({"https": RULE}, (Listener("HTTPS", 443, "a.example", "/"),)),
        (two, (Listener("HTTPS", 443, "a.example", "/"), Listener("HTTPS", 443, "a.example", "/api"))),
        ({"https": {"protocol": "TCP_SSL", "listener_port": 8443}}, (Listener("TCP_SSL", 8443),)),
    ):
        wish = wished(**{RULES: json.dumps(rules)})
        assert wish.listeners(HTTPS) == listeners
        assert wish.listeners(HTTP) == (Listener("TCP", 80),)


@pytest.mark.parametrize(
    ("existing", "written", "found"),
    [("lb-1", "lb-2", "lb-1"), (None, "lb-2", "lb-2"), ("", "lb-2", "lb-2")],
)
def test_the_authors_word_on_the_load_balancer_comes_before_the_controllers(
    existing: str | None, written: str, found: str
) -> None:
    assert wished(**{EXISTING_LOAD_BALANCER: existing, LOAD_BALANCER: written}).load_balancer_id == found


def test_a_service_that_names_no_load_balancer_wishes_for_nothing() -> None:
    assert wish_of(service(annotations={EXISTING_LOAD_BALANCER: None})) is None


def test_the_platform_stands_aside_when_it_is_told_to() -> None:
    assert wished().platform_stands_aside
    assert not wished(**{MODE: None}).platform_stands_aside


@pytest.mark.parametrize(
    ("annotations", "seconds"),
    [
        ({}, None),
        ({GRACE_SHUTDOWN: "true"}, 45),
        ({GRACE_SHUTDOWN: "false"}, 0),
        ({DRAIN_SECONDS: "7"}, 7),
        ({DRAIN_SECONDS: "0", GRACE_SHUTDOWN: "true"}, 0),
    ],
)
def test_a_target_drains_as_long_as_is_annotated(annotations: dict[str, str | None], seconds: int | None) -> None:
    assert wished(**annotations).drain(pod(spec={"terminationGracePeriodSeconds": 45})) == seconds


def test_a_drain_is_no_longer_than_the_broker_takes() -> None:
    assert wished(**{GRACE_SHUTDOWN: "true"}).drain(replace(pod(), grace_seconds=100_000)) == 3600


@pytest.mark.parametrize(
    ("name", "kind", "port", "weight"),
    [
        ("db-0", "StatefulSet", HTTP, 0),
        ("db-1", "StatefulSet", HTTP, 10),
        ("db-2", "StatefulSet", HTTP, 0),
        ("db-0", "StatefulSet", HTTPS, 10),
        ("db-0", "Deployment", HTTP, 10),
        ("db-x", "StatefulSet", HTTP, 10),
    ],
)
def test_weights_are_those_of_the_platforms_annotation(name: str, kind: str, port: ServicePort, weight: int) -> None:
    one = replace(pod(), key=ObjectKey("shop", name), workload=Workload(kind, "db"))
    assert wished(**{WEIGHTS: json.dumps(HEAVY)}).weight(port, one) == weight
    assert wished().weight(port, one) is None


def heavy(**changes: Any) -> str:
    """The documented weights with one group changed."""
    return json.dumps(HEAVY | {"groups": [HEAVY["groups"][0] | changes]})  # type: ignore[index, operator]


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        (EXISTING_LOAD_BALANCER, "lb 1", "lb 1 is not the id"),
        (EXISTING_LOAD_BALANCER, "lb-1\n", r"lb-1\\n is not the id"),
        (DRAIN_SECONDS, "3601", "0 to 3600"),
        (DRAIN_SECONDS, "-1", "0 to 3600"),
        (DRAIN_SECONDS, "٣", "0 to 3600"),
        (GRACE_SHUTDOWN, "yes", 'neither "true" nor "false"'),
        (RULES, "", "not JSON"),
        (RULES, "[]", "not a JSON object"),
        (RULES, "[" * 100_000, "nested too deeply"),
        (RULES, '{"http": {}, "http": {}}', "http: given more than once"),
        (RULES, '{"smtp": ' + json.dumps(RULE) + "}", "smtp is neither the name nor the number"),
        (RULES, '{"https": []}', "https: no listener"),
        (RULES, '{"https": 1}', "https: not a JSON object"),
        (RULES, json.dumps({"https": RULE | {"weight": 1}}), "unknown field weight"),
        (RULES, json.dumps({"https": RULE | {"protocol": "https"}}), "https.protocol: not one of"),
        (RULES, json.dumps({"https": RULE | {"protocol": ["HTTPS"]}}), "https.protocol: not one of"),
        (RULES, json.dumps({"https": RULE | {"listener_port": True}}), "https.listener_port: not a whole number"),
        (RULES, json.dumps({"https": RULE | {"listener_port": 65536}}), "1 to 65535"),
        (RULES, json.dumps({"https": RULE | {"domain": "a" * 81}}), "https.domain: not a text of 1 to 80"),
        (RULES, json.dumps({"https": RULE | {"url": "/\ud800"}}), "https.url: not a text"),
        (RULES, '{"https": {"protocol": "HTTPS", "listener_port": 443}}', "needs a domain or url"),
        (RULES, json.dumps({"https": RULE | {"protocol": "TCP"}}), "has no domain and no url"),
        (WEIGHTS, "10", "not a JSON object"),
        (WEIGHTS, '{"defaultWeight": 101}', "0 to 100"),
        (WEIGHTS, '{"defaultWeight": 1e1}', "0 to 100"),
        (WEIGHTS, '{"weight": 1}', "unknown field weight"),
        (WEIGHTS, '{"groups": {}}', "groups: not a JSON list"),
        (WEIGHTS, heavy(key={"proto": "TCP"}), r"groups\[0\].key.port"),
        (WEIGHTS, heavy(key={"proto": "tcp", "port": 80}), r"groups\[0\].key.proto"),
        (WEIGHTS, heavy(statefulSets=[{"name": "db", "weights": [{"weight": 1}]}]), "podIndexes: not a JSON list"),
        (WEIGHTS, heavy(statefulSets=[{"name": "", "weights": []}]), r"statefulSets\[0\].name"),
        (WEIGHTS, heavy(deployments=[]), "unknown field deployments"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name_and_place(name: str, text: str, why: str) -> None:
    with pytest.raises(Unreadable, match=f"{name}: .*{why}"):
        wished(**{name: text})
