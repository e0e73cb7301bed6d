"""History: one row per change, written in the transaction of the change."""

from sqlalchemy import BigInteger, Column, Identity, Index, Integer, PrimaryKeyConstraint, Table, Text

from app.ledger.tables.metadata import DOCUMENT, METADATA, NOW, TIME

journal = Table(
    "journal",
    METADATA,
    Column("sequence", BigInteger, Identity(always=True), nullable=False),
    # Empty where an entry belongs to no account, as with tokens of people.
    Column("account_id", Text, nullable=False, server_default=""),
    Column("recorded_at", TIME, nullable=False, server_default=NOW),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("binding_id", Text),
    Column("cluster_id", Text),
    Column("pod_uid", Text),
    Column("ip", Text),
    Column("port", Integer),
    Column("load_balancer_id", Text),
    Column("listener_id", Text),
    Column("from_state", Text),
    Column("to_state", Text),
    Column("reason", Text),
    Column("event_id", Text),
    Column("cloud_request_id", Text),
    Column("detail", Text),
    # The proof as it was then, where the entry is about one.
    Column("evidence", DOCUMENT),
    PrimaryKeyConstraint("account_id", "sequence", name="journal_pkey"),
)
Index("journal_in_order", journal.c.sequence)
Index("journal_of_address", journal.c.ip, journal.c.sequence)
Index("journal_of_binding", journal.c.binding_id, journal.c.sequence)
Index("journal_of_pod", journal.c.pod_uid, journal.c.sequence)
Index("journal_of_cluster", journal.c.cluster_id, journal.c.sequence)
Index("journal_of_load_balancer", journal.c.load_balancer_id, journal.c.sequence)
