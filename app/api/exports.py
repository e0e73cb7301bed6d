"""History as a stream, in memory that does not grow with it: CSV for people's tables, JSON lines for machines."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import orjson
import structlog

from app.api import rendering
from app.domain.errors import LedgerUnavailable
from app.domain.journal import Entry
from app.ledger.journal import Kept

log = structlog.get_logger(__name__)

EXPORTS: Final[Mapping[str, str]] = {
    "text/csv": "text/csv; charset=utf-8; header=present",
    "application/x-ndjson": "application/x-ndjson",
}
"""What may be asked for by ``Accept``, and what the answer says that it is."""

_FIRST: Final = ("account_id", "sequence", "recorded_at", "actor", "request_id", "trace_id")
COLUMNS: Final = tuple(dict.fromkeys((*_FIRST, *Entry.__dataclass_fields__)))
"""Of CSV, in this order."""

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins so is a formula to a spreadsheet (OWASP: CSV injection)."""


def export(kind: str, pages: Iterator[list[Kept]]) -> Iterator[bytes]:
    """The stream of a kind of `EXPORTS`. The first page is read before it begins, so that its errors have an answer.

    Raises `LedgerUnavailable` there; later it breaks off, which HTTP shows as an answer that has no end.
    """
    first = next(pages)
    render = _RENDERED[kind]

    def stream() -> Iterator[bytes]:
        yield from _heading(kind)
        yield render(first)
        try:
            for page in pages:
                yield render(page)
        except LedgerUnavailable as error:
            log.warning("an export broke off", kind=kind, error=str(error))
            raise

    return stream()


def _heading(kind: str) -> Iterable[bytes]:
    return [_lines([COLUMNS])] if kind == "text/csv" else []


def _csv(page: list[Kept]) -> bytes:
    shown = (rendering.entry(kept) for kept in page)
    return _lines([_cell(entry[name]) for name in COLUMNS] for entry in shown)


def _ndjson(page: list[Kept]) -> bytes:
    option = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z
    return b"".join(orjson.dumps(_in_utc(rendering.entry(kept)), option=option) for kept in page)


def _lines(rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _cell(value: Any) -> str:
    """A cell, made harmless: one that a spreadsheet would reckon out begins with an apostrophe."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    text = str(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def _in_utc(entry: dict[str, Any]) -> dict[str, Any]:
    return {**entry, "recorded_at": entry["recorded_at"].astimezone(UTC)}


_RENDERED: Final[Mapping[str, Callable[[list[Kept]], bytes]]] = {"text/csv": _csv, "application/x-ndjson": _ndjson}
