"""Whoever has all rights on the database and uses them on history is found out, and the entry is named."""

from datetime import UTC, datetime

import psycopg
import pytest

from app.broker.seal_history import content_of
from app.domain.journal import month_name
from app.domain.seal import chain, origin
from app.ledger import seals
from app.ledger.connection import Ledger
from app.planning.chain import Fault, Whole
from tests.broker.sealing import ACCOUNT, fault, seal, sign, superuser, tell, verified

MINE = f"account_id = '{ACCOUNT}'"
COLUMNS = "account_id, recorded_at, actor, action, detail"
SHIFT_UP = f"UPDATE journal SET sequence = -sequence WHERE {MINE} AND sequence > {{0}}"
SHIFTED_UP = f"UPDATE journal SET sequence = -sequence + 1 WHERE {MINE} AND sequence < 0"
SHIFTED_DOWN = f"UPDATE journal SET sequence = -sequence - 1 WHERE {MINE} AND sequence < 0"


def moved(number: int, to: int) -> str:
    return f"UPDATE journal SET sequence = {to} WHERE {MINE} AND sequence = {number}"


def set_detail(number: int, detail: str) -> str:
    return f"UPDATE journal SET detail = '{detail}' WHERE {MINE} AND sequence = {number}"


def deleted(condition: str) -> str:
    return f"DELETE FROM journal WHERE {MINE} AND {condition}"


def copied(number: int, to: int, later: str = "0 seconds") -> str:
    what = f"SELECT {to}, account_id, recorded_at + interval '{later}', actor, action, 'never happened' FROM journal"
    return f"INSERT INTO journal (sequence, {COLUMNS}) {what} WHERE {MINE} AND sequence = {number}"


SWAPPED_DETAILS = (
    f"UPDATE journal a SET detail = b.detail FROM journal b WHERE a.{MINE} AND b.{MINE}"
    " AND (a.sequence, b.sequence) IN ((6, 13), (13, 6))"
)

TAMPERING: dict[str, tuple[list[str], tuple[Fault, int, int]]] = {
    "one character altered": ([set_detail(7, "What happened at 7")], (Fault.ALTERED, 7, 7)),
    "the first altered": ([set_detail(1, "x")], (Fault.ALTERED, 1, 1)),
    "the last altered": ([set_detail(20, "x")], (Fault.ALTERED, 20, 20)),
    "a null filled": (
        [f"UPDATE journal SET reason = '' WHERE {MINE} AND sequence = 3"],
        (Fault.ALTERED, 3, 3),
    ),
    "a time altered": (
        [f"UPDATE journal SET recorded_at = recorded_at + interval '1 microsecond' WHERE {MINE} AND sequence = 9"],
        (Fault.ALTERED, 9, 9),
    ),
    "evidence altered in depth": (
        [f"""UPDATE journal SET evidence = '{{"checks": [{{"found": 1.0}}]}}' WHERE {MINE} AND sequence = 12"""],
        (Fault.ALTERED, 12, 12),
    ),
    "two altered, the first is named": ([set_detail(11, "x"), set_detail(5, "y")], (Fault.ALTERED, 5, 5)),
    "one deleted": ([deleted("sequence = 8")], (Fault.REMOVED, 8, 8)),
    "the first deleted": ([deleted("sequence = 1")], (Fault.REMOVED, 1, 1)),
    "some deleted": ([deleted("sequence BETWEEN 4 AND 6")], (Fault.REMOVED, 4, 6)),
    "the end deleted": ([deleted("sequence > 17")], (Fault.REMOVED, 18, 20)),
    "all deleted": ([deleted("true")], (Fault.REMOVED, 1, 20)),
    "one deleted, the gap closed": (
        [deleted("sequence = 8"), SHIFT_UP.format(8), SHIFTED_DOWN],
        (Fault.REMOVED, 8, 8),
    ),
    "one inserted, the others moved on": (
        [SHIFT_UP.format(9), SHIFTED_UP, copied(9, 10)],
        (Fault.INSERTED, 10, 10),
    ),
    "one inserted beside another": ([copied(9, 9, "1 second")], (Fault.INSERTED, 9, 9)),
    "one inserted before another": ([copied(9, 9, "-1 second")], (Fault.INSERTED, 9, 9)),
    "one inserted at the end": ([copied(20, 21)], (Fault.INSERTED, 21, 21)),
    "two swapped": ([moved(4, -1), moved(15, 4), moved(-1, 15)], (Fault.REORDERED, 4, 4)),
    "two neighbours swapped": ([moved(4, -1), moved(5, 4), moved(-1, 5)], (Fault.REORDERED, 4, 4)),
    "the last two swapped": ([moved(19, -1), moved(20, 19), moved(-1, 20)], (Fault.REORDERED, 19, 19)),
    "two swapped, their times in order": (
        [SWAPPED_DETAILS],
        (Fault.REORDERED, 6, 6),
    ),
    "a seal altered": (
        [f"UPDATE seals SET hashes = overlay(hashes PLACING '\\x00'::bytea FROM 32 * 4 + 1) WHERE {MINE}"],
        (Fault.SEAL_ALTERED, 5, 5),
    ),
    "a seal cut short": (
        [f"UPDATE seals SET hashes = substring(hashes FROM 1 FOR 64) WHERE {MINE} AND first_sequence = 1"],
        (Fault.SEAL_ALTERED, 1, 10),
    ),
    "the first seals deleted": (
        [f"DELETE FROM seals WHERE {MINE} AND first_sequence = 1"],
        (Fault.SEAL_REMOVED, 1, 10),
    ),
}


@pytest.fixture
def told(ledger: Ledger) -> Ledger:
    """Twenty entries of one account in two batches of seals, and some of two others."""
    for _ in range(2):
        tell(ledger, 10, evidence={"checks": [{"found": 1}]})
        seal(ledger)
    tell(ledger, 3, "other")
    seal(ledger, "other")
    tell(ledger, 2, "")
    return ledger


@pytest.mark.parametrize(("statements", "expected"), TAMPERING.values(), ids=TAMPERING.keys())
def test_what_a_superuser_did_is_named(
    told: Ledger, ledger_url: str, statements: list[str], expected: tuple[Fault, int, int]
) -> None:
    assert fault(told) is None
    superuser(ledger_url, *statements)
    assert fault(told) == expected
    assert fault(told, account_id="other") is None


def test_a_truncated_month_is_named(told: Ledger, ledger_url: str) -> None:
    with told.begin() as connection:
        (sequence,) = {each.last for each in seals.batches(connection, "other", 0, 10)}
    month = month_name(datetime.now(UTC).date())
    superuser(ledger_url, f"TRUNCATE {month}")
    assert fault(told) == (Fault.REMOVED, 1, 20)
    assert fault(told, account_id="other") == (Fault.REMOVED, 1, sequence)
    assert fault(told, account_id="") == (Fault.REMOVED, 1, 2)  # its numbers were handed out, though not sealed


def test_a_history_of_which_some_is_not_sealed_yet_is_whole_as_far_as_its_numbers_say(told: Ledger) -> None:
    tell(told, 4)
    found = verified(told)
    whole = found[ACCOUNT].found
    assert isinstance(whole, Whole)
    assert (whole.sealed.sequence, whole.unsealed) == (20, 4)
    assert isinstance(found[""].found, Whole)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [(deleted("sequence = 22"), (Fault.REMOVED, 22, 22)), (deleted("sequence = 24"), (Fault.REMOVED, 24, 24))],
)
def test_one_that_goes_before_it_is_sealed_leaves_its_number(
    told: Ledger, ledger_url: str, statement: str, expected: tuple[Fault, int, int]
) -> None:
    tell(told, 4)
    superuser(ledger_url, statement)
    assert fault(told) == expected


def _reseal(ledger: Ledger, url: str) -> None:
    """What somebody with all rights does who knows how seals are made: makes all of them anew."""
    superuser(url, f"DELETE FROM seals WHERE {MINE}")
    with ledger.begin() as connection:
        found = seals.entries(connection, ACCOUNT, 0, None, 1000)
    hashes = b"".join(chain(origin(ACCOUNT).hash, map(content_of, found)))
    with psycopg.connect(url) as connection_:
        connection_.execute(
            "INSERT INTO seals (account_id, first_sequence, last_sequence, hashes) VALUES (%s, 1, %s, %s)",
            (ACCOUNT, len(found), hashes),
        )


def test_a_chain_that_was_made_anew_differs_from_what_was_signed(told: Ledger, ledger_url: str) -> None:
    first = sign(told)
    tell(told, 10)
    seal(told)
    second = sign(told)
    assert [(each.account_id, each.sequence) for each in [*first, *second]] == [
        (ACCOUNT, 20),
        ("other", 3),
        (ACCOUNT, 30),
    ]
    superuser(ledger_url, set_detail(25, "never mind"))
    _reseal(told, ledger_url)
    assert fault(told, second) == (Fault.REWRITTEN, 21, 30)
    assert fault(told) == (Fault.REWRITTEN, 21, 30)  # by the ledger's own copy of the checkpoints
    superuser(ledger_url, "DELETE FROM checkpoints")
    assert fault(told) is None  # nothing is left in the ledger that could tell
    assert fault(told, [*first, *second]) == (Fault.REWRITTEN, 21, 30)
    assert fault(told, second) == (Fault.REWRITTEN, 1, 30)


def test_a_checkpoint_that_somebody_else_signed_is_none(told: Ledger, ledger_url: str) -> None:
    sign(told)
    superuser(ledger_url, f"UPDATE checkpoints SET signature = decode(repeat('00', 64), 'hex') WHERE {MINE}")
    assert fault(told) == (Fault.FORGED, 20, 20)


def test_an_end_that_was_cut_off_with_its_number_is_told_by_a_checkpoint(told: Ledger, ledger_url: str) -> None:
    exported = sign(told)
    superuser(
        ledger_url,
        deleted("sequence > 10"),
        f"DELETE FROM seals WHERE {MINE} AND first_sequence > 10",
        f"UPDATE journal_numbers SET last = 10 WHERE {MINE}",
        "DELETE FROM checkpoints",
    )
    assert fault(told) is None
    assert fault(told, exported) == (Fault.REMOVED, 11, 20)


def test_an_account_that_is_gone_altogether_is_told_by_a_checkpoint(told: Ledger, ledger_url: str) -> None:
    exported = sign(told)
    superuser(ledger_url, *(f"DELETE FROM {table} WHERE {MINE}" for table in ("journal", "seals", "journal_numbers")))
    assert fault(told, exported) == (Fault.REMOVED, 1, 20)
