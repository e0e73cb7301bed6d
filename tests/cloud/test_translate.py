"""Answers as values and changes as requests; whatever may be null or absent is read as empty."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.cloud import translate
from app.domain.load_balancer import Inventory, Listener, Rule
from app.domain.target import Place
from app.ownership.evidence import Vip
from app.planning.batches import MAX_RULES, batches
from app.planning.plan import Change, Kind

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def place(ip: str = "10.0.3.17", listener_id: str = "lbl-1", location_id: str = "", port: int = 8080) -> Place:
    return Place("default", "lb-1", listener_id, location_id, ip, port)


def change(kind: Kind = Kind.REGISTER, weight: int = 10, **where: Any) -> Change:
    return Change(kind, place(**where), weight, "b-1", NOW)


def test_an_inventory_has_its_listeners_and_rules_in_a_fixed_order() -> None:
    listeners = [
        {
            "ListenerId": "lbl-2",
            "Protocol": "HTTPS",
            "Port": 443,
            "Rules": [
                {"LocationId": "loc-2", "Domain": "b.example", "Url": "/"},
                {"LocationId": "loc-1", "Domain": "a.example", "Url": "/x"},
            ],
        },
        {"ListenerId": "lbl-1", "Protocol": "TCP", "Port": 80, "Rules": None},
    ]
    expected = Inventory(
        "vpc-1",
        ("1.2.3.4", "5.6.7.8"),
        (
            Listener("lbl-1", "TCP", 80),
            Listener("lbl-2", "HTTPS", 443, (Rule("loc-1", "a.example", "/x"), Rule("loc-2", "b.example", "/"))),
        ),
    )
    found = {"VpcId": "vpc-1", "LoadBalancerVips": ["1.2.3.4", "5.6.7.8"]}
    assert translate.inventory(found, listeners) == expected
    assert translate.inventory(found, listeners[::-1]) == expected


@pytest.mark.parametrize(
    "empty", [{}, {"VpcId": None, "LoadBalancerVips": None}, {"VpcId": "", "LoadBalancerVips": []}]
)
def test_an_inventory_of_nulls_is_empty(empty: dict[str, Any]) -> None:
    assert translate.inventory(empty, []) == Inventory("", (), ())


def test_a_listener_of_nulls_keeps_its_id() -> None:
    bare = {"ListenerId": "lbl-1", "Protocol": None, "Port": None, "Rules": [{"LocationId": None}]}
    found = translate.inventory({}, [bare]).listeners
    assert found == (Listener("lbl-1", "", 0, (Rule("", "", ""),)),)


@pytest.mark.parametrize(
    ("found", "internal", "snat_pro"),
    [
        ({"LoadBalancerType": "INTERNAL", "SnatPro": True}, True, True),
        ({"LoadBalancerType": "internal", "SnatPro": False}, True, False),
        ({"LoadBalancerType": "OPEN", "SnatPro": None}, False, False),
        ({"LoadBalancerType": None}, False, False),
    ],
)
def test_an_inventory_says_whose_clients_it_has_and_whether_it_reaches_beyond_its_vpc(
    found: dict[str, Any], internal: bool, snat_pro: bool
) -> None:
    assert translate.inventory(found, []) == Inventory("", (), (), internal, snat_pro)


def test_the_addresses_of_a_load_balancer_are_told_with_whose_they_are() -> None:
    found = {"LoadBalancerId": "lb-1", "VpcId": "vpc-1", "LoadBalancerVips": ["1.2.3.4", "10.0.0.9"]}
    assert translate.vips(found) == (("1.2.3.4", "10.0.0.9"), Vip("lb-1", "vpc-1"))
    assert translate.vips({"LoadBalancerId": "lb-1", "VpcId": None, "LoadBalancerVips": None}) == ((), Vip("lb-1", ""))


def target(ip: str | None = "10.0.3.17", **changes: Any) -> dict[str, Any]:
    usual = {"Type": "ENI", "Port": 8080, "Weight": 10, "PrivateIpAddresses": [ip] if ip else None}
    return usual | changes


def test_weights_are_read_at_layer_4_and_layer_7() -> None:
    listeners: list[dict[str, Any]] = [
        {"ListenerId": "lbl-1", "Rules": None, "Targets": [target(), target("10.0.3.18", Port=9090, Weight=0)]},
        {
            "ListenerId": "lbl-2",
            "Targets": None,
            "Rules": [
                {"LocationId": "loc-1", "Targets": [target(Weight=100)]},
                {"LocationId": "loc-2", "Targets": None},
            ],
        },
    ]
    assert translate.weights("default", "lb-1", listeners) == {
        place(): 10,
        place("10.0.3.18", port=9090): 0,
        place(listener_id="lbl-2", location_id="loc-1"): 100,
    }


@pytest.mark.parametrize("kind", ["ENI", "eni", "CCN", "ccn", "GLOBALROUTE", "globalroute", "CVM", "EVM", "SRV", None])
def test_a_target_is_known_by_its_address_whatever_its_type_is_called(kind: str | None) -> None:
    listeners = [{"ListenerId": "lbl-1", "Targets": [target(Type=kind)]}]
    assert translate.weights("default", "lb-1", listeners) == {place(): 10}


@pytest.mark.parametrize(
    "listener",
    [
        {"ListenerId": "lbl-1"},
        {"ListenerId": "lbl-1", "Targets": None, "Rules": None},
        {"ListenerId": "lbl-1", "Targets": [], "Rules": []},
        {"ListenerId": "lbl-1", "Targets": [target(None)]},
        {"ListenerId": "lbl-1", "Targets": [target(PrivateIpAddresses=[])]},
        {"ListenerId": "lbl-1", "Targets": [target(Port=None)]},
        {"ListenerId": "lbl-1", "Rules": [{"LocationId": "loc-1"}]},
    ],
)
def test_where_nothing_of_ours_can_be_nothing_is_found(listener: dict[str, Any]) -> None:
    assert translate.weights("default", "lb-1", [listener]) == {}


def test_of_several_addresses_the_first_counts_and_no_weight_is_zero() -> None:
    listeners = [{"ListenerId": "lbl-1", "Targets": [target(PrivateIpAddresses=["10.0.3.1", "10.0.3.2"], Weight=None)]}]
    assert translate.weights("default", "lb-1", listeners) == {place("10.0.3.1"): 0}


def test_a_registration_names_the_pod_s_address_and_its_weight() -> None:
    changes = [change(weight=0), change(ip="10.0.3.18", location_id="loc-1", listener_id="lbl-web")]
    assert translate.batch_targets(changes, weighed=True) == [
        {"ListenerId": "lbl-1", "Port": 8080, "EniIp": "10.0.3.17", "Weight": 0},
        {"ListenerId": "lbl-web", "Port": 8080, "EniIp": "10.0.3.18", "LocationId": "loc-1", "Weight": 10},
    ]


def test_a_removal_names_no_weight() -> None:
    assert translate.batch_targets([change()], weighed=False) == [
        {"ListenerId": "lbl-1", "Port": 8080, "EniIp": "10.0.3.17"}
    ]


def test_weights_are_grouped_by_listener_rule_and_weight() -> None:
    changes = [
        change(Kind.REWEIGH, 5, ip="10.0.3.1"),
        change(Kind.REWEIGH, 0, ip="10.0.3.2"),
        change(Kind.REWEIGH, 5, ip="10.0.3.3"),
        change(Kind.REWEIGH, 5, ip="10.0.3.4", listener_id="lbl-web", location_id="loc-1"),
    ]
    assert translate.weight_rules(changes) == [
        {"ListenerId": "lbl-1", "Weight": 0, "Targets": [{"EniIp": "10.0.3.2", "Port": 8080}]},
        {
            "ListenerId": "lbl-1",
            "Weight": 5,
            "Targets": [{"EniIp": "10.0.3.1", "Port": 8080}, {"EniIp": "10.0.3.3", "Port": 8080}],
        },
        {
            "ListenerId": "lbl-web",
            "Weight": 5,
            "LocationId": "loc-1",
            "Targets": [{"EniIp": "10.0.3.4", "Port": 8080}],
        },
    ]


def test_a_full_batch_of_weights_fits_into_the_largest_call_whatever_the_weights_are() -> None:
    for weights in (1, 7, 101):
        changes = [
            Change(Kind.REWEIGH, place(f"10.0.{n // 200}.{n % 200}"), n % weights, f"b-{n}", NOW) for n in range(1000)
        ]
        for batch in batches(changes):
            entries = translate.weight_rules(batch.changes)
            assert len(entries) <= MAX_RULES == 100
            assert max(len(entry["Targets"]) for entry in entries) <= 50
            assert sum(len(entry["Targets"]) for entry in entries) == len(batch.changes) <= 500
