"""Verify that history is as it was sealed, and as checkpoints say that it was. Reads the ledger; changes nothing."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from app.broker.seal_history import content_of
from app.domain.seal import Checkpoint, Link, origin
from app.ledger import journal, seals
from app.ledger.connection import Connection, Ledger
from app.planning.chain import Chain, Fault, Finding, Whole, Written

T = TypeVar("T")

PAGE: Final = 5000
"""Entries read in one transaction."""

BATCHES: Final = 20
CHECKPOINTS: Final = 500


class Key(Protocol):
    """What signatures are checked with."""

    @property
    def key_id(self) -> str:
        """Which key it is."""

    def signed(self, statement: bytes, signature: bytes) -> bool:
        """Whether the signature is the key's own."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found in one account.

    ``begins_after`` is the last entry that was detached, 0 where none was. ``checkpoints`` is how many the chain agrees
    with, ``newest`` the last of them. ``unchecked`` are those given that lie before the history that is kept.
    """

    account_id: str
    found: Whole | Finding
    begins_after: int
    checkpoints: int
    newest: Checkpoint | None
    unchecked: int


@dataclass(slots=True)
class _Marks:
    """Checkpoints of an account in their order, compared with the chain as it is walked."""

    given: list[Checkpoint]
    key: Key | None
    agreed: int = 0
    newest: Checkpoint | None = None
    _next: int = 0

    def note(self, link: Link) -> Finding | None:
        """Compare those at this link. What differs lies after the last one that agreed."""
        while self._next < len(self.given) and self.given[self._next].sequence <= link.sequence:
            mark = self.given[self._next]
            if mark.sequence == link.sequence and mark.hash != link.hash:
                since = (self.newest.sequence if self.newest else 0) + 1
                told = f"its seals were made anew: at entry {mark.sequence} they are not those that were signed"
                return Finding(Fault.REWRITTEN, since, mark.sequence, f"{told} at {mark.signed_at.isoformat()}")
            self._next += 1
            self.agreed, self.newest = self.agreed + 1, mark
        return None

    def forged(self) -> Finding | None:
        """The first whose signature is not the key's."""
        for mark in self.given if self.key is not None else ():
            if self.key is not None and not self.key.signed(mark.statement, mark.signature):
                detail = f"the signature of a checkpoint (key {mark.key_id}) is not by key {self.key.key_id}"
                return Finding(Fault.FORGED, mark.sequence, mark.sequence, detail)
        return None

    def beyond(self, whole: Whole) -> Finding | None:
        """What is signed to be there and is not."""
        if self._next >= len(self.given):
            return None
        last = self.given[-1].sequence
        end = whole.sealed.sequence
        if end + whole.unsealed >= last:
            return Finding(Fault.SEAL_REMOVED, end + 1, last, "a checkpoint says that it was sealed")
        return Finding(Fault.REMOVED, end + whole.unsealed + 1, last, "a checkpoint says that it was there")


def verify_history(ledger: Ledger, given: Sequence[Checkpoint] = (), key: Key | None = None) -> Iterator[Verified]:
    """Account by account. ``given`` are checkpoints from outside the ledger; those in it are compared as well.

    Raises `LedgerUnavailable`.
    """
    with ledger.begin() as connection:
        known = set(journal.accounts(connection))
    for account_id in sorted(known | {mark.account_id for mark in given}):
        yield _account(ledger, account_id, [mark for mark in given if mark.account_id == account_id], key)


def _account(ledger: Ledger, account_id: str, given: Sequence[Checkpoint], key: Key | None) -> Verified:
    with ledger.begin() as connection:
        # Read before the entries: all that are counted here are there, and more may come meanwhile.
        least, _ = seals.last_number(connection, account_id)
        start = seals.boundary(connection, account_id) or origin(account_id)
    both = sorted([*given, *_kept(ledger, account_id)], key=lambda mark: (mark.sequence, mark.signed_at))
    marks = _Marks([mark for mark in both if mark.sequence >= max(1, start.sequence)], key)
    found = marks.forged() or marks.note(start) or _walk(ledger, account_id, start, least, marks)
    if isinstance(found, Whole):
        found = marks.beyond(found) or found
    unchecked = len(both) - len(marks.given)
    return Verified(account_id, found, start.sequence, marks.agreed, marks.newest, unchecked)


def _kept(ledger: Ledger, account_id: str) -> Iterator[Checkpoint]:
    def page(connection: Connection, last: Checkpoint | None) -> list[Checkpoint]:
        return seals.all_checkpoints(connection, account_id, last.sequence if last else 0, CHECKPOINTS)

    return _pages(ledger, page)


def _walk(ledger: Ledger, account_id: str, start: Link, least: int, marks: _Marks) -> Whole | Finding:
    def entries(connection: Connection, last: seals.Raw | None) -> list[seals.Raw]:
        if last is None:
            return seals.entries(connection, account_id, start.sequence, None, PAGE)
        return seals.entries(connection, account_id, last.sequence, last.columns["recorded_at"], PAGE)

    def batches(connection: Connection, last: seals.Batch | None) -> list[seals.Batch]:
        return seals.batches(connection, account_id, last.first if last else start.sequence, BATCHES)

    def most() -> int:
        with ledger.begin() as connection:
            return seals.last_number(connection, account_id)[0]

    written, hashes = _pages(ledger, entries), _pages(ledger, batches)
    chain = Chain(start, written, hashes, _content, marks.note)
    return chain.verdict(least, most)


def _content(entry: Written) -> bytes:
    return content_of(seals.Raw(entry.columns))


def _pages(ledger: Ledger, read: Callable[[Connection, T | None], list[T]]) -> Iterator[T]:
    """All of it, each page in a transaction of its own, until there is no more: what comes meanwhile comes too."""
    last: T | None = None
    while True:
        with ledger.begin() as connection:
            page = read(connection, last)
        if not page:
            return
        yield from page
        last = page[-1]
