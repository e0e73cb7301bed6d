"""The schema's migrations, and whether they have been run."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

import migrations

OWN_TABLES: Final = frozenset({"alembic_version", "migration_lock"})


def described(name: str | None, kind: str, _parents: object) -> bool:
    """Whether something in the database is described by `app.ledger.tables`: not alembic's, and no month of history."""
    return kind != "table" or not (name in OWN_TABLES or str(name).startswith("journal_2"))


def migrate_ledger(database_url: str) -> str:
    """Bring the ledger's schema up to date, and say at which revision it is. Safe to run twice, and by two at once."""
    config = _config(database_url)
    command.upgrade(config, "head")
    return str(ScriptDirectory.from_config(config).get_current_head())


def migrated(connection: Connection) -> bool:
    """Whether the ledger's schema is the one that this code was written for, or a newer one.

    Migrations also serve the version before (CONTRIBUTING.md), whose processes work on while an upgrade takes its time.
    """
    current = MigrationContext.configure(connection).get_current_revision()
    head = ScriptDirectory.from_config(_config("")).get_current_head()
    return current is not None and head is not None and int(current) >= int(head)


def _config(database_url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.attributes["database_url"] = database_url
    return config
