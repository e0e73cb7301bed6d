"""what clusters and people are trusted by; the roles of the broker in the database, and the wall between clusters."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.rights import let_application, make_roles, wall_off

revision = "0005"
down_revision = "0004"

EVERYTHING = "SELECT, INSERT, UPDATE, DELETE"
SHARED = (
    "call_budget",
    "ccns",
    "cloud_operations",
    "leases",
    "load_balancers",
    "regions",
    "security_groups",
    "vips",
    "vpcs",
)
"""Tables without rows of clusters: the evidence and the work that all share. Agents have no right on them."""

OF_CLUSTERS = (
    "agents",
    "bindings",
    "change_numbers",
    "clusters",
    "drift",
    "events",
    "grants",
    "heads",
    "nodes",
    "verifications",
)
SECRETS = ("tokens", "trusts")
"""Rows of clusters that no agent may read."""


def upgrade() -> None:
    _trusts()
    make_roles()
    let_application("SELECT", "alembic_version")
    let_application(EVERYTHING, *SHARED, *OF_CLUSTERS, *SECRETS, "trusted_keys")
    let_application("SELECT, INSERT", "journal")
    for table in (*OF_CLUSTERS, "journal"):
        wall_off(table)
    for table in SECRETS:
        wall_off(table, agents_read=False)


def _trusts() -> None:
    time = sa.DateTime(timezone=True)
    op.create_table(
        "trusts",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("trust_id", sa.Text(), nullable=False),
        sa.Column("cluster_id", sa.Text(), nullable=True),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("subjects", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("jwks_uri", sa.Text(), nullable=True),
        sa.Column("due_at", time, nullable=True),
        sa.Column("read_at", time, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("failing_since", time, nullable=True),
        sa.PrimaryKeyConstraint("account_id", "trust_id", name="trusts_pkey"),
        sa.UniqueConstraint("trust_id", name="trusts_id_names_one_account"),
        sa.ForeignKeyConstraint(
            ["account_id", "cluster_id"], ["clusters.account_id", "clusters.cluster_id"], name="trusts_name_a_cluster"
        ),
    )
    op.create_index("trusts_due", "trusts", ["due_at"], unique=False)
    op.create_table(
        "trusted_keys",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("thumbprint", sa.Text(), nullable=False),
        sa.Column("trust_id", sa.Text(), nullable=False),
        sa.Column("jwk", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("algorithms", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("added_at", time, server_default=sa.text("now()"), nullable=False),
        sa.Column("ends_at", time, nullable=True),
        sa.PrimaryKeyConstraint("account_id", "thumbprint", name="trusted_keys_pkey"),
        sa.UniqueConstraint("thumbprint", name="trusted_keys_belong_to_one"),
        sa.ForeignKeyConstraint(
            ["account_id", "trust_id"], ["trusts.account_id", "trusts.trust_id"], name="trusted_keys_name_a_trust"
        ),
    )
    op.create_index("trusted_keys_of_trust", "trusted_keys", ["trust_id"], unique=False)
