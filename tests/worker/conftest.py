"""A yard per test, on a ledger of its own."""

from collections.abc import Iterator

import pytest

from app.ledger.connection import Ledger
from tests.acceptance.world import world
from tests.worker.yard import INSTANT, Yard


@pytest.fixture
def yard(ledger: Ledger) -> Iterator[Yard]:
    with Yard(ledger, world(**INSTANT)) as opened:
        yield opened
