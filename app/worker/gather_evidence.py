"""Gather the evidence for one look at addresses of a cluster: what the ledger knows, and what only the cloud can say.

What decides whose an address is (interfaces, the machines that they are on, routes) is asked of the cloud for each
look, once for all of its addresses. What changes slowly comes from the ledger. An answer that fails leaves the others
as they are, and says why it is missing.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TypeVar

from app.broker import record_evidence
from app.broker.known_evidence import known_policies, nodes_around
from app.broker.open_look import Look, load_again
from app.broker.take_work import keep_lease
from app.cloud.client import Client
from app.cloud.clusters import MACHINES_PER_READ, read_membership
from app.cloud.networks import ADDRESSES_PER_READ, read_interfaces, read_policies
from app.domain.cluster import NetworkMode, Verification
from app.domain.errors import CloudError
from app.ledger.leases import Lease
from app.ownership.cautions import security_groups_of
from app.ownership.evidence import Evidence, InterfaceAddress, Source
from app.planning.freshness import CONFIRMED_FOR, network_counts_since, outdated
from app.worker.read_networks import read_inventories, read_network
from app.worker.refresh_region import read_region
from app.worker.refresh_topology import read_clusters, read_topology
from app.worker.workshop import Workshop

T = TypeVar("T")

OF_THIS_LOOK = ("interfaces", "machines", "ccns", "security_groups", "problem")
"""What is not in the ledger, or not as this look has seen it."""

MOST_NEIGHBOURS = 20
"""Most clusters that are read for one look because nobody has read them yet; their own loop reads the others."""

MOST_GROUPS = 20
"""Most security groups that are read for one look: they serve warnings alone, and the rest is read for the next."""


class Gathering:
    """The evidence for one look. Raises `LeaseLost` and `LedgerUnavailable` wherever it asks."""

    def __init__(self, workshop: Workshop, lease: Lease, look: Look) -> None:
        self._workshop = workshop
        self._lease = lease
        self._look = look
        self._cluster = look.cluster
        self._known = look.known
        self._client: Client | None = None
        self.evidence: Evidence = look.known.evidence

    def gather(self) -> Evidence:
        """Everything that judging the look's subjects needs."""
        cluster = self._cluster
        self._client, problem = _answer(lambda: self._workshop.cloud_for(cluster.account_id, cluster.region))
        if self._client is None:
            self._lacks(problem)
            return self.evidence
        self._forget_outdated()
        missing = {Source.TOPOLOGY} if self.evidence.topology is None or self.evidence.platform is None else set()
        missing |= {Source.LOAD_BALANCER} if self._known.unread else set()
        missing |= {Source.REGION} if self._lacks_region() else set()
        missing |= {Source.NEIGHBOURS} if self.evidence.unread_neighbours else set()
        if missing:
            self.read_again(missing)
        self._tell_outdated()
        if self.evidence.topology is not None:
            self._read_interfaces()
            self._read_network()
            self._read_policies()
        return self.evidence

    def counts_since(self, source: Source) -> datetime:
        """From when on a reading of ``source`` confirms a refusal."""
        kept = self._known.network
        if source is not Source.NETWORK or kept is None:
            return self._look.asked_at
        return network_counts_since(self._look.asked_at, kept.calls, CONFIRMED_FOR)

    def read_again(self, sources: set[Source]) -> None:
        """Read slow evidence now, since a refusal rests on it or it is missing, and look at the ledger again."""
        if self._client is None:
            return
        reads: dict[Source, Callable[[Client], object]] = {
            Source.TOPOLOGY: partial(read_topology, self._workshop, cluster=self._cluster, between=self._keep_lease),
            Source.REGION: partial(read_region, self._workshop, cluster=self._cluster),
            Source.LOAD_BALANCER: partial(read_inventories, self._workshop, load_balancer_ids=self._load_balancers()),
            Source.NETWORK: self._network_from_cloud,
            Source.NEIGHBOURS: self._read_neighbours,
        }
        self._keep_lease()
        read = set()
        for source in sorted(sources & reads.keys()):
            _, problem = _answer(partial(reads[source], self._client))
            self._lacks(problem)
            if problem is None:
                read.add(source)
        self._cluster, self._known = load_again(
            self._workshop.ledger, self._cluster.cluster_id, list(self._look.subjects.values())
        )
        again = self._known.evidence
        times = {**self.evidence.read_at, **again.read_at} | dict.fromkeys(read, self._look.opened_at)
        nodes = tuple(dict.fromkeys([*again.nodes, *self.evidence.nodes]))
        kept = {name: getattr(self.evidence, name) for name in OF_THIS_LOOK}
        self.evidence = replace(again, nodes=nodes, read_at=times, **kept)
        self._forget_outdated()

    def _forget_outdated(self) -> None:
        """What the cloud has not confirmed for long is neither proof nor refusal; an operator's word does not age."""
        now, period = self._look.opened_at, self._workshop.periods.topology
        if outdated(self._cluster.topology_read_at, now, period):
            self.evidence = replace(self.evidence, topology=self._cluster.topology_setting, platform=None)
        if outdated(self._known.vips_read_at, now, period):
            self.evidence = replace(self.evidence, all_vips=False)

    def _tell_outdated(self) -> None:
        """Why the cluster's networks are not known, if nothing else was told."""
        if self.evidence.platform is None and self.evidence.problem is None:
            since = self._cluster.topology_read_at
            told = f"since {since.isoformat()}" if since else "yet"
            self._lacks(self._cluster.topology_error or f"the cloud has not said {told} what the cluster is")

    def _lacks_region(self) -> bool:
        """Whether it is not known how the account is billed, for GlobalRouter, or what its load balancers are."""
        billing = not self.evidence.account_type and self._addresses(NetworkMode.GLOBAL_ROUTER)
        return bool(billing) or not self.evidence.all_vips

    def _read_interfaces(self) -> None:
        """What was answered before an answer fails counts. The lease is kept however many parts there are."""
        client = self._client
        ips = self._addresses(NetworkMode.VPC_CNI)
        if client is None or not ips:
            return
        found: dict[str, tuple[InterfaceAddress, ...]] = {}
        for start in range(0, len(ips), ADDRESSES_PER_READ):
            part, problem = _answer(partial(read_interfaces, client, ips[start : start + ADDRESSES_PER_READ]))
            found |= part or {}
            if problem is not None:
                self._lacks(problem)
                break
            self._keep_lease()
        self._saw(Source.INTERFACES, interfaces=found)
        instances = {each.instance_id for addresses in found.values() for each in addresses if each.usable}
        self._read_machines(client, sorted(each for each in instances if each is not None))

    def _read_machines(self, client: Client, instance_ids: Sequence[str]) -> None:
        if not instance_ids:
            return
        cluster_id = self._cluster.cluster_id
        if len(instance_ids) > MACHINES_PER_READ and self._read_all_machines():
            self.evidence = nodes_around(self._workshop.ledger, self.evidence, instance_ids)
            mine = {node.instance_id for node in self.evidence.nodes if node.cluster_id == cluster_id}
            self._saw(Source.MACHINES, machines={each: each in mine for each in instance_ids})
            return
        members, problem = _answer(lambda: read_membership(client, cluster_id, instance_ids))
        if members is None:
            self._lacks(problem or f"the cloud knows no cluster {cluster_id}, so its machines cannot be told")
            return
        self.evidence = nodes_around(self._workshop.ledger, self.evidence, instance_ids)
        self._saw(Source.MACHINES, machines=members)

    def _read_all_machines(self) -> bool:
        """Read all of the cluster's machines, which serves the looks that follow; whether they are known now."""
        if not self._knows_machines():
            self.read_again({Source.TOPOLOGY})
        return self._knows_machines()

    def _knows_machines(self) -> bool:
        """Whether all of the cluster's machines were read since the question came."""
        read_at, platform = self._cluster.topology_read_at, self._cluster.platform
        known = platform is not None and platform.known
        return known and read_at is not None and read_at >= self._look.asked_at

    def _read_network(self) -> None:
        """The Cloud Connect Networks, when a route or another VPC's load balancer is to be judged."""
        client, kept = self._client, self._known.network
        if client is None or not self._needs_network():
            return
        most = self._workshop.periods.topology
        if kept is not None and kept.read_at >= network_counts_since(self._look.asked_at, kept.calls, most):
            self.evidence = replace(self.evidence, ccns=kept.ccns)
            return
        _, problem = _answer(partial(self._network_from_cloud, client))
        if problem is not None:
            self._lacks(problem)
            self.evidence = replace(self.evidence, ccns=None)

    def _needs_network(self) -> bool:
        if self._cluster.verification is not Verification.STRICT or self.evidence.topology is None:
            return False
        vpc_id = self.evidence.topology.vpc_id
        apart = (each for each in self.evidence.load_balancers.values() if each is not None and each.vpc_id != vpc_id)
        return bool(self._addresses(NetworkMode.GLOBAL_ROUTER)) or any(each.snat_pro for each in apart)

    def _read_neighbours(self, _client: Client) -> None:
        read_clusters(self._workshop, self.evidence.unread_neighbours[:MOST_NEIGHBOURS], self._keep_lease)

    def _network_from_cloud(self, client: Client) -> None:
        topology = self.evidence.topology
        if topology is not None:
            found = read_network(self._workshop, client, topology.vpc_id, self._look.opened_at, self._keep_lease)
            self._saw(Source.NETWORK, ccns=found)

    def _read_policies(self) -> None:
        """Security groups serve warnings alone: what is not answered is not warned about, and stops nothing."""
        client, cluster = self._client, self._cluster
        subjects = self._look.subjects.values()
        groups = {each for subject in subjects for ids in security_groups_of(subject, self.evidence) for each in ids}
        if client is None or not groups:
            return
        since = self._look.opened_at - self._workshop.periods.topology
        known = known_policies(self._workshop.ledger, cluster.account_id, groups, since)
        missing = sorted(groups - known.keys())[:MOST_GROUPS]
        answers = {group: _answer(partial(read_policies, client, group))[0] for group in missing}
        found = {group: rules for group, rules in answers.items() if rules is not None}
        if found:
            record_evidence.record_policies(self._workshop.ledger, cluster.account_id, found, self._look.opened_at)
        self.evidence = replace(self.evidence, security_groups={**known, **found})

    def _addresses(self, mode: NetworkMode) -> list[str]:
        return sorted({subject.ip for subject in self._look.subjects.values() if subject.network_mode is mode})

    def _load_balancers(self) -> list[str]:
        """Those that were never read, or all: the ones whose reading is doubted."""
        wanted = {subject.load_balancer_id for subject in self._look.subjects.values()}
        return list(self._known.unread) or sorted(each for each in wanted if each is not None)

    def _saw(self, source: Source, **found: object) -> None:
        times = {**self.evidence.read_at, source: self._look.opened_at}
        self.evidence = replace(self.evidence, read_at=times, **found)  # type: ignore[arg-type]

    def _lacks(self, problem: str | None) -> None:
        if problem is not None:
            self.evidence = replace(self.evidence, problem=problem)

    def _keep_lease(self) -> None:
        keep_lease(self._workshop.ledger, self._lease, self._workshop.periods.held_lease)


def _answer(read: Callable[[], T]) -> tuple[T | None, str | None]:
    try:
        return read(), None
    except CloudError as error:
        return None, str(error)
