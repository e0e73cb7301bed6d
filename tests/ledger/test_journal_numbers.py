"""Entries are numbered without a gap, in the order in which they are committed, and nobody may change one."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import text

from app.broker.read_history import Bookmark, Question, list_history, stream_history
from app.domain.journal import Action, Entry
from app.ledger import journal
from app.ledger.connection import Ledger
from app.ledger.endings import at_the_end
from app.ledger.journal import Kept
from app.ledger.rows import GIVEN
from tests.ledger.building import ACCOUNT, at_once, execute, wait_until, waiting_for_locks

PLAIN = Entry(Action.BINDING_MOVED, account_id=ACCOUNT)


def write(ledger: Ledger, *details: str, account_id: str = ACCOUNT, late: Callable[[], object] | None = None) -> None:
    """One transaction, which commits when ``late`` has returned: its numbers are taken by then."""
    with ledger.begin() as connection:
        entries = [replace(PLAIN, account_id=account_id, detail=each) for each in details]
        journal.add(connection, "worker:w-1", entries)
        if late is not None:
            at_the_end(connection, lambda *_: late())  # type: ignore[arg-type, return-value]


@contextmanager
def writing_late(ledger: Ledger, *details: str) -> Iterator[Callable[[], None]]:
    """A writer that has its numbers and does not commit until it is told to."""
    numbered, told = threading.Event(), threading.Event()

    def wait() -> None:
        numbered.set()
        assert told.wait(60)

    thread = threading.Thread(target=partial(write, ledger, *details, late=wait))
    thread.start()

    def commit() -> None:
        told.set()
        thread.join(60)

    try:
        assert numbered.wait(60)
        yield commit
    finally:
        commit()


def read(ledger: Ledger, mark: Bookmark | None, question: Question, limit: int) -> tuple[list[str], Bookmark | None]:
    found, following = list_history(ledger, question, mark, limit)
    return [str(kept.entry.detail) for kept in found], following


def follow(ledger: Ledger, mark: Bookmark, limit: int = 100) -> tuple[list[str], Bookmark]:
    """Forwards, and on from where that ended, as one that waits for more does."""
    found, _ = list_history(ledger, Question(newest_first=False), mark, limit)
    seen = {**mark.seen, **{str(kept.entry.account_id): kept.position for kept in found}}
    return [str(kept.entry.detail) for kept in found], replace(mark, seen=seen)


def skipped_forwards(ledger: Ledger) -> set[str]:
    """What a reader misses who reads while an entry is numbered and not committed, and after that."""
    write(ledger, "first")
    with writing_late(ledger, "late") as commit:
        second = threading.Thread(target=partial(write, ledger, "second"))
        second.start()
        wait_until(lambda: waiting_for_locks(ledger) or not second.is_alive())
        before, mark = follow(ledger, Bookmark())
        commit()
        second.join(60)
    after, _ = follow(ledger, mark)
    return {"first", "late", "second"} - {*before, *after}


def skipped_backwards(ledger: Ledger) -> set[str]:
    """What a reader misses who begins while an entry is numbered and not committed: of what was there, or is older."""
    write(ledger, "first")
    with writing_late(ledger, "late") as commit:
        second = threading.Thread(target=partial(write, ledger, "second"))
        second.start()
        wait_until(lambda: waiting_for_locks(ledger) or not second.is_alive())
        newest, mark = read(ledger, None, Question(), 1)
        older: list[str] = []
        while mark is not None:
            page, mark = read(ledger, mark, Question(), 1)
            older += page
        commit()
        second.join(60)
    everything = execute(ledger, "SELECT detail FROM journal ORDER BY sequence")
    return set(everything[: everything.index(newest[0])]) - set(older)


def test_a_reader_forwards_skips_nothing_that_commits_late(ledger: Ledger) -> None:
    assert skipped_forwards(ledger) == set()


def test_a_reader_backwards_skips_nothing_that_is_older_than_what_it_began_with(ledger: Ledger) -> None:
    assert skipped_backwards(ledger) == set()


@pytest.mark.parametrize("skipped", [skipped_forwards, skipped_backwards])
def test_with_numbers_of_an_identity_column_these_readers_would_skip_it(
    ledger: Ledger, ledger_url: str, monkeypatch: pytest.MonkeyPatch, skipped: Callable[[Ledger], set[str]]
) -> None:
    """The mistake put back: numbers are given when an entry is written, not when it is committed."""
    with psycopg.connect(ledger_url) as connection:
        connection.execute("DROP SEQUENCE IF EXISTS identities")
        connection.execute("CREATE SEQUENCE identities")
        connection.execute("GRANT USAGE ON SEQUENCE identities TO PUBLIC")
        # So that a reader knows the account, whose row nobody locks now.
        connection.execute("INSERT INTO journal_numbers VALUES (%s, 1000, now())", (ACCOUNT,))
    numbered = (
        "INSERT INTO journal (account_id, sequence, recorded_at, actor, action, detail)"
        " SELECT account_id, nextval('identities'), clock_timestamp(), actor, action, detail"
        f" FROM jsonb_to_recordset(CAST(:{GIVEN} AS jsonb))"
        " AS given (account_id text, actor text, action text, detail text)"
    )

    def without_a_lock(connection: Any, rows: list[Any]) -> None:
        import orjson

        connection.execute(text(numbered), {GIVEN: orjson.dumps(rows).decode()})

    monkeypatch.setattr(journal, "_write", without_a_lock)
    assert skipped(ledger) == {"late"}


def test_whoever_comes_second_has_the_next_number_and_a_later_time(ledger: Ledger) -> None:
    with writing_late(ledger, "a", "b") as commit:
        second = threading.Thread(target=partial(write, ledger, "c"))
        second.start()
        wait_until(lambda: waiting_for_locks(ledger))
        commit()
        second.join(60)
    rows = execute(ledger, "SELECT sequence, detail FROM journal ORDER BY recorded_at, sequence")
    assert rows == [(1, "a"), (2, "b"), (3, "c")]
    early, late = execute(ledger, "SELECT DISTINCT recorded_at FROM journal ORDER BY recorded_at")
    assert early < late


def test_an_account_waits_for_no_other(ledger: Ledger) -> None:
    with writing_late(ledger, "a"):
        write(ledger, "b", account_id="other")
    assert sorted(execute(ledger, "SELECT account_id, sequence FROM journal")) == [(ACCOUNT, 1), ("other", 1)]


def test_what_is_rolled_back_takes_no_number(ledger: Ledger) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    write(ledger, "a")
    with pytest.raises(ZeroDivisionError):
        write(ledger, "b", late=fail)
    write(ledger, "c")
    assert execute(ledger, "SELECT sequence, detail FROM journal ORDER BY sequence") == [(1, "a"), (2, "c")]


def test_time_does_not_go_back_where_the_clock_does(ledger: Ledger) -> None:
    write(ledger, "a")
    execute(ledger, "UPDATE journal_numbers SET recorded_at = recorded_at + interval '10 minutes'")
    write(ledger, "b")
    write(ledger, "c")
    a, b, c = execute(ledger, "SELECT recorded_at FROM journal ORDER BY sequence")
    assert a < b == c


@pytest.mark.parametrize("seed", range(3))
def test_readers_beside_slow_writers_of_several_accounts_see_every_entry_once(ledger: Ledger, seed: int) -> None:
    accounts, rounds = ("a", "b", ""), 12
    ended = threading.Event()
    seen: dict[str, list[str]] = {}

    def writer(number: int) -> None:
        chance = Random(seed * 100 + number)
        for each in range(rounds):
            pause = threading.Event()
            late = partial(pause.wait, chance.random() * 0.01)
            write(ledger, f"{number}.{each}", f"{number}.{each}+", account_id=chance.choice(accounts), late=late)

    def reader(name: str) -> None:
        mark, found = Bookmark(), seen.setdefault(name, [])
        while True:
            over = ended.is_set()
            page, mark = follow(ledger, mark, limit=3)
            found += page
            if over and not page:
                return

    def streamer() -> None:
        """What is there when it begins, backwards, again and again: whole at any moment."""
        while not ended.is_set():
            known = set(execute(ledger, "SELECT detail FROM journal"))
            pages: list[Kept] = [kept for page in stream_history(ledger, Question(), None) for kept in page]
            assert known <= {str(kept.entry.detail) for kept in pages}

    def writers() -> None:
        try:
            at_once([partial(writer, number) for number in range(5)])
        finally:
            ended.set()

    at_once([writers, streamer, partial(reader, "one"), partial(reader, "other")])
    everything = sorted(f"{number}.{each}{end}" for number in range(5) for each in range(rounds) for end in ("", "+"))
    assert sorted(seen["one"]) == sorted(seen["other"]) == everything
    counts = "SELECT account_id, min(sequence), max(sequence) - count(*) FROM journal GROUP BY account_id"
    assert sorted(execute(ledger, counts)) == [(each, 1, 0) for each in sorted(accounts)]


def refused_to_the_application(ledger: Ledger, statement: str) -> bool:
    """Whether the role that API and workers work as is refused a statement for want of a right."""
    try:
        with ledger.begin() as connection:
            connection.exec_driver_sql(statement)
    except Exception as error:  # noqa: BLE001 (looked into)
        causes = [error, error.__cause__]
        return any(isinstance(getattr(each, "orig", None), InsufficientPrivilege) for each in causes)
    return False


@pytest.mark.parametrize("table", ["journal", "seals", "checkpoints", "journal_boundaries", "journal_standing"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET account_id = 'x'", "DELETE FROM {}", "TRUNCATE {}"])
def test_the_application_can_change_no_history(ledger: Ledger, table: str, statement: str) -> None:
    assert refused_to_the_application(ledger, statement.format(table))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {} SET actor = 'x'",
        "DELETE FROM {}",
        "TRUNCATE {}",
        "DROP TABLE {}",
        "SELECT FROM {}",
        "ALTER TABLE journal DETACH PARTITION {}",
    ],
)
def test_the_application_has_no_right_on_a_month_itself(ledger: Ledger, statement: str) -> None:
    (month,) = execute(ledger, "SELECT 'journal_' || to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM')")
    assert refused_to_the_application(ledger, statement.format(month))


def test_the_application_can_add_to_history_and_read_it(ledger: Ledger) -> None:
    """The check of the tests above: it is refused nothing else."""
    assert not refused_to_the_application(ledger, "SELECT FROM journal, seals, checkpoints, journal_boundaries")
    write(ledger, "a")
    assert execute(ledger, "SELECT detail FROM journal") == ["a"]
