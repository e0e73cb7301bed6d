"""The world of each size, and the pods' events: VPC-CNI clusters of one VPC that share its load balancers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Final

from benchmarks.bound import Workload

SECRET_ID: Final = "AKIDbench"
SECRET_KEY: Final = "bench-secret"
REGION: Final = "ap-guangzhou"
PODS_PER_NODE: Final = 50
LISTENERS: Final = 2
CLUSTERS_PER_LOAD_BALANCER: Final = 2
PORT: Final = 8080


@dataclass(frozen=True, slots=True)
class Size:
    """How much is to be bound. The pods are spread evenly; a load balancer serves two clusters, if there are two."""

    name: str
    binds: int
    load_balancers: int
    clusters: int


SMALL: Final = Size("small", binds=2_000, load_balancers=40, clusters=4)
FULL: Final = Size("full", binds=10_000, load_balancers=200, clusters=4)
SIZES: Final = {size.name: size for size in (SMALL, FULL)}


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod that wants one target."""

    cluster_id: str
    number: int
    ip: str
    load_balancer_id: str
    listener_id: str


def pods(size: Size) -> list[Pod]:
    """All pods, load balancer by load balancer: as agents report them, Service by Service."""
    taken = [0] * size.clusters
    return [_pod(size, load_balancer, number, taken) for load_balancer, number in _places(size)]


def neighbours(size: Size, load_balancers: int) -> tuple[Size, list[Pod], list[Pod]]:
    """A noisy cluster and a quiet one, none of whose load balancers is the other's: the world's size, and their pods.

    The noisy one has the pods and load balancers of ``size``; the quiet one as many pods, over so many load balancers,
    one of each in turn.
    """
    world_size = Size("neighbours", 2 * size.binds, size.load_balancers + load_balancers, 2)
    share = -(-size.binds // size.load_balancers)
    noisy = [_pod_on(0, number, number // share) for number in range(size.binds)]
    quiet = [_pod_on(1, number, size.load_balancers + number % load_balancers) for number in range(size.binds)]
    return world_size, noisy, quiet


def interleaved(ordered: Sequence[Pod]) -> list[Pod]:
    """The same pods in the worst order: one of each load balancer in turn."""
    by_load_balancer: dict[str, list[Pod]] = {}
    for pod in ordered:
        by_load_balancer.setdefault(pod.load_balancer_id, []).append(pod)
    return [pod for turn in zip_longest(*by_load_balancer.values()) for pod in turn if pod is not None]


def workload(ordered: Sequence[Pod]) -> Workload:
    """What has to be done for them."""
    return Workload(
        list(_counts(pod.load_balancer_id for pod in ordered).values()),
        list(_counts(pod.cluster_id for pod in ordered).values()),
    )


def event(pod: Pod) -> dict[str, Any]:
    """The pod's bind as its agent sends it."""
    name = f"pod-{pod.number}"
    return {
        "event_id": f"bind-{pod.number}",
        "type": "bind",
        "revision": 1,
        "observed_at": "2026-11-23T08:00:00Z",
        "pod": {"namespace": "bench", "name": name, "uid": f"{pod.cluster_id}-{name}", "ip": pod.ip, "node": "n"},
        "workload": {"kind": "Deployment", "name": pod.load_balancer_id},
        "service": {"namespace": "bench", "name": pod.load_balancer_id},
        "network_mode": "vpc-cni",
        "target": {
            "load_balancer_id": pod.load_balancer_id,
            "listener_id": pod.listener_id,
            "location_id": None,
            "port": PORT,
            "weight": 10,
        },
    }


def world(size: Size) -> dict[str, Any]:
    """The world file of a size, with the simulator's own latencies."""
    nodes = -(-size.binds // (size.clusters * PODS_PER_NODE)) + 1
    return {
        "region": REGION,
        "credentials": [{"secret_id": SECRET_ID, "secret_key": SECRET_KEY}],
        "vpcs": [{"vpc_id": "vpc-1", "cidr": "10.0.0.0/8"}],
        "subnets": [
            {"subnet_id": f"subnet-{cluster}", "vpc_id": "vpc-1", "cidr": f"10.{cluster}.0.0/16"}
            for cluster in range(size.clusters)
        ],
        "interfaces": [_interface(cluster, node) for cluster in range(size.clusters) for node in range(nodes)],
        "clusters": [_cluster(cluster, nodes) for cluster in range(size.clusters)],
        "load_balancers": [_load_balancer(number) for number in range(size.load_balancers)],
    }


def cluster_ids(size: Size) -> list[str]:
    """All clusters."""
    return [f"cls-{cluster}" for cluster in range(size.clusters)]


def load_balancer_ids(size: Size) -> list[str]:
    """All load balancers."""
    return [f"lb-{number}" for number in range(size.load_balancers)]


def _places(size: Size) -> Iterator[tuple[int, int]]:
    for load_balancer in range(size.load_balancers):
        share, rest = divmod(size.binds, size.load_balancers)
        for number in range(share + (load_balancer < rest)):
            yield load_balancer, number


def _pod(size: Size, load_balancer: int, number: int, taken: list[int]) -> Pod:
    share = -(-size.binds // size.load_balancers)
    cluster = (load_balancer + number * CLUSTERS_PER_LOAD_BALANCER // share) % size.clusters
    index = taken[cluster]
    taken[cluster] += 1
    listener_id = f"lbl-{load_balancer}-{number % LISTENERS}"
    return Pod(f"cls-{cluster}", index, _address(cluster, index), f"lb-{load_balancer}", listener_id)


def _pod_on(cluster: int, number: int, load_balancer: int) -> Pod:
    listener_id = f"lbl-{load_balancer}-{number % LISTENERS}"
    return Pod(f"cls-{cluster}", number, _address(cluster, number), f"lb-{load_balancer}", listener_id)


def _address(cluster: int, index: int) -> str:
    return f"10.{cluster}.{index // PODS_PER_NODE + 1}.{index % PODS_PER_NODE + 1}"


def _counts(names: Iterator[str]) -> Mapping[str, int]:
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return counts


def _interface(cluster: int, node: int) -> dict[str, Any]:
    return {
        "interface_id": f"eni-{cluster}-{node}",
        "vpc_id": "vpc-1",
        "subnet_id": f"subnet-{cluster}",
        "instance_id": f"ins-{cluster}-{node}",
        "addresses": [{"first": f"10.{cluster}.{node + 1}.1", "count": PODS_PER_NODE}],
    }


def _cluster(cluster: int, nodes: int) -> dict[str, Any]:
    return {
        "cluster_id": f"cls-{cluster}",
        "name": f"bench {cluster}",
        "version": "1.30.0",
        "vpc_id": "vpc-1",
        "network_type": "VPC-CNI",
        "eni_subnet_ids": [f"subnet-{cluster}"],
        "nodes": [
            {"instance_id": f"ins-{cluster}-{node}", "ip": f"10.{cluster}.255.{node + 1}"} for node in range(nodes)
        ],
    }


def _load_balancer(number: int) -> dict[str, Any]:
    listeners = [
        {"listener_id": f"lbl-{number}-{each}", "protocol": "TCP", "port": 80 + each} for each in range(LISTENERS)
    ]
    vip = f"198.18.{number // 250}.{number % 250 + 1}"
    return {"load_balancer_id": f"lb-{number}", "vpc_id": "vpc-1", "vips": [vip], "listeners": listeners}
