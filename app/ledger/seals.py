"""The seal on history: hashes of entries in batches, checkpoints, and the entries as they are sealed.

Rows are added alone. Two that would seal the same entry meet at the primary key.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Connection, Result, Row, Text, bindparam, cast, func, select, tuple_
from sqlalchemy.dialects.postgresql import insert

from app.domain.seal import HASH_BYTES, Checkpoint, Link
from app.ledger.tables import checkpoints, journal, journal_boundaries, journal_numbers, seals
from app.ledger.tables.metadata import TIME


@dataclass(frozen=True, slots=True)
class Raw:
    """An entry as it is in the ledger, column by column; the evidence is JSON text."""

    columns: Mapping[str, Any]

    @property
    def sequence(self) -> int:
        """Its number."""
        number: int = self.columns["sequence"]
        return number


@dataclass(frozen=True, slots=True)
class Batch:
    """The hashes of the entries ``first`` to ``last``, one after the other."""

    first: int
    last: int
    hashes: bytes


_COLUMNS: Final = [cast(each, Text).label(each.name) if each.name == "evidence" else each for each in journal.c]
_NAMES: Final = [str(each.name) for each in journal.c]
_OF = select(*_COLUMNS).where(journal.c.account_id == bindparam("of"))
_IN_ORDER = (journal.c.sequence, journal.c.recorded_at)
_AFTER = (
    _OF.where(tuple_(*_IN_ORDER) > tuple_(bindparam("after", type_=BigInteger), bindparam("at", type_=TIME)))
    .order_by(*_IN_ORDER)
    .limit(bindparam("most"))
)
_UNSEALED = (
    _OF.where(
        journal.c.recorded_at >= bindparam("since", type_=TIME),
        journal.c.sequence > bindparam("after", type_=BigInteger),
        journal.c.sequence <= bindparam("last", type_=BigInteger),
    )
    .order_by(*_IN_ORDER)
    .limit(bindparam("most"))
)
_EARLIEST: Final = datetime(1, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(9999, 12, 31, tzinfo=UTC)


def head(connection: Connection, account_id: str) -> Link | None:
    """The last entry that is sealed; None when none is."""
    of = seals.c.account_id == account_id
    newest = select(seals).where(of).order_by(seals.c.first_sequence.desc()).limit(1)
    row = connection.execute(newest).one_or_none()
    if row is not None:
        return Link(row.last_sequence, bytes(row.hashes[-HASH_BYTES:]))
    return boundary(connection, account_id)


def boundary(connection: Connection, account_id: str) -> Link | None:
    """The last entry that was detached with its month; None when all that ever was is there."""
    table = journal_boundaries
    newest = select(table).where(table.c.account_id == account_id).order_by(table.c.sequence.desc()).limit(1)
    row = connection.execute(newest).one_or_none()
    return None if row is None else Link(row.sequence, bytes(row.hash))


def last_number(connection: Connection, account_id: str) -> tuple[int, datetime | None]:
    """The last number that was handed out in an account, and when; 0 when none was."""
    row = connection.execute(select(journal_numbers).where(journal_numbers.c.account_id == account_id)).one_or_none()
    return (0, None) if row is None else (row.last, row.recorded_at)


def unsealed(connection: Connection, account_id: str, after: int, last: int, limit: int) -> list[Raw]:
    """Up to ``limit`` entries from number ``after`` + 1 to ``last``, in the order of their numbers."""
    since = _EARLIEST
    if after:
        named = journal.c.account_id == account_id, journal.c.sequence == after
        # Later entries are not in earlier months. One that the seal knows and the journal does not: look everywhere.
        since = connection.execute(select(func.max(journal.c.recorded_at)).where(*named)).scalar_one() or since
    given = {"of": account_id, "after": after, "most": limit, "since": since, "last": last}
    return _raw(connection.execute(_UNSEALED, given))


def entries(connection: Connection, account_id: str, after: int, at: datetime | None, limit: int) -> list[Raw]:
    """Up to ``limit`` entries in the order of their numbers, whatever their times say: those after number ``after``.

    ``at`` is the time of the one seen last: of two of one number the later follows. None: both are behind.
    """
    given = {"of": account_id, "after": after, "at": at or _LATEST, "most": limit}
    return _raw(connection.execute(_AFTER, given))


def batches(connection: Connection, account_id: str, after: int, limit: int) -> list[Batch]:
    """Up to ``limit`` batches that begin after entry ``after``, in order."""
    table = seals.c
    named = table.account_id == account_id, table.first_sequence > after
    found = connection.execute(select(seals).where(*named).order_by(table.first_sequence).limit(limit))
    return [Batch(row.first_sequence, row.last_sequence, bytes(row.hashes)) for row in found]


def add(connection: Connection, account_id: str, first: int, hashes: Sequence[bytes]) -> None:
    """Seal the entries from number ``first`` on."""
    last = first + len(hashes) - 1
    row = {"account_id": account_id, "first_sequence": first, "last_sequence": last, "hashes": b"".join(hashes)}
    connection.execute(insert(seals), row)


def last_checkpoint(connection: Connection, account_id: str) -> Checkpoint | None:
    """The newest one."""
    table = checkpoints
    newest = select(table).where(table.c.account_id == account_id).order_by(table.c.sequence.desc()).limit(1)
    row = connection.execute(newest).one_or_none()
    return None if row is None else _checkpoint(row)


def all_checkpoints(connection: Connection, account_id: str, after: int, limit: int) -> list[Checkpoint]:
    """Up to ``limit`` checkpoints beyond entry ``after``, in order."""
    table = checkpoints.c
    named = table.account_id == account_id, table.sequence > after
    found = connection.execute(select(checkpoints).where(*named).order_by(table.sequence).limit(limit))
    return [_checkpoint(row) for row in found]


def add_checkpoint(connection: Connection, made: Checkpoint) -> None:
    """Keep a checkpoint, unless there is one of that entry already."""
    row = {
        "account_id": made.account_id,
        "sequence": made.sequence,
        "hash": made.hash,
        "signed_at": made.signed_at,
        "key_id": made.key_id,
        "signature": made.signature,
    }
    connection.execute(insert(checkpoints).on_conflict_do_nothing(), row)


def _raw(found: Result[Any]) -> list[Raw]:
    return [Raw(dict(zip(_NAMES, row, strict=True))) for row in found.all()]  # one by one takes twice as long


def _checkpoint(row: Row[Any]) -> Checkpoint:
    signature = bytes(row.signature)
    return Checkpoint(row.account_id, row.sequence, bytes(row.hash), row.signed_at, row.key_id, signature)
