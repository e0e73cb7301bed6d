"""The schema's migrations, and whether they have been run."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

import migrations


def migrate_ledger(database_url: str) -> str:
    """Bring the ledger's schema up to date, and say at which revision it is. Safe to run twice, and by two at once."""
    config = _config(database_url)
    command.upgrade(config, "head")
    return str(ScriptDirectory.from_config(config).get_current_head())


def migrated(connection: Connection) -> bool:
    """Whether the ledger's schema is the one that this code was written for."""
    current = MigrationContext.configure(connection).get_current_revision()
    return current == ScriptDirectory.from_config(_config("")).get_current_head()


def _config(database_url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.attributes["database_url"] = database_url
    return config
