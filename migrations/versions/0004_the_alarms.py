"""the alarms, and the drain time of a cluster."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    time = sa.DateTime(timezone=True)
    op.add_column("load_balancers", sa.Column("failing_since", time, nullable=True))
    op.add_column("load_balancers", sa.Column("alarmed_at", time, nullable=True))
    op.add_column("clusters", sa.Column("drain_seconds", sa.Integer(), nullable=True))
    op.create_check_constraint("clusters_drain_seconds_in_range", "clusters", "drain_seconds BETWEEN 0 AND 3600")
    for work in ("topology", "verification", "reverification"):
        op.add_column("clusters", sa.Column(f"{work}_failing_since", time, nullable=True))
    op.add_column("clusters", sa.Column("alarmed_at", time, nullable=True))
