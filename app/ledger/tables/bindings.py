"""Bindings, and the heads that keep revisions from going back."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from app.ledger.tables.metadata import DOCUMENT, METADATA, TIME

bindings = Table(
    "bindings",
    METADATA,
    Column("account_id", Text, nullable=False),
    Column("binding_id", Text, nullable=False),
    Column("cluster_id", Text, nullable=False),
    Column("load_balancer_id", Text, nullable=False),
    # What the target's name means at the cloud; null until the listeners were read. location_id is '' at layer 4.
    Column("listener_id", Text),
    Column("location_id", Text),
    Column("ip", Text, nullable=False),
    Column("port", Integer, nullable=False),
    Column("target", DOCUMENT, nullable=False),
    Column("pod_uid", Text, nullable=False),
    Column("pod", DOCUMENT, nullable=False),
    Column("workload", DOCUMENT),
    # Namespace, kind and name in one; null where the agent named no workload.
    Column("workload_key", Text),
    Column("service_namespace", Text),
    Column("service_name", Text),
    Column("network_mode", Text, nullable=False),
    Column("weight", Integer, nullable=False),
    Column("drain_seconds", Integer),
    Column("revision", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("detail", Text),
    Column("live", Boolean, nullable=False),
    Column("holder", Boolean, nullable=False),
    Column("placed", Boolean, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("verification", DOCUMENT, nullable=False),
    # When the verdict was last found to hold.
    Column("checked_at", TIME),
    Column("health", Text, nullable=False),
    Column("created_at", TIME, nullable=False),
    Column("updated_at", TIME, nullable=False),
    Column("bound_at", TIME),
    Column("drain_until", TIME),
    Column("change_sequence", BigInteger, nullable=False),
    # The trace of the latest word about it (W3C traceparent).
    Column("traceparent", Text),
    PrimaryKeyConstraint("account_id", "binding_id", name="bindings_pkey"),
    UniqueConstraint("binding_id", name="bindings_id_names_one_account"),
    ForeignKeyConstraint(
        ["account_id", "load_balancer_id"],
        ["load_balancers.account_id", "load_balancers.load_balancer_id"],
        name="bindings_name_a_load_balancer",
    ),
    ForeignKeyConstraint(
        ["account_id", "cluster_id"], ["clusters.account_id", "clusters.cluster_id"], name="bindings_name_a_cluster"
    ),
    CheckConstraint("weight BETWEEN 0 AND 100", name="bindings_weight_in_range"),
    CheckConstraint("port BETWEEN 1 AND 65535", name="bindings_port_in_range"),
    CheckConstraint("holder IS FALSE OR (live AND listener_id IS NOT NULL)", name="bindings_holder_is_live_and_placed"),
)
_PLACE = (
    bindings.c.account_id,
    bindings.c.load_balancer_id,
    bindings.c.listener_id,
    bindings.c.location_id,
    bindings.c.ip,
    bindings.c.port,
)
# One holder per place, over all clusters: this index decides who holds it.
Index("bindings_one_holder_per_place", *_PLACE, unique=True, postgresql_where=bindings.c.holder)
# One record per place of what we put at the cloud: a removal never has two owners.
Index("bindings_one_placed_per_place", *_PLACE, unique=True, postgresql_where=bindings.c.placed)
Index(
    "bindings_at_work",
    bindings.c.load_balancer_id,
    bindings.c.ip,
    postgresql_where=bindings.c.live | bindings.c.placed,
)
Index(
    "bindings_unproven",
    bindings.c.cluster_id,
    postgresql_where=text(
        "state = 'verifying' AND verdict = 'unknown'"
        " OR state = 'held' AND reason = 'claimed-by-other-cluster' AND verdict = 'disproven'"
    ),
)
Index("bindings_of_workload", bindings.c.cluster_id, bindings.c.workload_key, postgresql_where=bindings.c.live)
Index("bindings_changes", bindings.c.cluster_id, bindings.c.change_sequence)
Index(
    "bindings_of_service",
    bindings.c.cluster_id,
    bindings.c.service_namespace,
    bindings.c.service_name,
    postgresql_where=bindings.c.live,
)
Index("bindings_of_pod", bindings.c.pod_uid)
Index("bindings_at_address", bindings.c.ip)

heads = Table(
    "heads",
    METADATA,
    Column("account_id", Text, nullable=False),
    Column("cluster_id", Text, nullable=False),
    Column("pod_uid", Text, nullable=False),
    Column("target_key", Text, nullable=False),
    Column("load_balancer_id", Text, nullable=False),
    Column("target", DOCUMENT, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("bind_revision", BigInteger),
    Column("ip", Text),
    Column("binding_id", Text),
    PrimaryKeyConstraint("account_id", "cluster_id", "pod_uid", "target_key", name="heads_pkey"),
    ForeignKeyConstraint(
        ["account_id", "cluster_id"], ["clusters.account_id", "clusters.cluster_id"], name="heads_name_a_cluster"
    ),
)
Index("heads_at_address", heads.c.cluster_id, heads.c.load_balancer_id, heads.c.ip)
