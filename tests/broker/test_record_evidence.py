"""What the cloud said is kept for all, and what has changed makes proofs due that rest on it, and nothing else does."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from app.broker import record_evidence
from app.broker.known_evidence import known_evidence
from app.domain.cluster import Cluster, NetworkMode, Node, Platform, Topology, Verification
from app.domain.errors import LeaseLost
from app.ledger import clusters, leases, regions, topologies
from app.ledger.connection import Ledger
from app.ledger.leases import Lease, LeaseSubject
from app.ownership.evidence import Attachment, Ccn, Subject, Vip
from app.ownership.routes import Route, RouteTable
from tests.ledger.building import ACCOUNT, INVENTORY, REGION, THEN, at_once, execute, expire, furnish

MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
FOUND = Topology("vpc-1", ("172.16.0.0/16",))
PLATFORM = Platform(known=True, kubernetes_version="1.30.0", network_type="GR", vpc_cni=False)
ONE, TWO = Node("cls-a", "ins-1", "10.0.1.1"), Node("cls-a", "ins-2", "10.0.1.2")
IN, OUT = Attachment("ccn-1", "vpc-1", "ACTIVE"), Attachment("ccn-1", "vpc-9", "ACTIVE")
ROUTE = Route("ccn-1", "172.16.0.0/16", "VPC", "vpc-1", True)


@pytest.fixture
def discovered(ledger: Ledger) -> Ledger:
    """Three clusters that were read, two of them in vpc-1; none is due for anything."""
    furnish(ledger, ["cls-a", "cls-b", "cls-c"])
    execute(ledger, "UPDATE clusters SET topology_setting = NULL")
    with ledger.begin() as connection:
        for name, vpc_id in (("cls-a", "vpc-1"), ("cls-b", "vpc-1"), ("cls-c", "vpc-3")):
            topologies.record(connection, name, replace(FOUND, vpc_id=vpc_id), PLATFORM, THEN)
        topologies.replace_nodes(connection, ACCOUNT, "cls-a", [ONE, TWO])
    rest(ledger)
    return ledger


def rest(ledger: Ledger) -> None:
    """No cluster is due for anything."""
    execute(ledger, "UPDATE clusters SET reverification_due_at = now() + interval '1 day', verification_due_at = NULL")


def due(ledger: Ledger) -> list[str]:
    return execute(ledger, "SELECT cluster_id FROM clusters WHERE reverification_due_at <= now() ORDER BY 1")


def cluster_of(ledger: Ledger, cluster_id: str = "cls-a") -> Cluster:
    with ledger.begin() as connection:
        found = clusters.find(connection, cluster_id)
    assert found is not None
    return found


def record(
    ledger: Ledger,
    topology: Topology | None = FOUND,
    platform: Platform = PLATFORM,
    nodes: tuple[Node, ...] = (ONE, TWO),
    at: datetime = THEN + SECOND,
) -> None:
    record_evidence.record_topology(ledger, cluster_of(ledger), topology, platform, nodes, at)


EVERYBODY = ["cls-a", "cls-b", "cls-c"]


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        ({}, []),
        ({"topology": None}, []),
        ({"nodes": (ONE, TWO, Node("cls-a", "ins-3", "10.0.1.3"))}, []),
        ({"nodes": (ONE,)}, ["cls-a"]),
        ({"nodes": ()}, ["cls-a"]),
        ({"platform": replace(PLATFORM, kubernetes_version="1.11.0")}, ["cls-a"]),
        ({"platform": Platform(known=False), "topology": None}, ["cls-a"]),
        ({"topology": replace(FOUND, cluster_cidrs=("172.17.0.0/16",))}, EVERYBODY),
        ({"topology": replace(FOUND, service_cidr="192.168.0.0/17")}, EVERYBODY),
        ({"topology": replace(FOUND, vpc_id="vpc-2"), "nodes": ()}, EVERYBODY),
    ],
)
def test_proofs_are_looked_at_again_when_what_they_rest_on_has_changed_and_not_otherwise(
    discovered: Ledger, read: dict[str, Any], expected: list[str]
) -> None:
    record(discovered, **read)
    assert due(discovered) == expected


def test_what_was_read_first_is_no_change(ledger: Ledger) -> None:
    furnish(ledger)
    execute(ledger, "UPDATE clusters SET topology_setting = NULL")
    rest(ledger)
    record(ledger)
    assert due(ledger) == []
    kept = cluster_of(ledger)
    assert (kept.topology, kept.platform, kept.topology_read_at) == (FOUND, PLATFORM, THEN + SECOND)


def test_an_older_reading_of_a_cluster_never_overwrites_a_newer_one(discovered: Ledger) -> None:
    moved = replace(FOUND, vpc_id="vpc-2")
    record(discovered, topology=moved, nodes=(ONE,), at=THEN + MINUTE)
    rest(discovered)
    record(discovered, at=THEN + SECOND)
    kept = cluster_of(discovered)
    assert (kept.topology, kept.topology_read_at) == (moved, THEN + MINUTE)
    with discovered.begin() as connection:
        assert topologies.nodes_of(connection, "cls-a") == [ONE]
    assert due(discovered) == []


def test_what_waits_in_the_cluster_is_looked_at_when_it_was_read(discovered: Ledger) -> None:
    waiting = "SELECT cluster_id FROM clusters WHERE verification_due_at <= now()"
    record(discovered)
    assert execute(discovered, waiting) == []
    later = "UPDATE clusters SET verification_due_at = now() + interval '8 seconds', failures = 5"
    execute(discovered, later)
    record(discovered, at=THEN + MINUTE)
    assert execute(discovered, waiting) == ["cls-a"]
    assert execute(discovered, "SELECT failures FROM clusters WHERE cluster_id = 'cls-a'") == [0]


def network(ledger: Ledger, *found: Ccn, vpc_id: str = "vpc-1", at: datetime = THEN) -> None:
    record_evidence.record_network(ledger, ACCOUNT, vpc_id, {each.ccn_id: (each, 2) for each in found}, at)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([Ccn("ccn-1", (IN, OUT), RouteTable([ROUTE]))], []),
        ([Ccn("ccn-1", (OUT, IN), RouteTable([ROUTE]))], []),
        ([Ccn("ccn-1", (IN, OUT), RouteTable([replace(ROUTE, enabled=False)]))], ["cls-a", "cls-b"]),
        ([Ccn("ccn-1", (IN, OUT), RouteTable([]))], ["cls-a", "cls-b"]),
        ([Ccn("ccn-1", (replace(IN, state="PENDING"), OUT), RouteTable([ROUTE]))], ["cls-a", "cls-b"]),
        ([Ccn("ccn-1", (IN, Attachment("ccn-1", "vpc-3", "ACTIVE")), RouteTable([ROUTE]))], EVERYBODY),
        ([], ["cls-a", "cls-b"]),
    ],
)
def test_a_network_that_has_changed_concerns_the_clusters_in_its_vpcs(
    discovered: Ledger, found: list[Ccn], expected: list[str]
) -> None:
    network(discovered, Ccn("ccn-1", (IN, OUT), RouteTable([ROUTE])))
    assert due(discovered) == []
    network(discovered, *found, at=THEN + SECOND)
    assert due(discovered) == expected


def test_an_older_reading_of_a_network_is_no_change(discovered: Ledger) -> None:
    network(discovered, Ccn("ccn-1", (IN,), RouteTable([ROUTE])), at=THEN + SECOND)
    network(discovered, Ccn("ccn-1", (IN,), RouteTable([])), at=THEN)
    assert due(discovered) == []


def test_everything_else_that_is_read_makes_no_proof_due(discovered: Ledger) -> None:
    record_evidence.record_policies(discovered, ACCOUNT, {"sg-1": []}, THEN)
    record_evidence.record_account_type(discovered, ACCOUNT, REGION, "LEGACY", THEN)
    record_evidence.record_vips(discovered, ACCOUNT, REGION, {"1.2.3.4": [Vip("lb-1", "vpc-1")]}, THEN)
    record_evidence.record_inventory(discovered, "lb-1", INVENTORY)
    assert due(discovered) == []


def test_the_addresses_of_a_load_balancer_that_was_read_are_known_to_all(discovered: Ledger) -> None:
    record_evidence.record_inventory(discovered, "lb-1", replace(INVENTORY, vips=("10.0.0.9",)))
    record_evidence.record_inventory(discovered, "lb-2", None)
    subject = Subject("10.0.0.9", NetworkMode.VPC_CNI, Verification.STRICT, "lb-2")
    with discovered.begin() as connection:
        known = known_evidence(connection, cluster_of(discovered), [subject])
    assert known.evidence.vips == {"10.0.0.9": (Vip("lb-1", "vpc-1"),)}
    assert (known.evidence.load_balancers, known.unread) == ({"lb-2": None}, ())


def take(ledger: Ledger, subject: LeaseSubject) -> Lease:
    with ledger.begin() as connection:
        leases.offer(connection, ACCOUNT, LeaseSubject.REGION, REGION)
        regions.offer(connection, ACCOUNT, REGION)
        (lease,) = leases.take(connection, subject, "worker-1", MINUTE, 1)
    return lease


def test_a_cluster_that_could_not_be_read_says_why_and_is_read_again(discovered: Ledger) -> None:
    lease = take(discovered, LeaseSubject.TOPOLOGY)
    record_evidence.end_topology(discovered, lease, "the cloud is silent", MINUTE)
    kept = cluster_of(discovered, lease.subject_id)
    assert (kept.topology_error, kept.topology_read_at, kept.topology is None) == ("the cloud is silent", THEN, False)
    again = "SELECT topology_due_at > now() + interval '50 seconds' FROM clusters WHERE cluster_id = :id"
    assert execute(discovered, again, id=lease.subject_id) == [True]


@pytest.mark.parametrize("subject", [LeaseSubject.TOPOLOGY, LeaseSubject.REGION])
def test_the_holder_of_an_old_epoch_says_nothing_of_its_reading(discovered: Ledger, subject: LeaseSubject) -> None:
    old = take(discovered, subject)
    expire(discovered, old)
    end = record_evidence.end_topology if subject is LeaseSubject.TOPOLOGY else record_evidence.end_region
    tables = ("clusters", "regions", "leases")
    before = [sorted(map(str, execute(discovered, f"SELECT * FROM {table}"))) for table in tables]
    with pytest.raises(LeaseLost):
        end(discovered, replace(old, epoch=old.epoch - 1), "the cloud is silent", MINUTE)
    assert [sorted(map(str, execute(discovered, f"SELECT * FROM {table}"))) for table in tables] == before


def read_clusters(ledger: Ledger, order: int) -> None:
    for number in range(10):
        topology, at = replace(FOUND, cluster_cidrs=(f"172.{number}.0.0/16",)), THEN + (number + 1) * SECOND
        for name in EVERYBODY[::order]:
            nodes = [Node(name, f"ins-{number}", "10.0.1.1")]
            record_evidence.record_topology(ledger, cluster_of(ledger, name), topology, PLATFORM, nodes, at)


def read_networks(ledger: Ledger, _: int) -> None:
    for number in range(20):
        route = replace(ROUTE, enabled=number % 2 == 0)
        network(ledger, Ccn("ccn-1", (IN, OUT), RouteTable([route])), at=THEN + number * SECOND)


def read_balancers(ledger: Ledger, order: int) -> None:
    for number in range(10):
        vips = tuple(f"10.0.{number}.{part}" for part in range(5))
        for name in ("lb-1", "lb-2")[::order]:
            record_evidence.record_inventory(ledger, name, replace(INVENTORY, vips=vips))


def read_regions(ledger: Ledger, _: int) -> None:
    for number in range(10):
        found = {f"10.0.{number}.{part}": [Vip("lb-1", "vpc-1")] for part in range(5)}
        record_evidence.record_vips(ledger, ACCOUNT, REGION, found, THEN)


def test_workers_that_read_everything_at_once_never_wait_in_a_ring(discovered: Ledger) -> None:
    """Each change makes all clusters due; each cluster's row is taken in the order of their ids."""
    with discovered.begin() as connection:
        regions.offer(connection, ACCOUNT, REGION)
    reads = (read_clusters, read_networks, read_balancers, read_regions)
    at_once([partial(read, discovered, order) for read in reads for order in (1, -1)])
    assert execute(discovered, "SELECT DISTINCT topology_read_at FROM clusters") == [THEN + 10 * SECOND]
    assert due(discovered) == EVERYBODY
