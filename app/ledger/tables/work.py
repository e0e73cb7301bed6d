"""The work at the cloud: leases, the call budget, and operations with intent and outcome."""

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKeyConstraint,
    Identity,
    Index,
    PrimaryKeyConstraint,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.ledger.tables.metadata import DOCUMENT, METADATA, NOW, TIME

leases = Table(
    "leases",
    METADATA,
    Column("account_id", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("subject_id", Text, nullable=False),
    Column("incarnation", Text),
    Column("epoch", BigInteger, nullable=False, server_default="0"),
    Column("expires_at", TIME, nullable=False, server_default=NOW),
    PrimaryKeyConstraint("account_id", "subject", "subject_id", name="leases_pkey"),
)

cloud_operations = Table(
    "cloud_operations",
    METADATA,
    Column("account_id", Text, nullable=False),
    Column("operation_id", BigInteger, Identity(always=True), nullable=False),
    Column("load_balancer_id", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("targets", DOCUMENT, nullable=False),
    Column("incarnation", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("intended_at", TIME, nullable=False, server_default=NOW),
    # Null while nobody knows: the call may be under way, or its worker died.
    Column("outcome", Text),
    Column("finished_at", TIME),
    Column("cloud_request_id", Text),
    Column("detail", Text),
    PrimaryKeyConstraint("account_id", "operation_id", name="cloud_operations_pkey"),
    ForeignKeyConstraint(
        ["account_id", "load_balancer_id"],
        ["load_balancers.account_id", "load_balancers.load_balancer_id"],
        name="cloud_operations_name_a_load_balancer",
    ),
)
Index(
    "cloud_operations_open",
    cloud_operations.c.load_balancer_id,
    postgresql_where=cloud_operations.c.outcome.is_(None),
)

call_budget = Table(
    "call_budget",
    METADATA,
    Column("account_id", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("action", Text, nullable=False),
    # When the last calls and those that wait for their turn arrive at the latest, in order, one second back.
    Column("recent", ARRAY(TIME), nullable=False),
    # What a throttled answer lowered the budget to, in calls per second, and when; it recovers with time. Null: never.
    Column("lowered_to", Float),
    Column("lowered_at", TIME),
    PrimaryKeyConstraint("account_id", "region", "action", name="call_budget_pkey"),
)
