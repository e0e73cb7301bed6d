"""The sealer seals every entry once, in order; checkpoints say how far; months go and the chain stays."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from app.broker.make_months import make_months
from app.broker.retain_history import retain_history
from app.broker.seal_history import HistoryBroken
from app.broker.sign_checkpoints import CheckpointTerms, sign_checkpoints
from app.domain.errors import JournalMonthMissing, RequestRefused
from app.domain.journal import month_after, month_name, months_before
from app.domain.seal import Checkpoint, checkpoint_of
from app.ledger import journal, journal_months, seals
from app.ledger.connection import Ledger
from app.planning.chain import Fault, Whole
from app.worker.keep_history import export_checkpoint
from tests.broker.sealing import ACCOUNT, KEY, Signer, fault, seal, sign, superuser, tell, verified

HOUR = timedelta(hours=1)


@pytest.fixture
def owner(ledger_url: str) -> Iterator[Ledger]:
    """The ledger as its owner."""
    opened = Ledger(ledger_url, role=None)
    yield opened
    opened.close()
    with psycopg.connect(ledger_url) as connection:
        detached = "relkind = 'r' AND NOT relispartition AND relname LIKE 'journal\\_2%'"
        for (name,) in connection.execute(f"SELECT relname FROM pg_class WHERE {detached}").fetchall():
            connection.execute(f"DROP TABLE {name}")  # type: ignore[call-overload]


def months(ledger: Ledger) -> list[date]:
    with ledger.begin() as connection:
        return journal_months.months(connection)


def write_in(ledger: Ledger, url: str, month: date, many: int = 3) -> None:
    """Entries of an earlier month, as if they had been written then."""
    tell(ledger, many)
    with psycopg.connect(url) as connection:
        connection.execute("SELECT make_journal_month(%s)", (month,))
        connection.execute(
            "UPDATE journal SET recorded_at = %s::timestamptz + sequence * interval '1 second'"
            " WHERE sequence > coalesce((SELECT max(last_sequence) FROM seals), 0)",
            (datetime(month.year, month.month, 10, tzinfo=UTC),),
        )
        connection.execute("UPDATE journal_numbers SET recorded_at = (SELECT max(recorded_at) FROM journal)")


def test_each_entry_is_sealed_once_and_the_next_step_goes_on(ledger: Ledger) -> None:
    tell(ledger, 4)
    assert seal(ledger) == 4
    assert seal(ledger) == 0
    tell(ledger, 2)
    assert seal(ledger) == 2
    with ledger.begin() as connection:
        assert [(each.first, each.last) for each in seals.batches(connection, ACCOUNT, 0, 10)] == [(1, 4), (5, 6)]
        head = seals.head(connection, ACCOUNT)
    assert head is not None
    assert head.sequence == 6
    assert fault(ledger) is None


def test_the_sealer_does_not_seal_over_an_entry_that_is_gone(ledger: Ledger, ledger_url: str) -> None:
    tell(ledger, 4)
    superuser(ledger_url, "DELETE FROM journal WHERE sequence = 2")
    with pytest.raises(HistoryBroken, match="where entry 2 is due, 3 stands"):
        seal(ledger)
    superuser(ledger_url, "DELETE FROM journal")
    superuser(ledger_url, "UPDATE leases SET incarnation = NULL")
    with pytest.raises(HistoryBroken, match="entry 1 is not there"):
        seal(ledger)


def test_a_checkpoint_is_signed_when_there_is_something_new_and_the_last_is_old_enough(ledger: Ledger) -> None:
    tell(ledger)
    assert sign(ledger) == []
    seal(ledger)
    (first,) = sign(ledger)
    assert KEY.verifying.signed(first.statement, first.signature)
    assert not KEY.verifying.signed(first.statement + b" ", first.signature)
    assert sign(ledger) == []
    tell(ledger)
    seal(ledger)
    exported: list[Checkpoint] = []
    assert sign_checkpoints(ledger, CheckpointTerms(Signer(), HOUR, exported.append)) == []
    assert [each.sequence for each in sign(ledger)] == [2]


def test_a_checkpoint_that_cannot_be_exported_is_not_kept_and_is_signed_anew(ledger: Ledger) -> None:
    def full(_: Checkpoint) -> None:
        raise OSError(28, "No space left on device")

    tell(ledger)
    seal(ledger)
    with pytest.raises(OSError, match="No space"):
        sign_checkpoints(ledger, CheckpointTerms(Signer(), timedelta(0), full))
    assert [each.sequence for each in sign(ledger)] == [1]


def test_an_exported_checkpoint_is_a_file_that_is_written_once_and_read_again(ledger: Ledger, tmp_path: Path) -> None:
    tell(ledger, 2)
    seal(ledger)
    (made,) = sign(ledger)
    export_checkpoint(tmp_path, made)
    (file,) = tmp_path.rglob("*.json")
    assert file.parent.name == f"{made.signed_at:%Y-%m}"
    assert checkpoint_of(file.read_text()) == made
    with pytest.raises(FileExistsError):
        export_checkpoint(tmp_path, made)


def test_months_are_made_ahead_once(ledger: Ledger, ledger_url: str) -> None:
    there = months(ledger)
    last = there[-1]
    assert make_months(ledger) == []
    superuser(ledger_url, f"DROP TABLE {month_name(last)}")
    assert make_months(ledger) == [last]
    assert months(ledger) == there


def test_who_finds_no_place_for_this_month_has_it_made_and_the_repeat_is_taken(ledger: Ledger, ledger_url: str) -> None:
    """No worker ran for months, and the month that the migration made last is over."""
    there = months(ledger)
    superuser(ledger_url, *(f"DROP TABLE {month_name(month)}" for month in there))
    with pytest.raises(JournalMonthMissing):
        tell(ledger, 2)
    tell(ledger, 2)
    with ledger.begin() as connection:
        assert journal.accounts(connection) == {ACCOUNT: 2}
    assert months(ledger) == there


def test_detached_months_leave_the_chain_whole(ledger: Ledger, owner: Ledger, ledger_url: str) -> None:
    with ledger.begin() as connection:
        now = journal_months.this_month(connection)
    exported = []
    for back in (5, 4, 3):
        write_in(ledger, ledger_url, months_before(now, back))
        seal(ledger)
        exported += sign(ledger)
    tell(ledger, 2)
    seal(ledger)
    exported += sign(ledger)
    assert fault(ledger, exported) is None
    gone = [month_name(months_before(now, back)) for back in (5, 4)]
    assert retain_history(owner, 3) == gone
    assert retain_history(owner, 3) == []
    whole = verified(ledger, exported)[ACCOUNT]
    assert isinstance(whole.found, Whole)
    assert (whole.begins_after, whole.found.sealed.sequence, whole.unchecked) == (6, 11, 2)
    # The last of what went and all that stayed agree, by the exported copies and the ledger's own.
    assert whole.checkpoints == 6
    with psycopg.connect(ledger_url) as connection_:
        assert connection_.execute(f"SELECT count(*) FROM {gone[0]}").fetchone() == (3,)  # type: ignore[arg-type]
        for name in gone:
            connection_.execute(f"DROP TABLE {name}")  # type: ignore[arg-type]
    superuser(ledger_url, "UPDATE journal SET detail = 'x' WHERE sequence = 8")
    assert fault(ledger, exported) == (Fault.ALTERED, 8, 8)


def test_a_month_that_is_not_sealed_is_not_detached(ledger: Ledger, owner: Ledger, ledger_url: str) -> None:
    with ledger.begin() as connection:
        now = journal_months.this_month(connection)
    write_in(ledger, ledger_url, months_before(now, 5))
    with pytest.raises(RequestRefused, match="history-not-sealed"):
        retain_history(owner, 3)
    seal(ledger)
    assert retain_history(owner, 3) == [month_name(months_before(now, 5))]


def test_a_boundary_that_says_something_else_is_found_by_the_seals_after_it(
    ledger: Ledger, owner: Ledger, ledger_url: str
) -> None:
    with ledger.begin() as connection:
        now = journal_months.this_month(connection)
    write_in(ledger, ledger_url, months_before(now, 5))
    seal(ledger)
    tell(ledger, 2)
    seal(ledger)
    retain_history(owner, 3)
    superuser(ledger_url, "UPDATE journal_boundaries SET hash = decode(repeat('00', 32), 'hex')")
    assert fault(ledger) == (Fault.ALTERED, 4, 4)


def test_the_month_after_december_is_january() -> None:
    assert month_after(date(2026, 12, 1)) == date(2027, 1, 1)
    assert months_before(date(2026, 2, 1), 3) == date(2025, 11, 1)
    assert months_before(date(2026, 12, 1), 0) == date(2026, 12, 1)
