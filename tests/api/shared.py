"""One ledger for all tests of a folder, emptied before each: its connections and compiled statements stay."""

from collections.abc import Iterator

import pytest

from app.ledger.connection import Ledger


@pytest.fixture(scope="session")
def lasting_ledger(shared_url: str) -> Iterator[Ledger]:
    """The ledger that stays."""
    opened = Ledger(shared_url)
    yield opened
    opened.close()


@pytest.fixture
def ledger(lasting_ledger: Ledger, ledger_url: str) -> Ledger:
    """The ledger, empty."""
    return lasting_ledger
