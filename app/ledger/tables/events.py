"""Events received, with their first answers."""

from sqlalchemy import Column, ForeignKeyConstraint, PrimaryKeyConstraint, Table, Text

from app.ledger.tables.metadata import DOCUMENT, METADATA, NOW, TIME

events = Table(
    "events",
    METADATA,
    Column("account_id", Text, nullable=False),
    Column("cluster_id", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("binding_id", Text),
    Column("code", Text),
    Column("detail", Text),
    Column("content", DOCUMENT),
    Column("received_at", TIME, nullable=False, server_default=NOW),
    PrimaryKeyConstraint("account_id", "cluster_id", "event_id", name="events_pkey"),
    ForeignKeyConstraint(
        ["account_id", "cluster_id"], ["clusters.account_id", "clusters.cluster_id"], name="events_name_a_cluster"
    ),
)
