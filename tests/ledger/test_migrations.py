"""A ledger in use at an earlier revision: what is in it is kept, and has the work that new versions give it."""

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from psycopg.errors import CheckViolation

import migrations
from app.broker.look_up import ready
from app.domain.binding import Verdict
from app.domain.cluster import NetworkMode
from app.domain.journal import Action, Entry, month_after
from app.ledger import bindings, clusters, journal, journal_months, leases, load_balancers, proofs
from app.ledger.connection import Ledger
from app.ledger.leases import LeaseSubject
from app.ledger.schema import described, migrate_ledger, migrated
from app.ledger.tables import METADATA
from tests.broker.sealing import fault, seal
from tests.conftest import database_of
from tests.ledger.building import execute

MINUTE = timedelta(minutes=1)

ROWS = """
INSERT INTO clusters (account_id, cluster_id, region, verification, topology_found, topology_read_at, max_removal_share)
VALUES ('default', 'cls-a', 'r-1', 'strict',
        '{"vpc_id": "vpc-1", "cluster_cidrs": [], "service_cidr": null, "eni_subnet_ids": []}', now(), 0.3),
       ('default', 'cls-b', 'r-1', 'declared', NULL, NULL, 0.3),
       ('second', 'cls-c', 'r-2', 'strict', NULL, NULL, 0.3);
INSERT INTO load_balancers (account_id, load_balancer_id, region, inventory)
VALUES ('default', 'lb-1', 'r-1', '{"vpc_id": "vpc-1", "vips": ["1.2.3.4"], "listeners": []}'),
       ('default', 'lb-2', 'r-3', NULL);
INSERT INTO leases (account_id, subject, subject_id)
VALUES ('default', 'verification', 'cls-a'), ('default', 'topology', 'cls-a'), ('default', 'load-balancer', 'lb-1');
INSERT INTO journal (actor, action) VALUES ('operator:ann', 'cluster-registered');
INSERT INTO journal (account_id, actor, action, recorded_at, binding_id, load_balancer_id, listener_id, ip, port,
    cluster_id, from_state, to_state, detail)
VALUES ('default', 'agent:a', 'binding-created', '2026-05-31T23:59:59Z', 'b-1', 'lb-1', 'lbl-1', '10.0.3.1', 8080,
        'cls-a', NULL, 'verifying', 'first'),
       ('default', 'worker:w', 'binding-moved', '2026-06-01T00:00:01Z', 'b-1', 'lb-1', 'lbl-1', '10.0.3.1', 8080,
        'cls-a', 'pending', 'bound', 'second'),
       ('second', 'worker:w', 'cluster-registered', '2026-07-01T00:00:00Z', NULL, NULL, NULL, NULL, NULL,
        'cls-c', NULL, NULL, 'another account'),
       ('default', 'worker:w', 'binding-moved', '2026-06-01T00:00:00Z', 'b-3', 'lb-1', 'lbl-1', '10.0.3.3', 8080,
        'cls-a', 'bound', 'draining', 'third: begun before the second, and written after it');
"""
BINDING = """
INSERT INTO bindings (account_id, binding_id, cluster_id, load_balancer_id, listener_id, location_id, ip, port, target,
    pod_uid, pod, workload, network_mode, weight, revision, state, live, holder, placed, generation, verdict,
    verification, health, created_at, updated_at, change_sequence)
VALUES ('default', %(id)s, 'cls-a', 'lb-1', 'lbl-1', '', %(ip)s, 8080,
    '{"load_balancer_id": "lb-1", "port": 8080, "listener_id": "lbl-1", "location_id": null, "protocol": null,
      "listener_port": null, "domain": null, "url": null}',
    %(id)s, '{"namespace": "shop", "name": "web-1", "uid": "u-1", "ip": "10.0.3.17", "node": null}', %(workload)s,
    'vpc-cni', 10, 1, %(state)s, %(live)s, %(live)s, %(live)s, 1, 'proven',
    '{"method": "eni", "checked_at": "2026-11-23T08:00:00+00:00", "evidence": {"detail": null}, "warnings": []}',
    'unknown', now(), now(), 1)
"""
WEB = '{"kind": "Deployment", "name": "web"}'


def upgrade(url: str, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.attributes["database_url"] = url
    command.upgrade(config, revision)


@pytest.fixture
def ledger_url(postgres: str) -> Iterator[str]:
    """A ledger at revision 0001, with rows of every kind that 0002 touches."""
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("CREATE DATABASE earlier")
    url = database_of(postgres, "earlier")
    upgrade(url, "0001")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(ROWS)
        for name, state, live, workload in (
            ("b-1", "bound", True, WEB),
            ("b-2", "bound", True, None),
            ("b-3", "released", False, WEB),
        ):
            values = {"id": name, "ip": f"10.0.3.{name[2:]}", "state": state, "live": live, "workload": workload}
            connection.execute(BINDING, values)
    yield url
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("DROP DATABASE earlier WITH (FORCE)")


@pytest.fixture
def now(ledger_url: str, ledger: Ledger) -> Ledger:
    """The same ledger, brought up to date."""
    assert not ready(ledger)
    migrate_ledger(ledger_url)
    return ledger


def test_a_ledger_in_use_becomes_the_one_that_the_code_was_written_for(now: Ledger) -> None:
    with now.begin() as connection:
        assert migrated(connection)
        options = {
            "compare_type": True,
            "compare_server_default": True,
            "include_name": described,
        }
        assert compare_metadata(MigrationContext.configure(connection, opts=options), METADATA) == []


def test_what_was_there_has_the_work_that_is_new(now: Ledger) -> None:
    subjects = "SELECT account_id, subject, subject_id FROM leases WHERE subject IN ('reverification', 'region')"
    assert sorted(execute(now, subjects)) == [
        ("default", "region", "r-1"),
        ("default", "region", "r-3"),
        ("default", "reverification", "cls-a"),
        ("default", "reverification", "cls-b"),
        ("second", "region", "r-2"),
        ("second", "reverification", "cls-c"),
    ]
    assert sorted(execute(now, "SELECT account_id, region FROM regions")) == [
        ("default", "r-1"),
        ("default", "r-3"),
        ("second", "r-2"),
    ]
    for subject in (LeaseSubject.REVERIFICATION, LeaseSubject.REGION):
        with now.begin() as connection:
            assert len(leases.take(connection, subject, "worker-1", MINUTE, 10)) == 3


def test_what_was_there_is_read_as_it_was(now: Ledger) -> None:
    with now.begin() as connection:
        cluster = clusters.find(connection, "cls-a")
        load_balancer = load_balancers.find(connection, "lb-1")
        binding = bindings.find(connection, "b-1")
    assert cluster is not None
    assert load_balancer is not None
    assert load_balancer.inventory is not None
    assert binding is not None
    assert (cluster.platform, cluster.topology and cluster.topology.vpc_id) == (None, "vpc-1")
    assert (load_balancer.inventory.internal, load_balancer.inventory.snat_pro) == (False, False)
    assert binding.verification.verdict is Verdict.PROVEN
    assert str(binding.verification.checked_at) == "2026-11-23 08:00:00+00:00"


def test_history_of_before_is_numbered_as_it_was_written_and_no_time_goes_back(now: Ledger) -> None:
    told = "SELECT sequence, to_char(recorded_at, 'MM-DD HH24:MI:SS'), actor, detail, presence, weight FROM journal"
    assert execute(now, f"{told} WHERE account_id = 'default' ORDER BY sequence") == [
        (1, "05-31 23:59:59", "agent:a", "first", None, None),
        (2, "06-01 00:00:01", "worker:w", "second", "present", 10),
        (3, "06-01 00:00:01", "worker:w", "third: begun before the second, and written after it", "drained", 0),
    ]
    others = "SELECT account_id, sequence, actor, action, evidence FROM journal WHERE account_id <> 'default'"
    assert sorted(execute(now, others)) == [
        ("", 1, "operator:ann", "cluster-registered", None),
        ("second", 1, "worker:w", "cluster-registered", None),
    ]
    numbers = "SELECT account_id, last FROM journal_numbers ORDER BY account_id"
    assert execute(now, numbers) == [("", 1), ("default", 3), ("second", 1)]
    with now.begin() as connection:
        months = journal_months.months(connection)
        this_month = journal_months.this_month(connection)
    assert months[0] == date(2026, 5, 1)
    assert month_after(month_after(month_after(this_month))) == months[-1]
    assert all(month_after(each) == after for each, after in pairwise(months))


def test_history_of_before_is_sealed_and_goes_on(now: Ledger) -> None:
    assert [seal(now, account_id) for account_id in ("default", "", "second")] == [5, 0, 0]
    with now.begin() as connection:
        journal.add(connection, "worker:w", [Entry(Action.BINDING_MOVED, account_id="default")])
    assert execute(now, "SELECT max(sequence) FROM journal WHERE account_id = 'default'") == [4]
    assert fault(now) is None


def test_proofs_of_before_are_looked_at_again_at_once(now: Ledger) -> None:
    with now.begin() as connection:
        due = clusters.reverification_due(connection, "cls-a")
        found = proofs.standing(connection, "cls-a", due, "", 10)
    assert [binding.binding_id for binding in found] == ["b-1", "b-2"]


def test_the_modes_of_workloads_that_are_bound_already_stand(now: Ledger) -> None:
    with now.begin() as connection:
        found = proofs.workload_modes(connection, "cls-a", ["shop/Deployment/web"])
    assert dict(found) == {"shop/Deployment/web": NetworkMode.VPC_CNI}
    keys = execute(now, "SELECT workload_key FROM bindings WHERE live ORDER BY binding_id")
    assert keys == ["shop/Deployment/web", None]


def test_a_version_of_before_can_still_write_its_bindings_and_no_history_without_a_number(
    now: Ledger, ledger_url: str
) -> None:
    with psycopg.connect(ledger_url, autocommit=True) as connection:
        connection.execute(BINDING, {"id": "b-9", "ip": "10.0.9.9", "state": "bound", "live": True, "workload": WEB})
        with pytest.raises(CheckViolation):
            connection.execute("INSERT INTO journal (actor, action) VALUES ('agent:a', 'binding-created')")
    with now.begin() as connection:
        binding = bindings.find(connection, "b-9")
    assert binding is not None
    assert binding.workload_key == "shop/Deployment/web"


def test_the_health_of_what_is_bound_already_is_read_at_once(now: Ledger) -> None:
    due = "SELECT load_balancer_id FROM load_balancers WHERE health_due_at <= now()"
    assert execute(now, due) == ["lb-1"]
    with now.begin() as connection:
        taken = leases.take(connection, LeaseSubject.HEALTH, "worker-1", MINUTE, 10)
    assert [(lease.account_id, lease.subject_id) for lease in taken] == [("default", "r-1")]
