"""Cursors of lists: opaque to callers, the last key that was seen to us."""

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from app.broker.read_history import Bookmark
from app.domain.errors import RequestRefused
from app.domain.journal import Position

T = TypeVar("T")

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MARK: Final = re.compile(
    r"(?P<account>[A-Za-z0-9._-]{0,128}):((?P<seen>[0-9]{1,18})@(?P<at>[0-9]{1,17}))?:(?P<last>[0-9]{1,18})?"
)


def cursor_of(key: str | int) -> str:
    """The cursor that goes on after ``key``."""
    return base64.urlsafe_b64encode(str(key).encode()).decode().rstrip("=")


def key_of(cursor: str | None) -> str:
    """The key that ``cursor`` goes on after; empty for none. Raises `RequestRefused` (422)."""
    if not cursor:
        return ""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        key = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError) as error:
        raise _refused() from error
    if not key.isprintable():
        raise _refused()
    return key


def number_of(cursor: str | None) -> int | None:
    """The number that ``cursor`` goes on after. Raises `RequestRefused` (422)."""
    key = key_of(cursor)
    if not key:
        return None
    if not key.isascii() or not key.isdigit() or len(key) > 18:
        raise _refused()
    return int(key)


def mark_of(bookmark: Bookmark | None) -> str | None:
    """The cursor that goes on from ``bookmark``; None for none."""
    if bookmark is None:
        return None
    last = bookmark.last or {}
    # The time in microseconds, and the number, of the entry seen last; then the last number that the reading goes to.
    parts = []
    for account_id in sorted(last.keys() | bookmark.seen.keys()):
        seen = bookmark.seen.get(account_id)
        here = f"{seen.sequence}@{_micros(seen.recorded_at)}" if seen is not None else ""
        parts.append(f"{account_id}:{here}:{last.get(account_id, '')}")
    return cursor_of(f"{'-' if bookmark.last is not None else '+'}{';'.join(parts)}")


def bookmark_of(cursor: str | None, *, newest_first: bool) -> Bookmark | None:
    """Where ``cursor`` goes on in history; None for none. Raises `RequestRefused` (422), also in the other order."""
    key = key_of(cursor)
    if not key:
        return None
    if key[0] != ("-" if newest_first else "+"):
        raise _refused()
    seen, last = {}, {}
    for part in key[1:].split(";") if key[1:] else ():
        found = _MARK.fullmatch(part)
        if found is None:
            raise _refused()
        if found["seen"]:
            seen[found["account"]] = Position(int(found["seen"]), _EPOCH + timedelta(microseconds=int(found["at"])))
        if found["last"]:
            last[found["account"]] = int(found["last"])
    if newest_first and not seen.keys() <= last.keys():
        raise _refused()
    return Bookmark(seen, last if newest_first else None)


def page(found: Sequence[T], limit: int, render: Callable[[T], Any], key: Callable[[T], str | int]) -> dict[str, Any]:
    """One page out of up to ``limit`` + 1 things found: the one too many says that there is a next page."""
    shown = found[:limit]
    more = len(found) > limit
    return {"items": [render(each) for each in shown], "next_cursor": cursor_of(key(shown[-1])) if more else None}


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def _refused() -> RequestRefused:
    return RequestRefused(422, "invalid-request", "cursor: not one that this list gave out")
