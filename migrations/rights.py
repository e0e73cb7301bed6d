"""The two roles that the broker works as in the database, and what migrations let them do.

``clb_broker_application`` is what API and workers work as; ``clb_broker_agent`` is what requests of agents that only
read are answered as, behind row level security. Neither has a login. Roles belong to the server and not to a database,
so several migrations may make them at once: who comes second is content.
"""

from typing import Final

from alembic import op
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from app.domain.errors import SettingError

APPLICATION: Final = "clb_broker_application"
AGENT: Final = "clb_broker_agent"
CLUSTER_SETTING: Final = "clb_broker.cluster_id"
"""The setting of a transaction that says which cluster its agent is of."""

_MAKE: Final = """
DO $$ BEGIN
    CREATE ROLE {role} NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$
"""
_JOIN: Final = """
DO $$ BEGIN
    IF NOT pg_has_role(session_user, '{role}', 'MEMBER') THEN
        EXECUTE format('GRANT {role} TO %I', session_user);
    END IF;
EXCEPTION WHEN unique_violation THEN NULL;
END $$
"""
_THERE: Final = "SELECT count(*) FROM pg_roles WHERE rolname = '{role}'"


def make_roles() -> None:
    """Make both roles where they are missing, and let the migrating user work as them.

    Raises `SettingError` with the statements to run by hand where that user may not.
    """
    connection = op.get_bind()
    user, schema = connection.execute(text("SELECT quote_ident(session_user), quote_ident(current_schema())")).one()
    try:
        for role in (APPLICATION, AGENT):
            if not connection.execute(text(_THERE.format(role=role))).scalar_one():
                op.execute(_MAKE.format(role=role))
            op.execute(_JOIN.format(role=role))
    except ProgrammingError as error:
        if not isinstance(error.orig, InsufficientPrivilege):
            raise
        raise SettingError(_by_hand(user)) from error
    op.execute(f"GRANT USAGE ON SCHEMA {schema} TO {APPLICATION}, {AGENT}")


def let_application(rights: str, *tables: str) -> None:
    """Let the application do this, ``SELECT, INSERT`` say, on ``tables``."""
    op.execute(f"GRANT {rights} ON {', '.join(tables)} TO {APPLICATION}")


def wall_off(table: str, *, agents_read: bool = True) -> None:
    """Put ``table``, which has a column ``cluster_id``, behind row level security.

    The application sees all rows; an agent those of its cluster, where it may read the table at all.
    """
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY {table}_all_for_the_application ON {table} TO {APPLICATION} USING (true)")
    if agents_read:
        own = f"cluster_id = current_setting('{CLUSTER_SETTING}', true)"
        op.execute(f"CREATE POLICY {table}_own_for_an_agent ON {table} FOR SELECT TO {AGENT} USING ({own})")
        op.execute(f"GRANT SELECT ON {table} TO {AGENT}")


def _by_hand(user: str) -> str:
    return (
        "the migrating user may not make the broker's roles; let one who may run: "
        f"CREATE ROLE {APPLICATION} NOLOGIN; CREATE ROLE {AGENT} NOLOGIN; GRANT {APPLICATION}, {AGENT} TO {user};"
    )
