"""How migrations are run: one migrator at a time, all steps in one transaction, and no waiting without end.

The lock is a table's, not an advisory one, so that it also holds on a distributed Postgres. Whoever comes second waits
for the first and then finds nothing to do.
"""

from alembic import context
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import IntegrityError, ProgrammingError
from sqlalchemy.pool import NullPool

from app.ledger.connection import engine_url
from app.ledger.schema import described
from app.ledger.tables import METADATA

LOCK_SECONDS = 60
STATEMENT_SECONDS = 600


def make_lock(connection: Connection) -> None:
    """Make the table that serves as lock; two that make it at once are both content."""
    try:
        with connection.begin():
            connection.execute(text("CREATE TABLE IF NOT EXISTS migration_lock (taken_at timestamptz)"))
    except (IntegrityError, ProgrammingError):
        # CREATE TABLE IF NOT EXISTS is no lock itself: the loser of a race hears of a duplicate. Read it to be sure.
        with connection.begin():
            connection.execute(text("SELECT taken_at FROM migration_lock LIMIT 1"))


def run(connection: Connection) -> None:
    """Bring the schema up to date in one transaction."""
    make_lock(connection)
    context.configure(
        connection=connection,
        target_metadata=METADATA,
        transaction_per_migration=False,
        include_name=described,
    )
    with context.begin_transaction():
        connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"))
        connection.execute(text(f"SET LOCAL statement_timeout = '{STATEMENT_SECONDS}s'"))
        connection.execute(text("LOCK TABLE migration_lock IN ACCESS EXCLUSIVE MODE"))
        context.run_migrations()


engine = create_engine(engine_url(context.config.attributes["database_url"]), poolclass=NullPool)
with engine.connect() as ledger:
    run(ledger)
engine.dispose()
