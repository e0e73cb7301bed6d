"""The second wall: what an agent is answered from holds no row of another cluster, whatever the query forgets."""

import threading

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.domain.errors import LedgerNotMigrated
from app.domain.journal import Action, Entry
from app.ledger import bindings, journal
from app.ledger.connection import Ledger
from app.ledger.tables import METADATA
from tests.ledger.building import a_binding, at_once, execute, furnish, keep

OF_CLUSTERS = sorted(table.name for table in METADATA.sorted_tables if "cluster_id" in table.c)
SECRET = {"tokens", "trusts"}
ALSO_READ = {"journal_numbers"}
"""Of the tables without rows of clusters: a listing of history asks how far each account's goes."""
ROWS_FOR_BOTH = {
    "drift": "(account_id, load_balancer_id, listener_id, location_id, ip, port, kind, action, cluster_id, seen_at)"
    " VALUES ('default', 'lb-1', 'l', '', '10.0.0.1', 1, 'missing', 'put-back', :cluster_id, now())",
    "events": "(account_id, cluster_id, event_id, digest, outcome)"
    " VALUES ('default', :cluster_id, 'e', 'd', 'accepted')",
    "heads": "(account_id, cluster_id, pod_uid, target_key, load_balancer_id, target, revision)"
    " VALUES ('default', :cluster_id, 'u', 't', 'lb-1', '{}', 1)",
    "nodes": "(account_id, cluster_id, instance_id, ip, security_group_ids)"
    " VALUES ('default', :cluster_id, 'ins-' || :cluster_id, '10.0.1.1', '[]')",
    "verifications": "(account_id, verification_id, cluster_id, ip, network_mode)"
    " VALUES ('default', 'v-' || :cluster_id, :cluster_id, '10.0.0.1', 'vpc-cni')",
    "tokens": "(token_id, secret_hash, role, cluster_id) VALUES ('t-' || :cluster_id, 'h', 'agent', :cluster_id)",
    "trusts": "(account_id, trust_id, cluster_id, issuer, audience, subjects)"
    " VALUES ('default', 'cluster:' || :cluster_id, :cluster_id, 'i', 'a', '[]')",
    "change_numbers": "(account_id, cluster_id, last) VALUES ('default', :cluster_id, 7)"
    " ON CONFLICT (account_id, cluster_id) DO NOTHING",
    "journal_standing": "(account_id, load_balancer_id, listener_id, location_id, ip, port, binding_id, cluster_id,"
    " sequence, recorded_at) VALUES ('default', 'lb-1', 'l', '', '10.0.0.1',"
    " CASE :cluster_id WHEN 'cls-a' THEN 1 ELSE 2 END, 'b', :cluster_id, 1, now())",
}


@pytest.fixture
def both(ledger: Ledger) -> Ledger:
    """A ledger with rows of two clusters in every table that has rows of clusters."""
    furnish(ledger)
    keep(
        ledger, a_binding("b-a", cluster_id="cls-a", ip="10.0.0.1"), a_binding("b-b", cluster_id="cls-b", ip="10.0.0.2")
    )
    with ledger.begin() as connection:
        journal.add(
            connection, "x", [Entry(Action.GRANT_MADE, "default", cluster_id=each) for each in ("cls-a", "cls-b")]
        )
    for table, rest in ROWS_FOR_BOTH.items():
        for cluster_id in ("cls-a", "cls-b"):
            execute(ledger, f"INSERT INTO {table} {rest}", cluster_id=cluster_id)
    return ledger


def owners(ledger: Ledger, table: str) -> set[str]:
    """Whose rows a query finds that forgets to ask for a cluster."""
    with ledger.begin() as connection:
        return set(connection.execute(text(f"SELECT cluster_id FROM {table}")).scalars())


@pytest.mark.parametrize("table", OF_CLUSTERS)
def test_a_query_that_forgets_the_cluster_finds_no_row_of_another(both: Ledger, table: str) -> None:
    assert owners(both, table) == {"cls-a", "cls-b"}
    if table in SECRET:
        with pytest.raises(LedgerNotMigrated, match="permission denied"):
            owners(both.behind_the_wall("cls-a"), table)
    else:
        assert owners(both.behind_the_wall("cls-a"), table) == {"cls-a"}
        assert owners(both.behind_the_wall("cls-none"), table) == set()
        assert owners(both.behind_the_wall(""), table) == set()


def test_the_rooms_own_queries_without_their_filters_find_no_row_of_another(both: Ledger) -> None:
    with both.behind_the_wall("cls-a").begin() as connection:
        assert {each.cluster_id for each in bindings.listing(connection, {}, "", 100)} == {"cls-a"}
        assert bindings.find(connection, "b-b") is None
        assert bindings.changes(connection, "cls-b", 0, 100) == []


@pytest.mark.parametrize("table", sorted(table.name for table in METADATA.sorted_tables))
def test_behind_the_wall_nothing_is_written_and_what_all_share_is_not_read(both: Ledger, table: str) -> None:
    walled = both.behind_the_wall("cls-a")
    for statement in (
        f"DELETE FROM {table}",
        f"UPDATE {table} SET account_id = 'x'",
        f"INSERT INTO {table} DEFAULT VALUES",
    ):
        with pytest.raises((LedgerNotMigrated, DBAPIError)), walled.begin() as connection:
            connection.exec_driver_sql(
                statement.replace("account_id = 'x'", f"{METADATA.tables[table].columns[0].name} = DEFAULT")
            )
    if table not in {*OF_CLUSTERS, *ALSO_READ}:
        with pytest.raises(LedgerNotMigrated, match="permission denied"), walled.begin() as connection:
            connection.exec_driver_sql(f"SELECT * FROM {table}")


def test_role_and_cluster_end_with_the_transaction(ledger_url: str) -> None:
    ledger = Ledger(ledger_url, pool_size=1)
    who = text("SELECT current_user::text, current_setting('clb_broker.cluster_id', true), pg_backend_pid()")

    def seen(opened: Ledger) -> tuple[str, str, int]:
        with opened.begin() as connection:
            user, cluster_id, session = connection.execute(who).one()
        return user, cluster_id or "", session

    before = seen(ledger)
    walled = seen(ledger.behind_the_wall("cls-a"))
    with pytest.raises(ZeroDivisionError), ledger.behind_the_wall("cls-b").begin():
        raise ZeroDivisionError
    with pytest.raises(LedgerNotMigrated), ledger.behind_the_wall("cls-b").begin() as connection:
        connection.exec_driver_sql("SELECT * FROM leases")
    after = seen(ledger)
    assert {session for *_, session in (before, walled, after)} == {before[2]}
    assert walled[:2] == ("clb_broker_agent", "cls-a")
    assert before[:2] == after[:2] == ("clb_broker_application", "")
    ledger.close()


def test_agents_of_many_clusters_share_connections_and_never_rows(both: Ledger, ledger_url: str) -> None:
    ledger = Ledger(ledger_url, pool_size=2)
    mixed = threading.Event()

    def look(cluster_id: str) -> int:
        for _ in range(25):
            found = owners(ledger.behind_the_wall(cluster_id), "bindings") if cluster_id else owners(ledger, "bindings")
            if found != ({cluster_id} if cluster_id else {"cls-a", "cls-b"}):
                mixed.set()
        return 0

    at_once([lambda each=each: look(each) for each in ("cls-a", "cls-b", "", "cls-a", "cls-b", "")])
    assert not mixed.is_set()
    ledger.close()


def test_the_application_may_add_to_history_and_not_change_it(both: Ledger) -> None:
    for statement in ("UPDATE journal SET actor = 'x'", "DELETE FROM journal", "TRUNCATE journal"):
        with pytest.raises(LedgerNotMigrated, match="permission denied"), both.begin() as connection:
            connection.exec_driver_sql(statement)
    with both.statements() as connection:
        assert connection.exec_driver_sql("SELECT current_user::text").scalar_one() == "clb_broker_application"


def test_behind_the_wall_there_is_no_way_out(both: Ledger) -> None:
    walled = both.behind_the_wall("cls-a")
    with pytest.raises(TypeError), walled.statements():
        pass
    with pytest.raises(TypeError):
        walled.behind_the_wall("cls-b")
    with pytest.raises(TypeError):
        walled.close()
