"""An installation per test, with the table set."""

from collections.abc import Iterator

import pytest

from tests.acceptance.installation import Installation
from tests.acceptance.world import CLUSTERS, world


@pytest.fixture
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    place = tmp_path_factory.mktemp("installation")
    for parent in (place, *place.parents):
        if parent.name.startswith("pytest-"):
            parent.chmod(0o755)  # the embedded Postgres drops its rights and must still reach its data
    with Installation(place, world()) as running:
        running.set_the_table(CLUSTERS, ["lb-1"])
        yield running
