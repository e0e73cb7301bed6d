"""Bindings, events and load balancers of a small shop, each differing from the usual one only in what a test names."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from app.domain.binding import LIVE, Binding, State, Verdict, Verification
from app.domain.cluster import NetworkMode
from app.domain.event import EventType, Pod, PodEvent, Service
from app.domain.load_balancer import EVERY_LISTENER, Grant, Inventory, Listener, LoadBalancer, Rule, Slot
from app.domain.target import Place, TargetName
from app.planning.known import Known
from app.planning.observed import Observed

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ACCOUNT = "default"
MINE = "cls-mine"
THEIRS = "cls-theirs"
BALANCER = "lb-1"
SHOP = Service("shop", "web")
TCP = Listener("lbl-tcp", "TCP", 80)
UDP = Listener("lbl-udp", "UDP", 53)
WEB = Listener("lbl-web", "HTTPS", 443, (Rule("loc-root", "a.example", "/"), Rule("loc-api", "a.example", "/api")))
LISTENERS = (TCP, UDP, WEB)
PROVEN = Verification(Verdict.PROVEN, "eni", NOW)
BY_ID = TargetName(BALANCER, 8080, listener_id="lbl-tcp")
BY_PORT = TargetName(BALANCER, 8080, protocol="TCP", listener_port=80)
SLOT = Slot("lbl-tcp", "")


def load_balancer(*listeners: Listener, unread: bool = False, missing: bool = False) -> LoadBalancer:
    """The shop's load balancer with ``listeners``, or with all of its own."""
    inventory = None if unread else Inventory("vpc-1", ("1.1.1.1",), listeners or LISTENERS)
    return LoadBalancer(
        account_id=ACCOUNT,
        load_balancer_id=BALANCER,
        region="ap-guangzhou",
        inventory=inventory,
        inventory_read_at=None if unread else NOW,
        missing=missing,
        wanted_generation=1,
        reconciled_generation=0,
        wanted_at=NOW,
        last_error=None,
        failures=0,
        created_at=NOW,
    )


def grant(*listener_ids: str, cluster_id: str = MINE) -> Grant:
    """A grant on the shop's load balancer: on the listeners named, or on all."""
    return Grant(BALANCER, cluster_id, listener_ids or (EVERY_LISTENER,))


def pod(uid: str = "u1", ip: str | None = "10.0.3.17") -> Pod:
    """A pod of the shop."""
    return Pod("shop", f"web-{uid}", uid, ip)


def bind(uid: str = "u1", revision: int = 10, ip: str = "10.0.3.17", **changes: Any) -> PodEvent:
    """A bind of one pod to the TCP listener."""
    usual = PodEvent(
        event_id=None,
        type=EventType.BIND,
        revision=revision,
        pod=pod(uid, ip),
        target=BY_ID,
        service=SHOP,
        network_mode=NetworkMode.VPC_CNI,
    )
    return replace(usual, **changes)


def unbind(uid: str = "u1", revision: int = 20, **changes: Any) -> PodEvent:
    """An unbind of one pod, which is gone and has no address any more."""
    usual = PodEvent(event_id=None, type=EventType.UNBIND, revision=revision, pod=pod(uid, None), target=BY_ID)
    return replace(usual, **changes)


def binding(state: State = State.BOUND, uid: str = "u1", ip: str = "10.0.3.17", **changes: Any) -> Binding:
    """A proven binding of one pod at the TCP listener, placed and holding its place as far as its state allows."""
    usual = Binding(
        binding_id=f"b-{uid}",
        account_id=ACCOUNT,
        cluster_id=MINE,
        pod=pod(uid, ip),
        ip=ip,
        target=BY_ID,
        slot=SLOT,
        service=SHOP,
        workload=None,
        network_mode=NetworkMode.VPC_CNI,
        weight=10,
        drain_seconds=None,
        revision=10,
        state=state,
        created_at=NOW,
        updated_at=NOW,
        holder=state in LIVE,
        placed=state in {State.BOUND, State.DRAINING, State.REMOVING},
        bound_at=NOW if state in {State.BOUND, State.DRAINING, State.REMOVING} else None,
        drain_until=NOW if state is State.DRAINING else None,
        verification=PROVEN,
    )
    return replace(usual, **changes)


def place(ip: str = "10.0.3.17", listener_id: str = "lbl-tcp", location_id: str = "", port: int = 8080) -> Place:
    """A backend slot of the shop's load balancer."""
    return Place(ACCOUNT, BALANCER, listener_id, location_id, ip, port)


def observed(weights: Mapping[Place, int] | None = None, listeners: Iterable[str] | None = None) -> Observed:
    """A reading of the listeners named, or of all."""
    read = {listener.listener_id for listener in LISTENERS} if listeners is None else listeners
    return Observed(frozenset(read), dict(weights or {}))


def known(**changes: Any) -> Known:
    """An empty ledger, but for the load balancer and a grant on all of it."""
    usual = Known(
        account_id=ACCOUNT,
        cluster_id=MINE,
        now=NOW,
        drain_seconds=30,
        load_balancers={BALANCER: load_balancer()},
        grants={BALANCER: grant()},
    )
    return replace(usual, **changes)
