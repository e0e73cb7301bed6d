"""What the cloud says its networks are: the evidence that all workers share, each with the time when it was read."""

from sqlalchemy import Column, ForeignKeyConstraint, Index, Integer, PrimaryKeyConstraint, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY

from app.ledger.tables.metadata import DOCUMENT, METADATA, NOW, TIME

nodes = Table(
    "nodes",
    METADATA,
    Column("account_id", Text, nullable=False),
    Column("cluster_id", Text, nullable=False),
    Column("instance_id", Text, nullable=False),
    Column("ip", Text, nullable=False),
    Column("security_group_ids", DOCUMENT, nullable=False),
    PrimaryKeyConstraint("account_id", "cluster_id", "instance_id", name="nodes_pkey"),
    ForeignKeyConstraint(
        ["account_id", "cluster_id"], ["clusters.account_id", "clusters.cluster_id"], name="nodes_name_a_cluster"
    ),
)
Index("nodes_at_address", nodes.c.ip)
Index("nodes_of_machine", nodes.c.instance_id)

regions = Table(
    "regions",
    METADATA,
    Column("account_id", Text, nullable=False),
    Column("region", Text, nullable=False),
    # STANDARD is bill-by-IP; null until read.
    Column("account_type", Text),
    Column("read_at", TIME),
    # The most targets of one listener or rule (TOTAL_TARGET_BIND_QUOTA); null until read.
    Column("target_quota", Integer),
    # When the addresses of all of its load balancers were read.
    Column("vips_read_at", TIME),
    Column("due_at", TIME, nullable=False, server_default=NOW),
    Column("error", Text),
    PrimaryKeyConstraint("account_id", "region", name="regions_pkey"),
)
Index("regions_due", regions.c.due_at)

vips = Table(
    "vips",
    METADATA,
    Column("account_id", Text, nullable=False),
    Column("ip", Text, nullable=False),
    Column("load_balancer_id", Text, nullable=False),
    Column("vpc_id", Text, nullable=False),
    Column("region", Text, nullable=False),
    PrimaryKeyConstraint("account_id", "ip", "load_balancer_id", name="vips_pkey"),
)
Index("vips_at_address", vips.c.ip)

vpcs = Table(
    "vpcs",
    METADATA,
    Column("account_id", Text, nullable=False),
    Column("vpc_id", Text, nullable=False),
    # The Cloud Connect Networks that the VPC is attached to, in whatever state.
    Column("ccn_ids", ARRAY(Text), nullable=False),
    Column("read_at", TIME, nullable=False),
    PrimaryKeyConstraint("account_id", "vpc_id", name="vpcs_pkey"),
)

ccns = Table(
    "ccns",
    METADATA,
    Column("account_id", Text, nullable=False),
    Column("ccn_id", Text, nullable=False),
    Column("attachments", DOCUMENT, nullable=False),
    Column("routes", DOCUMENT, nullable=False),
    # How many calls reading it took: the more, the older it may be when it is used.
    Column("pages", Integer, nullable=False),
    Column("read_at", TIME, nullable=False),
    PrimaryKeyConstraint("account_id", "ccn_id", name="ccns_pkey"),
)

security_groups = Table(
    "security_groups",
    METADATA,
    Column("account_id", Text, nullable=False),
    Column("security_group_id", Text, nullable=False),
    Column("policies", DOCUMENT, nullable=False),
    Column("read_at", TIME, nullable=False),
    PrimaryKeyConstraint("account_id", "security_group_id", name="security_groups_pkey"),
)
