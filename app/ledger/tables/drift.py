"""Differences between the ledger and the cloud that the broker did not make."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
)
from sqlalchemy import text as sql

from app.ledger.tables.metadata import METADATA, TIME

drift = Table(
    "drift",
    METADATA,
    Column("account_id", Text, nullable=False),
    Column("drift_id", BigInteger, Identity(always=True), nullable=False),
    Column("load_balancer_id", Text, nullable=False),
    Column("listener_id", Text, nullable=False),
    Column("location_id", Text, nullable=False),
    Column("ip", Text, nullable=False),
    Column("port", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("action", Text, nullable=False),
    # What the cloud had; null where it had nothing.
    Column("weight", Integer),
    Column("binding_id", Text),
    Column("cluster_id", Text),
    Column("seen_at", TIME, nullable=False),
    PrimaryKeyConstraint("account_id", "drift_id", name="drift_pkey"),
    ForeignKeyConstraint(
        ["account_id", "load_balancer_id"],
        ["load_balancers.account_id", "load_balancers.load_balancer_id"],
        name="drift_names_a_load_balancer",
    ),
)
Index("drift_at_load_balancer", drift.c.load_balancer_id, drift.c.drift_id)
# A foreign target is told once for as long as it is there.
Index(
    "drift_one_foreign_per_place",
    drift.c.account_id,
    drift.c.load_balancer_id,
    drift.c.listener_id,
    drift.c.location_id,
    drift.c.ip,
    drift.c.port,
    unique=True,
    postgresql_where=sql("kind = 'foreign'"),
)
