"""A cluster and the topology in use."""

from dataclasses import replace

from app.domain.cluster import Cluster, Topology, Verification
from tests.planning.builders import NOW

SET = Topology("vpc-set")
FOUND = Topology("vpc-found")
CLUSTER = Cluster("default", "cls-1", "r", Verification.STRICT, None, None, None, None, None, 0.3, None, NOW, NOW)


def test_the_operators_topology_wins_over_the_one_that_was_found() -> None:
    assert replace(CLUSTER, topology_setting=SET, topology_found=FOUND).topology == SET


def test_without_an_operators_word_the_topology_that_was_found_is_in_use() -> None:
    assert replace(CLUSTER, topology_found=FOUND).topology == FOUND


def test_before_anything_is_known_there_is_no_topology() -> None:
    assert CLUSTER.topology is None
