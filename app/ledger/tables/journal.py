"""History: one row per change, numbered without a gap in each account, in months; and the seal on it.

The application may add rows here and change none: migration 0006 gives it no right to.
"""

from sqlalchemy import BigInteger, Column, Date, Index, Integer, LargeBinary, PrimaryKeyConstraint, Table, Text

from app.ledger.tables.metadata import DOCUMENT, METADATA, NOW, TIME

journal = Table(
    "journal",
    METADATA,
    # Empty where an entry belongs to no account, as with tokens of people.
    Column("account_id", Text, nullable=False),
    # The account's next number, handed out under a lock that lasts until the commit: a gap is a deletion.
    Column("sequence", BigInteger, nullable=False),
    # Of the same moment as the number, and never before the entry before: the order of numbers is that of time.
    Column("recorded_at", TIME, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("request_id", Text),
    Column("trace_id", Text),
    Column("binding_id", Text),
    Column("cluster_id", Text),
    Column("pod_uid", Text),
    Column("ip", Text),
    Column("port", Integer),
    Column("load_balancer_id", Text),
    Column("listener_id", Text),
    Column("location_id", Text),
    # What the entry says of the target at the cloud, and its weight; null: all is as it was.
    Column("presence", Text),
    Column("weight", Integer),
    Column("from_state", Text),
    Column("to_state", Text),
    Column("reason", Text),
    Column("event_id", Text),
    Column("cloud_request_id", Text),
    Column("detail", Text),
    # The proof as it was then, where the entry is about one.
    Column("evidence", DOCUMENT),
    PrimaryKeyConstraint("account_id", "sequence", "recorded_at", name="journal_pkey"),
    postgresql_partition_by="RANGE (recorded_at)",
)
Index("journal_in_time", journal.c.account_id, journal.c.recorded_at, journal.c.sequence)
Index("journal_of_address", journal.c.ip, journal.c.recorded_at)
Index("journal_of_binding", journal.c.binding_id, journal.c.recorded_at)
Index("journal_of_pod", journal.c.pod_uid, journal.c.recorded_at)
Index("journal_of_cluster", journal.c.cluster_id, journal.c.recorded_at)
Index("journal_of_load_balancer", journal.c.load_balancer_id, journal.c.recorded_at)

# The last number given to an entry of an account, and when. Locked last of all in a transaction, until its commit.
journal_numbers = Table(
    "journal_numbers",
    METADATA,
    Column("account_id", Text, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("recorded_at", TIME, nullable=False),
    PrimaryKeyConstraint("account_id", name="journal_numbers_pkey"),
)

# One SHA-256 for each entry, 32 bytes after the other, over its content and the one before it.
seals = Table(
    "seals",
    METADATA,
    Column("account_id", Text, nullable=False),
    Column("first_sequence", BigInteger, nullable=False),
    Column("last_sequence", BigInteger, nullable=False),
    Column("hashes", LargeBinary, nullable=False),
    Column("sealed_at", TIME, nullable=False, server_default=NOW),
    PrimaryKeyConstraint("account_id", "first_sequence", name="seals_pkey"),
)

checkpoints = Table(
    "checkpoints",
    METADATA,
    Column("account_id", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("signed_at", TIME, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    PrimaryKeyConstraint("account_id", "sequence", name="checkpoints_pkey"),
)

# Where history begins after months of it were detached: the last entry that is no longer there, and its hash.
journal_boundaries = Table(
    "journal_boundaries",
    METADATA,
    Column("account_id", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    # The first month that is still there.
    Column("month", Date, nullable=False),
    Column("detached_at", TIME, nullable=False, server_default=NOW),
    PrimaryKeyConstraint("account_id", "sequence", name="journal_boundaries_pkey"),
)

# The targets that were at the cloud at that boundary, each by the entry that said so last.
journal_standing = Table(
    "journal_standing",
    METADATA,
    Column("account_id", Text, nullable=False),
    Column("load_balancer_id", Text, nullable=False),
    Column("listener_id", Text, nullable=False),
    Column("location_id", Text, nullable=False),
    Column("ip", Text, nullable=False),
    Column("port", Integer, nullable=False),
    Column("weight", Integer),
    Column("binding_id", Text, nullable=False),
    Column("cluster_id", Text, nullable=False),
    Column("pod_uid", Text),
    Column("sequence", BigInteger, nullable=False),
    Column("recorded_at", TIME, nullable=False),
    PrimaryKeyConstraint(
        "account_id", "load_balancer_id", "listener_id", "location_id", "ip", "port", name="journal_standing_pkey"
    ),
)
Index("journal_standing_at_address", journal_standing.c.ip)
