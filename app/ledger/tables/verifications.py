"""Questions about addresses that no binding asks, and the worker's answers to them."""

from sqlalchemy import Column, ForeignKeyConstraint, Index, Integer, PrimaryKeyConstraint, Table, Text, UniqueConstraint

from app.ledger.tables.metadata import DOCUMENT, METADATA, NOW, TIME

verifications = Table(
    "verifications",
    METADATA,
    Column("account_id", Text, nullable=False),
    Column("verification_id", Text, nullable=False),
    Column("cluster_id", Text, nullable=False),
    Column("ip", Text, nullable=False),
    Column("network_mode", Text, nullable=False),
    Column("load_balancer_id", Text),
    Column("port", Integer),
    Column("asked_at", TIME, nullable=False, server_default=NOW),
    # Null until a worker answered.
    Column("answer", DOCUMENT),
    PrimaryKeyConstraint("account_id", "verification_id", name="verifications_pkey"),
    UniqueConstraint("verification_id", name="verifications_id_names_one_account"),
    ForeignKeyConstraint(
        ["account_id", "cluster_id"],
        ["clusters.account_id", "clusters.cluster_id"],
        name="verifications_name_a_cluster",
    ),
)
Index("verifications_open", verifications.c.cluster_id, postgresql_where=verifications.c.answer.is_(None))
Index("verifications_asked", verifications.c.asked_at)
