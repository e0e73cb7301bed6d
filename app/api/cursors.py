"""Cursors of lists: opaque to callers, the last key that was seen to us."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from app.domain.errors import RequestRefused

T = TypeVar("T")


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


def page(found: Sequence[T], limit: int, render: Callable[[T], Any], key: Callable[[T], str | int]) -> dict[str, Any]:
    """One page out of up to ``limit`` + 1 things found: the one too many says that there is a next page."""
    shown = found[:limit]
    more = len(found) > limit
    return {"items": [render(each) for each in shown], "next_cursor": cursor_of(key(shown[-1])) if more else None}


def _refused() -> RequestRefused:
    return RequestRefused(422, "invalid-request", "cursor: not one that this list gave out")
