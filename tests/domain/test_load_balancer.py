"""What a target's name means among the listeners of a load balancer, and whom a grant covers."""

from dataclasses import replace
from typing import Any

import pytest

from app.domain.load_balancer import Grant, Listener, Rule, Slot, resolve
from app.domain.target import TargetName

TCP = Listener("lbl-tcp", "TCP", 80)
UDP = Listener("lbl-udp", "UDP", 80)
PLAIN = Listener("lbl-http", "HTTP", 8000, (Rule("loc-only", "a.example", "/"),))
WEB = Listener(
    "lbl-web",
    "HTTPS",
    443,
    (Rule("loc-root", "a.example", "/"), Rule("loc-api", "a.example", "/api"), Rule("loc-b", "b.example", "/")),
)
LISTENERS = (TCP, UDP, PLAIN, WEB)
NAME = TargetName("lb-1", 8080)


def named(**parts: Any) -> TargetName:
    """A target named by these parts."""
    return replace(NAME, **parts)


FOUND = {
    "layer 4 by id": (named(listener_id="lbl-tcp"), Slot("lbl-tcp", "")),
    "layer 4 by protocol and port": (named(protocol="UDP", listener_port=80), Slot("lbl-udp", "")),
    "layer 4 by id, whatever port is told besides": (
        named(listener_id="lbl-tcp", protocol="UDP", listener_port=1),
        Slot("lbl-tcp", ""),
    ),
    "rule by its id": (named(listener_id="lbl-web", location_id="loc-api"), Slot("lbl-web", "loc-api")),
    "rule by domain and url": (
        named(listener_id="lbl-web", domain="a.example", url="/api"),
        Slot("lbl-web", "loc-api"),
    ),
    "rule by port, domain and url": (
        named(protocol="HTTPS", listener_port=443, domain="a.example", url="/"),
        Slot("lbl-web", "loc-root"),
    ),
    "rule by a domain with one url": (named(listener_id="lbl-web", domain="b.example"), Slot("lbl-web", "loc-b")),
    "rule by a url with one domain": (named(listener_id="lbl-web", url="/api"), Slot("lbl-web", "loc-api")),
    "rule by its id, whatever url is told besides": (
        named(listener_id="lbl-web", location_id="loc-api", url="/"),
        Slot("lbl-web", "loc-api"),
    ),
}
NOT_FOUND = {
    "unknown id": named(listener_id="lbl-none"),
    "unknown port": named(protocol="TCP", listener_port=81),
    "other protocol at the port": named(protocol="TCP", listener_port=443),
    "layer 4 with a rule's id": named(listener_id="lbl-tcp", location_id="loc-root"),
    "layer 4 with a domain": named(listener_id="lbl-tcp", domain="a.example"),
    "layer 4 with a url": named(listener_id="lbl-tcp", url="/"),
    "layer 7 without a rule": named(listener_id="lbl-web"),
    "layer 7 without a rule, though it has one only": named(listener_id="lbl-http"),
    "unknown rule": named(listener_id="lbl-web", location_id="loc-none"),
    "another listener's rule": named(listener_id="lbl-http", location_id="loc-root"),
    "domain with two urls": named(listener_id="lbl-web", domain="a.example"),
    "url with two domains": named(listener_id="lbl-web", url="/"),
    "domain and url of two rules": named(listener_id="lbl-web", domain="b.example", url="/api"),
    "nothing but a port of the pod": NAME,
}


@pytest.mark.parametrize(("name", "slot"), FOUND.values(), ids=FOUND.keys())
def test_a_name_that_means_one_slot_is_resolved(name: TargetName, slot: Slot) -> None:
    assert resolve(name, LISTENERS) == slot
    assert resolve(name, LISTENERS[::-1]) == slot


@pytest.mark.parametrize("name", NOT_FOUND.values(), ids=NOT_FOUND.keys())
def test_a_name_that_means_no_single_slot_is_not_guessed(name: TargetName) -> None:
    assert resolve(name, LISTENERS) is None


def test_a_port_that_two_listeners_share_means_neither() -> None:
    twin = replace(TCP, listener_id="lbl-twin")
    assert resolve(named(protocol="TCP", listener_port=80), (TCP, twin)) is None
    assert resolve(named(listener_id="lbl-twin"), (TCP, twin)) == Slot("lbl-twin", "")


def test_without_listeners_nothing_is_resolved() -> None:
    assert resolve(named(listener_id="lbl-tcp"), ()) is None


@pytest.mark.parametrize(
    ("protocol", "layer_7"), [("HTTP", True), ("HTTPS", True), ("TCP", False), ("UDP", False), ("TCP_SSL", False)]
)
def test_targets_hang_on_rules_at_layer_7_only(protocol: str, layer_7: bool) -> None:
    assert replace(TCP, protocol=protocol).layer_7 is layer_7


@pytest.mark.parametrize(
    ("listener_ids", "covered"),
    [(("*",), True), (("lbl-tcp",), True), (("lbl-udp", "lbl-tcp"), True), (("lbl-udp",), False), ((), False)],
)
def test_a_grant_covers_all_listeners_or_those_it_names(listener_ids: tuple[str, ...], covered: bool) -> None:
    assert Grant("lb-1", "cls-1", listener_ids).covers("lbl-tcp") is covered
