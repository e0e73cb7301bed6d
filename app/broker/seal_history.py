"""Seal what history has got, entry by entry, apart from all requests."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import orjson

from app.domain.errors import BrokerError
from app.domain.seal import Link, canonical, chain, origin
from app.ledger import leases, seals
from app.ledger.connection import Connection, Ledger
from app.ledger.leases import Lease
from app.ledger.seals import Raw

MOST_AT_ONCE: Final = 5000
"""Entries that one transaction seals."""


class HistoryBroken(BrokerError):
    """An entry that the journal gave a number to is not there, or is there twice: nothing is sealed over that."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """What one step sealed: how many entries, whether more wait, and how long the oldest of them had waited."""

    entries: int
    more: bool
    waited: timedelta


def content_of(raw: Raw) -> bytes:
    """The canonical content of an entry. Raises `ValueError` or `TypeError` for one that nobody could have written."""
    evidence = raw.columns["evidence"]
    return canonical(raw.columns if evidence is None else {**raw.columns, "evidence": orjson.loads(evidence)})


def seal_history(ledger: Ledger, lease: Lease, duration: timedelta) -> Sealed:
    """Seal the next entries of the leased account, up to `MOST_AT_ONCE`.

    Why does it skip none? Numbers are handed out in committed order: when one is there, so are all before it. Raises
    `HistoryBroken`, `LeaseLost`, `LedgerUnavailable`.
    """
    account_id = lease.account_id
    with ledger.begin() as connection:
        now = leases.hold(connection, lease, duration)
        head = seals.head(connection, account_id) or origin(account_id)
        last, _ = seals.last_number(connection, account_id)
        found = seals.unsealed(connection, account_id, head.sequence, last, MOST_AT_ONCE)
        if not found:
            if last > head.sequence:
                raise HistoryBroken(f"account {account_id or '(none)'}: entry {head.sequence + 1} is not there")
            return Sealed(0, more=False, waited=timedelta(0))
        found = _of_one_month(found)
        _add(connection, account_id, head, found)
        more = found[-1].sequence < last
        return Sealed(len(found), more, waited=now - found[0].columns["recorded_at"])


def end_sealing(ledger: Ledger, lease: Lease) -> None:
    """Give the account back. Raises `LeaseLost`."""
    with ledger.begin() as connection:
        leases.give_back(connection, lease)


def _of_one_month(found: list[Raw]) -> list[Raw]:
    """As far as the first entry's month goes: what is detached with a month has its own batches of seals."""
    first = _month(found[0].columns["recorded_at"])
    return [each for each in found if _month(each.columns["recorded_at"]) == first]


def _month(at: datetime) -> tuple[int, int]:
    return at.year, at.month


def _add(connection: Connection, account_id: str, head: Link, found: list[Raw]) -> None:
    expected = range(head.sequence + 1, head.sequence + 1 + len(found))
    for number, raw in zip(expected, found, strict=True):
        if raw.sequence != number:
            raise HistoryBroken(f"account {account_id or '(none)'}: where entry {number} is due, {raw.sequence} stands")
    seals.add(connection, account_id, expected[0], chain(head.hash, map(content_of, found)))
