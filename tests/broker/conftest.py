"""The tests of the use cases share a database, which each finds empty."""

from tests.ledger.emptied import ledger_url, shared_url

__all__ = ["ledger_url", "shared_url"]
