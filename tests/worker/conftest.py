"""A yard per test, on an empty ledger."""

from collections.abc import Iterator

import pytest

from app.ledger.connection import Ledger
from tests.acceptance.world import world
from tests.cloud.conftest import no_proxy
from tests.ledger.emptied import ledger_url, shared_url
from tests.worker.yard import INSTANT, Yard

__all__ = ["ledger_url", "no_proxy", "shared_url"]


@pytest.fixture
def yard(ledger: Ledger) -> Iterator[Yard]:
    with Yard(ledger, world(**INSTANT)) as opened:
        yield opened
