"""Read history page by page, or all of it: nothing is skipped, in either order, whatever commits late meanwhile.

Within an account entries become visible in the order of their numbers, so a reader keeps a position for each account.
Over several accounts they are shown in the order of time; one that commits late in another account is shown late.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from app.domain.journal import Position
from app.ledger import journal
from app.ledger.connection import Connection, Ledger
from app.ledger.journal import Kept, Span

STREAM_PAGE: Final = 1000
"""Entries that a stream of all of them has in memory at once."""


@dataclass(frozen=True, slots=True)
class Question:
    """Which entries are asked for: those whose columns equal ``filters``, from ``since`` to before ``until``."""

    filters: Mapping[str, str] = field(default_factory=dict)
    since: datetime | None = None
    until: datetime | None = None
    newest_first: bool = True


@dataclass(frozen=True, slots=True)
class Bookmark:
    """How far a reader has come: by account the entry seen last, and the last number that it goes to, if it has one.

    Backwards every account has such a last number, from when the reading began: what comes later is not part of it.
    """

    seen: Mapping[str, Position] = field(default_factory=dict)
    last: Mapping[str, int] | None = None


def list_history(
    ledger: Ledger, question: Question, mark: Bookmark | None, limit: int
) -> tuple[list[Kept], Bookmark | None]:
    """Up to ``limit`` entries from ``mark`` on (None: the beginning), and where to go on; None when that was all."""
    with ledger.begin() as connection:
        return _page(connection, question, mark or _beginning(connection, question), limit)


def stream_history(ledger: Ledger, question: Question, mark: Bookmark | None) -> Iterator[list[Kept]]:
    """All entries up to those that are there now, in pages, each read in a transaction of its own.

    Raises `LedgerUnavailable`, at the first page or at any later one.
    """
    with ledger.begin() as connection:
        last = mark.last if mark is not None and mark.last is not None else journal.accounts(connection)
        page, following = _page(connection, question, Bookmark(mark.seen if mark else {}, last), STREAM_PAGE)
    while True:
        yield page
        if following is None:
            return
        with ledger.begin() as connection:
            page, following = _page(connection, question, following, STREAM_PAGE)


def _beginning(connection: Connection, question: Question) -> Bookmark:
    return Bookmark(last=journal.accounts(connection)) if question.newest_first else Bookmark()


def _page(connection: Connection, question: Question, mark: Bookmark, limit: int) -> tuple[list[Kept], Bookmark | None]:
    found = [
        (kept.recorded_at, account_id, kept.sequence, kept)
        for account_id in (journal.accounts(connection) if mark.last is None else mark.last)
        for kept in journal.listing(connection, account_id, _span(question, mark, account_id), limit + 1)
    ]
    found.sort(key=lambda each: each[:3], reverse=question.newest_first)
    shown = found[:limit]
    seen = {**mark.seen, **{account_id: kept.position for _, account_id, _, kept in shown}}
    return [kept for *_, kept in shown], replace(mark, seen=seen) if len(found) > limit else None


def _span(question: Question, mark: Bookmark, account_id: str) -> Span:
    return Span(
        question.filters,
        question.since,
        question.until,
        mark.seen.get(account_id),
        None if mark.last is None else mark.last[account_id],
        question.newest_first,
    )
