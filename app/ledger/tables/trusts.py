"""Whom clusters' and people's tokens are believed by: issuers, and the public keys that are theirs now."""

from sqlalchemy import Column, ForeignKeyConstraint, Index, PrimaryKeyConstraint, Table, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY

from app.ledger.tables.metadata import DOCUMENT, METADATA, NOW, TIME

trusts = Table(
    "trusts",
    METADATA,
    # Empty for people, who belong to no account.
    Column("account_id", Text, nullable=False),
    Column("trust_id", Text, nullable=False),
    # Null for people.
    Column("cluster_id", Text),
    Column("issuer", Text, nullable=False),
    Column("audience", Text, nullable=False),
    Column("subjects", DOCUMENT, nullable=False),
    # Null where the keys were given themselves.
    Column("jwks_uri", Text),
    # When a worker should read the keys; null where there is nothing to read.
    Column("due_at", TIME),
    Column("read_at", TIME),
    Column("error", Text),
    # Since when reading them fails; null: the last time it did not.
    Column("failing_since", TIME),
    PrimaryKeyConstraint("account_id", "trust_id", name="trusts_pkey"),
    UniqueConstraint("trust_id", name="trusts_id_names_one_account"),
    ForeignKeyConstraint(
        ["account_id", "cluster_id"], ["clusters.account_id", "clusters.cluster_id"], name="trusts_name_a_cluster"
    ),
)
Index("trusts_due", trusts.c.due_at)

trusted_keys = Table(
    "trusted_keys",
    METADATA,
    Column("account_id", Text, nullable=False),
    # RFC 7638: two spellings of one key have one thumbprint.
    Column("thumbprint", Text, nullable=False),
    Column("trust_id", Text, nullable=False),
    Column("jwk", DOCUMENT, nullable=False),
    # Those that a token signed with it may use.
    Column("algorithms", ARRAY(Text), nullable=False),
    Column("added_at", TIME, nullable=False, server_default=NOW),
    # Null while it is in its issuer's set; then until when tokens under way are still believed by it.
    Column("ends_at", TIME),
    PrimaryKeyConstraint("account_id", "thumbprint", name="trusted_keys_pkey"),
    # The cluster is found by the key, so no key may be two clusters'. This index decides whose it is.
    UniqueConstraint("thumbprint", name="trusted_keys_belong_to_one"),
    ForeignKeyConstraint(
        ["account_id", "trust_id"], ["trusts.account_id", "trusts.trust_id"], name="trusted_keys_name_a_trust"
    ),
)
Index("trusted_keys_of_trust", trusted_keys.c.trust_id)
