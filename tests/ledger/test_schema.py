"""The schema that the migrations build is the one that the code was written for."""

import os
import subprocess
import sys

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from app.ledger.connection import Ledger
from app.ledger.schema import described, migrate_ledger, migrated
from app.ledger.tables import METADATA


def test_the_migrated_schema_equals_the_tables(ledger: Ledger) -> None:
    with ledger.begin() as connection:
        options = {"compare_type": True, "compare_server_default": True, "include_name": described}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), METADATA) == []


def test_a_migrated_ledger_says_so(ledger: Ledger) -> None:
    with ledger.begin() as connection:
        assert migrated(connection)


def test_migrating_twice_and_by_several_at_once_is_safe(ledger: Ledger, ledger_url: str) -> None:
    with ledger.begin() as connection:
        connection.exec_driver_sql("SET LOCAL ROLE NONE")
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    migrate = [sys.executable, "-m", "app", "migrate"]
    environment = {**os.environ, "CLB_BROKER_DATABASE_URL": ledger_url}
    migrators = [subprocess.Popen(migrate, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = [migrator.communicate()[0].strip() for migrator in migrators]
    assert said == ["migrate: the ledger's schema is at 0007"] * 3
    assert migrate_ledger(ledger_url) == "0007"
    with ledger.begin() as connection:
        assert migrated(connection)
