"""the pace: a budget that throttled answers lower, and tails that are learned."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("call_budget", sa.Column("lowered_to", sa.Float(), nullable=True))
    op.add_column("call_budget", sa.Column("lowered_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("load_balancers", sa.Column("tail_factor", sa.Float(), server_default="1", nullable=False))
    op.add_column("load_balancers", sa.Column("tail_ends_at", sa.DateTime(timezone=True), nullable=True))
