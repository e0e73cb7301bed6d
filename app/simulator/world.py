"""The state of the simulated cloud, and how a world file describes it.

Everything has a region: the file's own, unless an item names another. A call made in another region does not see it.

A full world file; only `credentials` is required:

.. code-block:: yaml

    region: ap-guangzhou
    account_type: STANDARD                  # STANDARD = bill-by-IP, LEGACY = traditional
    parameters:                             # all of them: app/simulator/parameters.py
      batch_seconds: 0.3
      calls_per_second_by_action: {BatchRegisterTargets: 5}
    credentials:
      - {secret_id: AKIDexample, secret_key: example}
    vpcs:
      - {vpc_id: vpc-1, cidr: 10.0.0.0/16, name: shop, container_cidrs: [172.16.0.0/16], assistant_cidrs: []}
      - {vpc_id: vpc-2, cidr: 10.1.0.0/16}
    subnets:
      - {subnet_id: subnet-1, vpc_id: vpc-1, cidr: 10.0.0.0/20}
    interfaces:
      - interface_id: eni-1
        vpc_id: vpc-1
        subnet_id: subnet-1
        instance_id: ins-1                  # null: attached to nothing
        primary: true                       # its first address is the machine's own
        security_groups: [sg-1]
        addresses:
          - 10.0.3.17
          - {ip: 10.0.3.18, state: PENDING}
          - {first: 10.0.4.1, count: 600}
    ccns:
      - ccn_id: ccn-1
        attachments:
          - {vpc_id: vpc-1, state: ACTIVE}
          - {vpc_id: vpc-2, state: ACTIVE}
        routes:
          - {cidr: 10.1.0.0/16, vpc_id: vpc-2, enabled: true}
    clusters:
      - cluster_id: cls-1
        name: shop
        version: 1.30.0
        vpc_id: vpc-1
        network_type: VPC-CNI               # or GR, CiliumOverlay
        cluster_cidr: ""
        service_cidr: 192.168.0.0/17
        eni_subnet_ids: [subnet-1]
        vpc_cni: false                      # of a GR cluster: whether it has VPC-CNI besides
        nodes:
          - {instance_id: ins-1, ip: 10.0.3.17, security_groups: [sg-1]}
          - {first: 10.0.1.1, count: 200, instance_prefix: ins-pool-}   # ins-pool-1 has 10.0.1.1, and so on
    security_groups:
      - security_group_id: sg-1
        ingress: [{protocol: TCP, port: "8080", cidr: 0.0.0.0/0, action: ACCEPT}]
        egress: []
    load_balancers:
      - load_balancer_id: lb-1
        name: shop
        vpc_id: vpc-1
        type: OPEN                          # or INTERNAL
        vips: [1.2.3.4]
        snat_pro: false
        forward: 1                          # 0: a classic one
        security_groups: []
        target_quota: 200                   # otherwise the parameter's
        listeners:
          - {listener_id: lbl-1, name: web, protocol: TCP, port: 80, health_check: true,
             targets: [{ip: 10.0.3.18, port: 8080, weight: 10}]}
          - listener_id: lbl-2
            protocol: HTTP
            port: 8000
            rules: [{location_id: loc-1, domain: shop.example, url: /, targets: []}]
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from app.simulator.nouns import (
    Address,
    Ccn,
    Cluster,
    Interface,
    Listener,
    LoadBalancer,
    Rule,
    SecurityGroup,
    Subnet,
    Target,
    Vpc,
)
from app.simulator.parameters import Parameters
from app.simulator.records import Change, Log
from app.simulator.tasks import Tasks

BY_HAND = "by-hand"


class World:
    """Everything there is, by id. Whoever reads or changes it does so inside `held()`."""

    def __init__(self, region: str, account_type: str, parameters: Parameters) -> None:
        self.region = region
        self.account_type = account_type
        self.parameters = parameters
        self.credentials: dict[str, str] = {}
        self.vpcs: dict[str, Vpc] = {}
        self.subnets: dict[str, Subnet] = {}
        self.interfaces: dict[str, Interface] = {}
        self.ccns: dict[str, Ccn] = {}
        self.clusters: dict[str, Cluster] = {}
        self.security_groups: dict[str, SecurityGroup] = {}
        self.load_balancers: dict[str, LoadBalancer] = {}
        self.tasks = Tasks()
        self.changes: Log[Change] = Log(parameters.change_log_size)
        self._holders: dict[str, dict[str, Interface]] = {}
        self._lock = threading.RLock()

    @contextmanager
    def held(self) -> Iterator[None]:
        """The world, for one thread alone, with every task done that is due. Held for moments: nobody waits inside."""
        with self._lock:
            self.tasks.settle(time.monotonic())
            yield

    def add_interface(self, interface: Interface) -> None:
        """Adds an interface with its addresses."""
        self.interfaces[interface.interface_id] = interface
        for ip in interface.addresses:
            self._holders.setdefault(ip, {})[interface.interface_id] = interface

    def remove_interface(self, interface: Interface) -> None:
        """Removes an interface with its addresses."""
        for ip in list(interface.addresses):
            self.take_address(interface, ip)
        del self.interfaces[interface.interface_id]

    def give_address(self, interface: Interface, address: Address) -> None:
        """Puts an address on an interface."""
        interface.addresses[address.ip] = address
        self._holders.setdefault(address.ip, {})[interface.interface_id] = interface

    def take_address(self, interface: Interface, ip: str) -> Address:
        """Takes an address off the interface that has it."""
        self._holders[ip].pop(interface.interface_id)
        return interface.addresses.pop(ip)

    def holders(self, ip: str) -> list[Interface]:
        """The interfaces that have an address, over all VPCs: the same address may live in several."""
        return list(self._holders.get(ip, {}).values())

    def holders_like(self, part: str) -> list[Interface]:
        """The interfaces with an address whose text holds `part`, in the order in which they came."""
        ids = {interface_id for ip, holders in self._holders.items() if part in ip for interface_id in holders}
        return [each for interface_id, each in self.interfaces.items() if interface_id in ids]

    def holder(self, vpc_id: str, ip: str) -> Interface | None:
        """The interface that has an address in one VPC."""
        return next((each for each in self.holders(ip) if each.vpc_id == vpc_id), None)

    def machine_address(self, instance_id: str) -> str | None:
        """The primary address of a machine's primary interface, which is what InstanceId stands for."""
        for interface in self.interfaces.values():
            if interface.instance_id == instance_id and interface.primary:
                return next(iter(interface.addresses), None)
        clusters = (each for each in self.clusters.values() if instance_id in each.nodes)
        return next((each.nodes[instance_id].ip for each in clusters), None)

    def note(
        self,
        kind: str,
        load_balancer: LoadBalancer,
        listener: Listener,
        rule: Rule | None,
        target: Target,
        *,
        cause: str,
    ) -> None:
        """Records that a target was added or removed or got another weight; `cause` is a RequestId or BY_HAND."""
        location_id = rule.location_id if rule else None
        place = (
            load_balancer.load_balancer_id,
            listener.listener_id,
            location_id,
            target.ip,
            target.port,
            target.weight,
        )
        self.changes.append(lambda sequence: Change(sequence, time.time(), kind, *place, cause))

    def health(self, listener: Listener, target: Target, now: float) -> str:
        """A target's health at `now` (unix seconds): Alive, Dead, Unknown or Close."""
        if not listener.health_check:
            return "Close"
        if target.health:
            return target.health
        return "Alive" if now - target.registered_at >= self.parameters.health_seconds else "Unknown"
