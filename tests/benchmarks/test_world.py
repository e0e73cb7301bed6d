"""The workload is what the bound is computed for."""

from collections import Counter

import pytest

from app.simulator import world_file
from benchmarks import world
from benchmarks.world import FULL, SMALL, Size


@pytest.mark.parametrize("size", [SMALL, FULL, Size("single", 110, 25, 1)], ids=lambda size: size.name)
def test_every_pod_has_an_address_and_a_listener_that_the_world_knows(size: Size) -> None:
    built = world_file.build(world.world(size))
    pods = world.pods(size)
    listeners = {each for balancer in built.load_balancers.values() for each in balancer.listeners}
    addresses = {ip for interface in built.interfaces.values() for ip in interface.addresses}
    assert len({pod.ip for pod in pods}) == len({(pod.cluster_id, pod.number) for pod in pods}) == size.binds
    assert {pod.ip for pod in pods} <= addresses
    assert {pod.listener_id for pod in pods} <= listeners


@pytest.mark.parametrize("size", [SMALL, FULL], ids=lambda size: size.name)
def test_the_pods_are_spread_evenly_and_each_load_balancer_serves_two_clusters(size: Size) -> None:
    pods = world.pods(size)
    counts = Counter(pod.load_balancer_id for pod in pods)
    assert set(counts.values()) == {50}
    assert len(counts) == size.load_balancers
    clusters = {(pod.load_balancer_id, pod.cluster_id) for pod in pods}
    assert len(clusters) == 2 * size.load_balancers


@pytest.mark.parametrize("size", [SMALL, FULL], ids=lambda size: size.name)
def test_neighbours_share_no_load_balancer_and_the_world_knows_all_of_them(size: Size) -> None:
    world_size, noisy, quiet = world.neighbours(size, 25)
    built = world_file.build(world.world(world_size))
    addresses = {ip for interface in built.interfaces.values() for ip in interface.addresses}
    listeners = {each for balancer in built.load_balancers.values() for each in balancer.listeners}
    assert {pod.cluster_id for pod in noisy} != {pod.cluster_id for pod in quiet}
    assert len({pod.ip for pod in noisy + quiet} & addresses) == len(noisy) + len(quiet) == 2 * size.binds
    assert {pod.listener_id for pod in noisy + quiet} <= listeners
    own, others = Counter(pod.load_balancer_id for pod in noisy), {pod.load_balancer_id for pod in quiet}
    assert (len(own), len(others), own.keys() & others) == (size.load_balancers, 25, set())
    assert set(own.values()) == {50}
    assert len({pod.load_balancer_id for pod in quiet[:25]}) == 25


def test_interleaved_pods_are_the_same_pods_one_of_each_load_balancer_in_turn() -> None:
    pods = world.pods(SMALL)
    mixed = world.interleaved(pods)
    assert sorted(mixed, key=lambda pod: pod.ip) == sorted(pods, key=lambda pod: pod.ip)
    assert len({pod.load_balancer_id for pod in mixed[: SMALL.load_balancers]}) == SMALL.load_balancers
