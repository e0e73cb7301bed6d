"""What tests put into a ledger: clusters and load balancers with their rows, bindings, events, and threads at it."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import text

from app.broker.receive_pod_events import Received
from app.domain.binding import Binding, State, Verdict, Verification
from app.domain.cluster import NetworkMode, Topology
from app.domain.cluster import Verification as Way
from app.domain.event import EventType, Pod, PodEvent, Service, Workload
from app.domain.load_balancer import EVERY_LISTENER, Inventory, Listener, Rule, Slot
from app.domain.target import TargetName
from app.ledger import bindings, clusters, grants, leases, load_balancers
from app.ledger.connection import Connection, Ledger
from app.ledger.leases import Lease, LeaseSubject

ACCOUNT = "default"
REGION = "ap-guangzhou"
THEN = datetime(2026, 11, 23, 8, tzinfo=UTC)
TOPOLOGY = Topology("vpc-1", ("172.16.0.0/16",), "192.168.0.0/17", ("subnet-1",))
LISTENERS = (
    Listener("lbl-1", "TCP", 80),
    Listener("lbl-2", "TCP", 81),
    Listener("lbl-web", "HTTP", 8000, (Rule("loc-1", "shop.example", "/"), Rule("loc-2", "shop.example", "/cart"))),
)
INVENTORY = Inventory("vpc-1", ("1.2.3.4",), LISTENERS)


def furnish(
    ledger: Ledger,
    cluster_ids: Sequence[str] = ("cls-a", "cls-b"),
    load_balancer_ids: Sequence[str] = ("lb-1", "lb-2"),
    inventory: Inventory | None = INVENTORY,
) -> None:
    """Register clusters and load balancers, and grant each of the ones everything on each of the others."""
    with ledger.begin() as connection:
        for cluster_id in cluster_ids:
            clusters.put(
                connection,
                account_id=ACCOUNT,
                cluster_id=cluster_id,
                region=REGION,
                verification=Way.STRICT,
                topology=TOPOLOGY,
                max_removal_share=0.3,
            )
            for subject in (LeaseSubject.VERIFICATION, LeaseSubject.REVERIFICATION, LeaseSubject.TOPOLOGY):
                leases.offer(connection, ACCOUNT, subject, cluster_id)
        for load_balancer_id in load_balancer_ids:
            load_balancers.put(connection, ACCOUNT, load_balancer_id, REGION)
            leases.offer(connection, ACCOUNT, LeaseSubject.LOAD_BALANCER, load_balancer_id)
            if inventory is not None:
                load_balancers.record_inventory(connection, load_balancer_id, inventory)
            for cluster_id in cluster_ids:
                grants.put(connection, ACCOUNT, load_balancer_id, cluster_id, [EVERY_LISTENER])


def a_binding(binding_id: str = "b-1", state: State = State.PENDING, /, **changes: Any) -> Binding:
    """A binding of pod u-1 of cls-a on listener lbl-1 of lb-1, which differs in ``changes`` alone."""
    usual = Binding(
        binding_id=binding_id,
        account_id=ACCOUNT,
        cluster_id="cls-a",
        pod=Pod("shop", "web-1", "u-1", "10.0.3.17", "10.0.1.5"),
        ip="10.0.3.17",
        target=TargetName("lb-1", 8080, listener_id="lbl-1"),
        slot=Slot("lbl-1", ""),
        service=Service("shop", "web"),
        workload=Workload("Deployment", "web"),
        network_mode=NetworkMode.VPC_CNI,
        weight=10,
        drain_seconds=None,
        revision=100,
        state=state,
        created_at=THEN,
        updated_at=THEN,
        verification=Verification(Verdict.PROVEN, "eni", THEN, {"checks": []}, ("loopback-possible",)),
    )
    return replace(usual, **changes)


def keep(ledger: Ledger, *made: Binding) -> None:
    """Write new bindings, all of them heard of by their clusters."""
    with ledger.begin() as connection:
        bindings.write(connection, list(made), [], {binding.binding_id for binding in made})


def a_bind(uid: str = "u-1", revision: int = 100, ip: str = "10.0.3.17", **changes: Any) -> PodEvent:
    """A bind of one pod to listener lbl-1 of lb-1; its event_id tells pod, type and revision apart."""
    usual = PodEvent(
        event_id=f"{uid}-bind-{revision}",
        type=EventType.BIND,
        revision=revision,
        pod=Pod("shop", f"web-{uid}", uid, ip, "10.0.1.5"),
        target=TargetName("lb-1", 8080, listener_id="lbl-1"),
        service=Service("shop", "web"),
        workload=Workload("Deployment", "web"),
        network_mode=NetworkMode.VPC_CNI,
        weight=10,
    )
    return replace(usual, **changes)


def an_unbind(uid: str = "u-1", revision: int = 200, ip: str = "10.0.3.17", **changes: Any) -> PodEvent:
    """The unbind of `a_bind`."""
    event = a_bind(uid, revision, ip, event_id=f"{uid}-unbind-{revision}", type=EventType.UNBIND, network_mode=None)
    return replace(event, **changes)


def received(*events: PodEvent) -> list[Received]:
    """Events as the API hands them over; the digest is of everything in them."""
    return [Received(event, repr(event), {"event_id": event.event_id}) for event in events]


def at_once(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """Make all calls at the same moment, each in a thread of its own; what they return, in their order.

    The first exception of any of them is raised, when all have ended.
    """
    start = threading.Barrier(len(calls))
    results: list[Any] = [None] * len(calls)
    failures: list[BaseException] = []

    def run(index: int, call: Callable[[], Any]) -> None:
        try:
            start.wait(60)
            results[index] = call()
        except BaseException as error:  # noqa: BLE001 (handed on below)
            failures.append(error)

    threads = [threading.Thread(target=run, args=each) for each in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads), "a call did not end"
    if failures:
        raise failures[0]
    return results


def wait_until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait until ``condition`` holds; fail when it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


def execute(ledger: Ledger, statement: str, **parameters: Any) -> list[Any]:
    """Run one statement, as an operator would at the database; its rows, or the single values where rows have one."""
    with ledger.begin() as connection:
        connection.execute(text("SET LOCAL ROLE NONE"))  # the one who logged in, who may do all
        result = connection.execute(text(statement), parameters)
        rows = result.all() if result.returns_rows else []
    return [row[0] if len(row) == 1 else tuple(row) for row in rows]


def in_one(ledger: Ledger, *steps: Callable[[Connection], object]) -> None:
    """Take all steps in one transaction."""
    with ledger.begin() as connection:
        for step in steps:
            step(connection)


def fail(_: Connection) -> None:
    """A step that fails."""
    raise ZeroDivisionError


def expire(ledger: Ledger, lease: Lease) -> None:
    """Let the time of a lease run out."""
    past = "UPDATE leases SET expires_at = clock_timestamp() - interval '1 second'"
    execute(ledger, f"{past} WHERE subject = :subject AND subject_id = :id", subject=lease.subject, id=lease.subject_id)


def waiting_for_locks(ledger: Ledger) -> int:
    """How many transactions of this database wait for another one's lock."""
    statement = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    count: int = execute(ledger, statement)[0]
    return count
