"""An installation per test, with the table set; for agents one per module."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.agent_world import agent_world
from tests.acceptance.installation import Installation
from tests.acceptance.world import CLUSTERS, world


@pytest.fixture
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    place = _reachable(tmp_path_factory.mktemp("installation"))
    with Installation(place, world()) as running:
        running.set_the_table(CLUSTERS, ["lb-1"])
        yield running


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for what agents need."""
    return _reachable(tmp_path_factory.mktemp("agents"))


@pytest.fixture(scope="module")
def broker(place: Path) -> Iterator[Installation]:
    """A broker with a worker that agents of both clusters may speak to, for all tests of a module."""
    with Installation(place, agent_world(), CLB_BROKER_HEALTH_SECONDS="1") as running:
        running.set_the_table(CLUSTERS, ["lb-near", "lb-far"])
        running.start("worker")
        yield running
        running.kill("serve")  # it would wait ten seconds for the agents' long polls


def _reachable(place: Path) -> Path:
    for parent in (place, *place.parents):
        if parent.name.startswith("pytest-"):
            parent.chmod(0o755)  # the embedded Postgres drops its rights and must still reach its data
    return place
