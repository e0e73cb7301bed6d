"""What tests of several rooms share: a real Postgres, a fresh ledger for each test, and a cloud on the wire."""

import shutil
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest

from app.ledger.connection import Ledger
from app.ledger.embedded import temporary_postgres
from app.ledger.schema import migrate_ledger

_NUMBERS = count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The libpq URI of a real Postgres, with a migrated database ``template_ledger`` in it."""
    place = Path(tempfile.mkdtemp(prefix="clb-broker-tests-"))
    place.chmod(0o755)  # the embedded Postgres drops its rights and must still reach its data
    with temporary_postgres(place) as uri:
        with psycopg.connect(uri, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
            connection.execute("CREATE DATABASE template_ledger")
        migrate_ledger(database_of(uri, "template_ledger"))
        yield uri
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def ledger_url(postgres: str) -> Iterator[str]:
    """The libpq URI of a migrated, empty ledger of this test's own."""
    name = f"ledger_{next(_NUMBERS)}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template_ledger STRATEGY file_copy")
    yield database_of(postgres, name)
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    """An empty ledger of this test's own."""
    opened = Ledger(ledger_url)
    yield opened
    opened.close()


def database_of(uri: str, name: str) -> str:
    """``uri`` with another database in it."""
    return uri.replace("/postgres?", f"/{name}?")
