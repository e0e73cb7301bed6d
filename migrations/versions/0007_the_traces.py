"""the trace of the latest word about a binding."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("bindings", sa.Column("traceparent", sa.Text(), nullable=True))
