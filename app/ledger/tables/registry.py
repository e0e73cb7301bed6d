"""Who takes part: clusters, load balancers, grants and tokens."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.ledger.tables.metadata import DOCUMENT, METADATA, NOW, TIME

clusters = Table(
    "clusters",
    METADATA,
    Column("account_id", Text, nullable=False),
    Column("cluster_id", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("verification", Text, nullable=False),
    Column("topology_setting", DOCUMENT),
    Column("topology_found", DOCUMENT),
    # What the cloud says the cluster is made of; read also where an operator stated the topology.
    Column("platform", DOCUMENT),
    Column("topology_read_at", TIME),
    Column("topology_error", Text),
    Column("max_removal_share", Float, nullable=False),
    # The drain time of its bindings that name none; null: the broker's.
    Column("drain_seconds", Integer),
    Column("last_seen_at", TIME),
    Column("created_at", TIME, nullable=False, server_default=NOW),
    Column("updated_at", TIME, nullable=False, server_default=NOW),
    # When a worker should look at this cluster's unproven addresses; null: nothing waits.
    Column("verification_due_at", TIME),
    # When all of its proofs should be looked at again.
    Column("reverification_due_at", TIME, nullable=False, server_default=NOW),
    Column("topology_due_at", TIME, nullable=False, server_default=NOW),
    Column("failures", Integer, nullable=False, server_default="0"),
    # Since when each kind of work on it fails; null: the last of its kind did not.
    Column("topology_failing_since", TIME),
    Column("verification_failing_since", TIME),
    Column("reverification_failing_since", TIME),
    # When an alarm began for that; null: there is none.
    Column("alarmed_at", TIME),
    PrimaryKeyConstraint("account_id", "cluster_id", name="clusters_pkey"),
    UniqueConstraint("cluster_id", name="clusters_id_names_one_account"),
    CheckConstraint("drain_seconds BETWEEN 0 AND 3600", name="clusters_drain_seconds_in_range"),
)
Index("clusters_with_verification_due", clusters.c.verification_due_at)
Index("clusters_with_reverification_due", clusters.c.reverification_due_at)
Index("clusters_with_topology_due", clusters.c.topology_due_at)

# What a cluster's agent says is acted upon in one order: its row is locked by whoever does so, or acts in its place. A
# row of its own, since it is the first lock of a transaction and the cluster's the last.
agents = Table(
    "agents",
    METADATA,
    Column("account_id", Text, nullable=False),
    Column("cluster_id", Text, nullable=False),
    PrimaryKeyConstraint("account_id", "cluster_id", name="agents_pkey"),
    ForeignKeyConstraint(
        ["account_id", "cluster_id"], ["clusters.account_id", "clusters.cluster_id"], name="agents_name_a_cluster"
    ),
)

# The last number given to a change of a cluster's bindings; handed out under the row's lock, so numbers become visible
# in their order and a reader of changes never skips one. Locked after load balancers, and for a moment.
change_numbers = Table(
    "change_numbers",
    METADATA,
    Column("account_id", Text, nullable=False),
    Column("cluster_id", Text, nullable=False),
    Column("last", BigInteger, nullable=False),
    PrimaryKeyConstraint("account_id", "cluster_id", name="change_numbers_pkey"),
    ForeignKeyConstraint(
        ["account_id", "cluster_id"],
        ["clusters.account_id", "clusters.cluster_id"],
        name="change_numbers_name_a_cluster",
    ),
)

load_balancers = Table(
    "load_balancers",
    METADATA,
    Column("account_id", Text, nullable=False),
    Column("load_balancer_id", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("inventory", DOCUMENT),
    Column("inventory_read_at", TIME),
    Column("missing", Boolean, nullable=False, server_default=text("false")),
    Column("wanted_generation", BigInteger, nullable=False, server_default="1"),
    Column("reconciled_generation", BigInteger, nullable=False, server_default="0"),
    # Since when something is wanted that is not reconciled; null: nothing is.
    Column("wanted_at", TIME, server_default=NOW),
    Column("last_event_at", TIME),
    # The clusters that something is wanted for since the last pass that left nothing to do.
    Column("wanted_by", ARRAY(Text), nullable=False, server_default="{}"),
    # The queue: a pass is made when due_at has come and not_before has passed.
    Column("due_at", TIME, nullable=False, server_default=NOW),
    Column("not_before", TIME, nullable=False, server_default=NOW),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("last_error", Text),
    # Since when its passes fail; null: the last one did not. An alarm begins when that has lasted for too long.
    Column("failing_since", TIME),
    Column("alarmed_at", TIME),
    # How long it stays busy after a write, against the usual guess, and when that is thought to be over.
    Column("tail_factor", Float, nullable=False, server_default="1"),
    Column("tail_ends_at", TIME),
    # When the health of its targets should be read; null: there is none to ask about.
    Column("health_due_at", TIME),
    Column("created_at", TIME, nullable=False, server_default=NOW),
    PrimaryKeyConstraint("account_id", "load_balancer_id", name="load_balancers_pkey"),
    UniqueConstraint("load_balancer_id", name="load_balancers_id_names_one_account"),
    CheckConstraint("reconciled_generation <= wanted_generation", name="load_balancers_reconciled_not_ahead"),
)
Index("load_balancers_due", load_balancers.c.due_at)
Index("load_balancers_with_health_due", load_balancers.c.health_due_at)

grants = Table(
    "grants",
    METADATA,
    Column("account_id", Text, nullable=False),
    Column("load_balancer_id", Text, nullable=False),
    Column("cluster_id", Text, nullable=False),
    Column("listener_ids", DOCUMENT, nullable=False),
    Column("created_at", TIME, nullable=False, server_default=NOW),
    PrimaryKeyConstraint("account_id", "load_balancer_id", "cluster_id", name="grants_pkey"),
    ForeignKeyConstraint(
        ["account_id", "load_balancer_id"],
        ["load_balancers.account_id", "load_balancers.load_balancer_id"],
        name="grants_name_a_load_balancer",
    ),
    ForeignKeyConstraint(
        ["account_id", "cluster_id"], ["clusters.account_id", "clusters.cluster_id"], name="grants_name_a_cluster"
    ),
)

tokens = Table(
    "tokens",
    METADATA,
    Column("token_id", Text, nullable=False),
    Column("secret_hash", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("name", Text),
    Column("cluster_id", Text),
    Column("created_at", TIME, nullable=False, server_default=NOW),
    Column("expires_at", TIME),
    Column("revoked_at", TIME),
    PrimaryKeyConstraint("token_id", name="tokens_pkey"),
    CheckConstraint("(role = 'agent') = (cluster_id IS NOT NULL)", name="tokens_of_agents_name_one_cluster"),
)
