"""The database's roles: made by who may, and where he may not, one line says what to run by hand."""

from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy.engine import make_url

from app.broker.look_up import ready
from app.domain.errors import SettingError
from app.ledger.connection import Ledger
from app.ledger.schema import migrate_ledger
from tests.conftest import database_of

USER = "plain_owner"


@pytest.fixture
def owned(postgres: str) -> Iterator[str]:
    """The libpq URI of an empty database, as a user who owns it and may do nothing else."""
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {USER} LOGIN")
        admin.execute(f"CREATE DATABASE owned OWNER {USER}")
    url = make_url(database_of(postgres, "owned")).set(username=USER)
    yield url.render_as_string(hide_password=False)
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute("DROP DATABASE owned WITH (FORCE)")
        admin.execute(f"DROP ROLE {USER}")


def test_who_may_not_make_the_roles_is_told_what_to_run_and_then_is_done(owned: str, postgres: str) -> None:
    with pytest.raises(SettingError) as raised:
        migrate_ledger(owned)
    told = str(raised.value)
    assert "\n" not in told
    by_hand = told.partition("run: ")[2]
    assert "CREATE ROLE clb_broker_application NOLOGIN; CREATE ROLE clb_broker_agent NOLOGIN;" in by_hand
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(
            by_hand[by_hand.index("GRANT") :].encode()
        )  # the roles themselves are there: they are the server's
    migrate_ledger(owned)
    ledger = Ledger(owned)
    assert ready(ledger)
    with ledger.begin() as connection:
        user = connection.exec_driver_sql("SELECT session_user::text, current_user::text").one()
    assert tuple(user) == (USER, "clb_broker_application")
    with ledger.behind_the_wall("cls-a").begin() as connection:
        assert connection.exec_driver_sql("SELECT current_user::text").scalar_one() == "clb_broker_agent"
    ledger.close()
