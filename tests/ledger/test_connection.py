"""A database that does not answer is a temporary trouble with a name of its own, and nothing is half done."""

import contextlib
import threading
from operator import methodcaller

import psycopg
import pytest
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError, ProgrammingError

from app.domain.errors import LedgerUnavailable
from app.ledger import connection as ledger_connection
from app.ledger.connection import Connection, Ledger, clock, engine_url
from tests.conftest import database_of
from tests.ledger.building import a_binding, at_once, execute, fail, furnish, in_one, keep

NOWHERE = "postgresql://127.0.0.1:1/none"


def answers(ledger: Ledger) -> int:
    with ledger.begin() as connection:
        answer: int = connection.exec_driver_sql("SELECT 1").scalar_one()
    return answer


def cut_all(postgres: str, ledger_url: str) -> int:
    """End every other connection to the test's database, as a restart of the server does; how many there were."""
    with psycopg.connect(postgres, autocommit=True) as admin:
        name = psycopg.conninfo.conninfo_to_dict(ledger_url)["dbname"]
        # With a time limit it waits until they are gone: a server that is asked to end them has not said so yet.
        others = "SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity WHERE datname = %s"
        return admin.execute(others, (name,)).rowcount


def write_half(connection: Connection) -> None:
    connection.exec_driver_sql("UPDATE load_balancers SET last_error = 'half done'")


def test_a_database_that_is_not_there_is_unavailable() -> None:
    ledger = Ledger(NOWHERE)
    with pytest.raises(LedgerUnavailable, match="onnection") as raised:
        answers(ledger)
    assert "\n" not in str(raised.value)
    ledger.close()


def test_a_ledger_can_be_made_before_its_database_answers() -> None:
    Ledger(NOWHERE).close()


def test_a_connection_cut_between_transactions_is_not_even_noticed(
    ledger: Ledger, ledger_url: str, postgres: str
) -> None:
    assert answers(ledger) == 1
    assert cut_all(postgres, ledger_url) >= 1
    assert answers(ledger) == 1


def test_a_connection_that_rested_keeps_the_statements_that_it_has_prepared(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_connection, "RESTED_SECONDS", 0.0)  # so that it is tried before each use
    for _ in range(3):
        answers(ledger)
    prepared = "SELECT count(*) FROM pg_prepared_statements WHERE statement = 'SELECT 1' AND NOT from_sql"
    assert execute(ledger, prepared) == [1]


def test_a_connection_cut_in_the_middle_undoes_the_transaction_and_the_next_one_works(
    ledger: Ledger, ledger_url: str, postgres: str
) -> None:
    furnish(ledger)
    with pytest.raises(LedgerUnavailable):
        in_one(ledger, write_half, lambda _: cut_all(postgres, ledger_url), write_half)
    assert execute(ledger, "SELECT DISTINCT last_error FROM load_balancers") == [None]


def test_a_connection_cut_before_the_commit_is_heard_of(ledger: Ledger, ledger_url: str, postgres: str) -> None:
    furnish(ledger)
    with pytest.raises(LedgerUnavailable):
        in_one(ledger, write_half, lambda _: cut_all(postgres, ledger_url))
    assert execute(ledger, "SELECT DISTINCT last_error FROM load_balancers") == [None]


def test_threads_whose_server_is_cut_again_and_again_go_on_afterwards(
    ledger: Ledger, ledger_url: str, postgres: str
) -> None:
    cut = threading.Event()

    def ask_until_all_is_well() -> int:
        well = 0
        while well < 5:
            over = cut.is_set()
            with contextlib.suppress(LedgerUnavailable):
                well += answers(ledger) if over else 0 * answers(ledger)
        return well

    def cut_five_times() -> int:
        ended = sum(cut_all(postgres, ledger_url) for _ in range(5))
        cut.set()
        return ended

    *well, ended = at_once([*[ask_until_all_is_well] * 8, cut_five_times])
    assert well == [5] * 8
    assert ended > 0


def test_a_schema_that_was_never_migrated_is_unavailable_and_says_what_to_run(postgres: str) -> None:
    ledger = Ledger(database_of(postgres, "postgres"))
    with pytest.raises(LedgerUnavailable, match="run clb-broker migrate"):
        execute(ledger, "SELECT * FROM bindings")
    ledger.close()


def test_a_mistake_in_a_statement_is_not_taken_for_trouble_with_the_database(ledger: Ledger) -> None:
    with pytest.raises(ProgrammingError):
        execute(ledger, "SELEC 1")
    furnish(ledger)
    keep(ledger, a_binding())
    with pytest.raises(IntegrityError):
        keep(ledger, a_binding())


def test_what_is_raised_inside_rolls_back_and_comes_out_as_it_is(ledger: Ledger) -> None:
    furnish(ledger)
    with pytest.raises(ZeroDivisionError):
        in_one(ledger, lambda connection: connection.exec_driver_sql("DELETE FROM grants"), fail)
    assert execute(ledger, "SELECT count(*) FROM grants") == [4]


@pytest.mark.parametrize("setting", ["lock_timeout = '50ms'", "statement_timeout = '50ms'"], ids=["lock", "statement"])
def test_a_transaction_that_stands_in_the_way_for_long_makes_the_ledger_unavailable(
    ledger: Ledger, setting: str
) -> None:
    furnish(ledger)
    with ledger.begin() as standing:
        standing.exec_driver_sql("SELECT * FROM clusters FOR UPDATE")
        steps = [f"SET LOCAL {setting}", "SELECT * FROM clusters FOR UPDATE"]
        with pytest.raises(LedgerUnavailable, match="timeout"):
            in_one(ledger, *(methodcaller("exec_driver_sql", step) for step in steps))


def test_every_session_has_bounds_for_statements_locks_and_forgotten_transactions(ledger: Ledger) -> None:
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "TimeZone")
    assert [execute(ledger, f"SHOW {name}")[0] for name in names] == ["20s", "10s", "30s", "UTC"]


def test_a_pool_without_a_free_connection_is_unavailable_not_a_crash(
    ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_connection, "POOL_SECONDS", 0.05)
    ledger = Ledger(ledger_url, pool_size=1)
    with ledger.begin(), ledger.begin(), pytest.raises(LedgerUnavailable):
        answers(ledger)
    assert answers(ledger) == 1
    ledger.close()


def test_the_clock_is_the_database_s_and_goes_on_within_a_transaction(ledger: Ledger) -> None:
    with ledger.begin() as connection:
        first = clock(connection)
        connection.exec_driver_sql("SELECT pg_sleep(0.01)")
        assert (clock(connection) - first).total_seconds() >= 0.01
        assert first.tzinfo is not None


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("postgresql://user:p%40ss@host:5432/db", "postgresql+psycopg://user:p%40ss@host:5432/db"),
        ("postgres://host/db", "postgresql+psycopg://host/db"),
        ("postgresql:///db?host=/tmp/socket", "postgresql+psycopg:///db?host=/tmp/socket"),
    ],
)
def test_a_libpq_uri_is_understood(given: str, expected: str) -> None:
    assert make_url(engine_url(given)) == make_url(expected)


def test_a_statement_of_its_own_is_kept_although_nobody_commits_it_and_another_one_failed(ledger: Ledger) -> None:
    furnish(ledger)
    with ledger.statements() as connection:
        write_half(connection)
        with pytest.raises(ProgrammingError):
            connection.exec_driver_sql("SELEC 1")
    assert execute(ledger, "SELECT DISTINCT last_error FROM load_balancers") == ["half done"]


@pytest.mark.parametrize(("opened", "expected"), [("begin", "on"), ("statements", "off")])
def test_transactions_wait_for_the_disk_and_single_statements_do_not(
    ledger: Ledger, opened: str, expected: str
) -> None:
    with getattr(ledger, opened)() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar_one() == expected


def test_single_statements_of_a_database_that_is_not_there_are_unavailable_too() -> None:
    ledger = Ledger(NOWHERE)
    with pytest.raises(LedgerUnavailable), ledger.statements():
        pass
    ledger.close()
