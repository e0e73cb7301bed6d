"""the evidence of ownership."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"

UNPROVEN = (
    "state = 'verifying' AND verdict = 'unknown'"
    " OR state = 'held' AND reason = 'claimed-by-other-cluster' AND verdict = 'disproven'"
)


def upgrade() -> None:
    op.create_table(
        "ccns",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("ccn_id", sa.Text(), nullable=False),
        sa.Column("attachments", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("routes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "ccn_id", name="ccns_pkey"),
    )
    op.create_table(
        "regions",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("account_type", sa.Text(), nullable=True),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("target_quota", sa.Integer(), nullable=True),
        sa.Column("vips_read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("account_id", "region", name="regions_pkey"),
    )
    op.create_index("regions_due", "regions", ["due_at"], unique=False)
    op.create_table(
        "security_groups",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("security_group_id", sa.Text(), nullable=False),
        sa.Column("policies", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "security_group_id", name="security_groups_pkey"),
    )
    op.create_table(
        "vips",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("ip", sa.Text(), nullable=False),
        sa.Column("load_balancer_id", sa.Text(), nullable=False),
        sa.Column("vpc_id", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "ip", "load_balancer_id", name="vips_pkey"),
    )
    op.create_index("vips_at_address", "vips", ["ip"], unique=False)
    op.create_table(
        "vpcs",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("vpc_id", sa.Text(), nullable=False),
        sa.Column("ccn_ids", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "vpc_id", name="vpcs_pkey"),
    )
    op.create_table(
        "nodes",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("cluster_id", sa.Text(), nullable=False),
        sa.Column("instance_id", sa.Text(), nullable=False),
        sa.Column("ip", sa.Text(), nullable=False),
        sa.Column("security_group_ids", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "cluster_id"], ["clusters.account_id", "clusters.cluster_id"], name="nodes_name_a_cluster"
        ),
        sa.PrimaryKeyConstraint("account_id", "cluster_id", "instance_id", name="nodes_pkey"),
    )
    op.create_index("nodes_at_address", "nodes", ["ip"], unique=False)
    op.create_index("nodes_of_machine", "nodes", ["instance_id"], unique=False)
    op.create_table(
        "verifications",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("verification_id", sa.Text(), nullable=False),
        sa.Column("cluster_id", sa.Text(), nullable=False),
        sa.Column("ip", sa.Text(), nullable=False),
        sa.Column("network_mode", sa.Text(), nullable=False),
        sa.Column("load_balancer_id", sa.Text(), nullable=True),
        sa.Column("port", sa.Integer(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("answer", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id", "cluster_id"],
            ["clusters.account_id", "clusters.cluster_id"],
            name="verifications_name_a_cluster",
        ),
        sa.PrimaryKeyConstraint("account_id", "verification_id", name="verifications_pkey"),
        sa.UniqueConstraint("verification_id", name="verifications_id_names_one_account"),
    )
    op.create_index("verifications_asked", "verifications", ["asked_at"], unique=False)
    op.create_index(
        "verifications_open", "verifications", ["cluster_id"], unique=False, postgresql_where=sa.text("answer IS NULL")
    )
    op.add_column("bindings", sa.Column("workload_key", sa.Text(), nullable=True))
    op.add_column("bindings", sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True))
    # A workload that is bound already has its network mode from the first event on.
    op.execute(
        "UPDATE bindings SET workload_key ="
        " concat_ws('/', pod ->> 'namespace', workload ->> 'kind', workload ->> 'name')"
        " WHERE live AND workload IS NOT NULL"
    )
    op.create_index(
        "bindings_of_workload",
        "bindings",
        ["cluster_id", "workload_key"],
        unique=False,
        postgresql_where=sa.text("live"),
    )
    op.add_column("clusters", sa.Column("platform", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column(
        "clusters",
        sa.Column("reverification_due_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
    )
    op.create_index("clusters_with_reverification_due", "clusters", ["reverification_due_at"], unique=False)
    op.add_column("load_balancers", sa.Column("health_due_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("load_balancers_with_health_due", "load_balancers", ["health_due_at"], unique=False)
    op.add_column("journal", sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.create_table(
        "drift",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("drift_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("load_balancer_id", sa.Text(), nullable=False),
        sa.Column("listener_id", sa.Text(), nullable=False),
        sa.Column("location_id", sa.Text(), nullable=False),
        sa.Column("ip", sa.Text(), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("weight", sa.Integer(), nullable=True),
        sa.Column("binding_id", sa.Text(), nullable=True),
        sa.Column("cluster_id", sa.Text(), nullable=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "load_balancer_id"],
            ["load_balancers.account_id", "load_balancers.load_balancer_id"],
            name="drift_names_a_load_balancer",
        ),
        sa.PrimaryKeyConstraint("account_id", "drift_id", name="drift_pkey"),
    )
    op.create_index("drift_at_load_balancer", "drift", ["load_balancer_id", "drift_id"], unique=False)
    op.create_index(
        "drift_one_foreign_per_place",
        "drift",
        ["account_id", "load_balancer_id", "listener_id", "location_id", "ip", "port"],
        unique=True,
        postgresql_where=sa.text("kind = 'foreign'"),
    )
    op.drop_index("bindings_unproven", table_name="bindings")
    op.create_index("bindings_unproven", "bindings", ["cluster_id"], unique=False, postgresql_where=sa.text(UNPROVEN))
    op.add_column(
        "load_balancers",
        sa.Column("wanted_by", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
    )
    op.create_table(
        "change_numbers",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("cluster_id", sa.Text(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "cluster_id"],
            ["clusters.account_id", "clusters.cluster_id"],
            name="change_numbers_name_a_cluster",
        ),
        sa.PrimaryKeyConstraint("account_id", "cluster_id", name="change_numbers_pkey"),
    )
    op.create_table(
        "agents",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("cluster_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "cluster_id"], ["clusters.account_id", "clusters.cluster_id"], name="agents_name_a_cluster"
        ),
        sa.PrimaryKeyConstraint("account_id", "cluster_id", name="agents_pkey"),
    )
    op.execute("INSERT INTO agents SELECT account_id, cluster_id FROM clusters")
    op.execute("INSERT INTO change_numbers SELECT account_id, cluster_id, change_sequence FROM clusters")
    # Without the column processes of the version before fail, and give no number twice.
    op.drop_column("clusters", "change_sequence")
    # Work that clusters and load balancers of before have from now on.
    op.execute(
        "INSERT INTO leases (account_id, subject, subject_id)"
        " SELECT account_id, 'reverification', cluster_id FROM clusters ON CONFLICT DO NOTHING"
    )
    op.execute(
        "INSERT INTO regions (account_id, region)"
        " SELECT account_id, region FROM clusters UNION SELECT account_id, region FROM load_balancers"
        " ON CONFLICT DO NOTHING"
    )
    op.execute(
        "INSERT INTO leases (account_id, subject, subject_id)"
        " SELECT account_id, 'region', region FROM regions ON CONFLICT DO NOTHING"
    )
    op.execute(
        "INSERT INTO leases (account_id, subject, subject_id)"
        " SELECT account_id, 'health', region FROM regions ON CONFLICT DO NOTHING"
    )
    op.execute(
        "UPDATE load_balancers SET health_due_at = now() WHERE EXISTS"
        " (SELECT FROM bindings b WHERE b.load_balancer_id = load_balancers.load_balancer_id AND b.placed)"
    )
