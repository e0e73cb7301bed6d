"""the journal in months, numbered and sealed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.rights import AGENT, APPLICATION, CLUSTER_SETTING, let_application, wall_off

revision = "0006"
down_revision = "0005"

MONTHS_AHEAD = 3

KEPT = (
    "actor, action, binding_id, cluster_id, pod_uid, ip, port, load_balancer_id, listener_id, from_state, to_state,"
    " reason, event_id, cloud_request_id, detail, evidence"
)
"""What an entry of before has that is kept as it is."""

MAKE_MONTH = """
CREATE FUNCTION make_journal_month(month date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    begins timestamp := date_trunc('month', month::timestamp);
    named text := 'journal_' || to_char(begins, 'YYYY_MM');
BEGIN
    -- Makers wait for one another, and nobody else waits for them: neither readers nor writers.
    LOCK TABLE journal IN SHARE UPDATE EXCLUSIVE MODE;
    IF EXISTS (
        SELECT FROM pg_inherits WHERE inhparent = 'journal'::regclass AND inhrelid = to_regclass(quote_ident(named))
    ) THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE journal INCLUDING ALL)', named);
    EXECUTE format(
        'ALTER TABLE journal ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
        named, begins::text || '+00', (begins + interval '1 month')::text || '+00'
    );
    RETURN true;
END $$
"""

# Numbers follow the order in which entries were written; an entry is not dated before the one before it.
NUMBERED = f"""
INSERT INTO journal (account_id, sequence, recorded_at, location_id, presence, weight, {KEPT})
SELECT account_id,
    row_number() OVER (PARTITION BY account_id ORDER BY sequence),
    max(recorded_at) OVER (PARTITION BY account_id ORDER BY sequence),
    at_place, at_cloud, CASE at_cloud WHEN 'present' THEN asked WHEN 'drained' THEN 0 END, {KEPT}
FROM (
    SELECT j.*, b.location_id AS at_place, b.weight AS asked,
        CASE
            WHEN j.to_state = 'bound' THEN 'present'
            WHEN j.to_state = 'draining' THEN 'drained'
            WHEN j.to_state = 'released' AND j.from_state IN ('draining', 'removing') THEN 'absent'
            WHEN j.to_state = 'released' AND j.reason IS DISTINCT FROM 'superseded' THEN 'absent'
        END AS at_cloud
    FROM journal_before j LEFT JOIN bindings b ON b.binding_id = j.binding_id
) AS kept
"""  # noqa: S608 (names of columns)
COUNTED = (
    "INSERT INTO journal_numbers (account_id, last, recorded_at)"
    " SELECT account_id, max(sequence), max(recorded_at) FROM journal GROUP BY account_id"
)
MONTHS = f"""
SELECT make_journal_month(month::date) FROM generate_series(
    date_trunc('month', (SELECT least(min(recorded_at), now()) FROM journal_before) AT TIME ZONE 'UTC'),
    date_trunc('month', now() AT TIME ZONE 'UTC') + interval '{MONTHS_AHEAD} months',
    interval '1 month'
) AS month
"""  # noqa: S608 (a number)
WORK = (
    "INSERT INTO leases (account_id, subject, subject_id)"
    " SELECT account_id, 'seal', account_id FROM ("
    "SELECT '' AS account_id UNION SELECT account_id FROM clusters UNION SELECT account_id FROM load_balancers"
    " UNION SELECT account_id FROM journal_numbers) AS accounts ON CONFLICT DO NOTHING"
)


def upgrade() -> None:
    # What worked before finds no number for its entries from now on: its processes fail, and lose no event.
    op.execute("ALTER TABLE journal RENAME TO journal_before")
    op.execute("ALTER TABLE journal_before DROP CONSTRAINT journal_pkey")
    for name in ("in_order", "of_address", "of_binding", "of_cluster", "of_load_balancer", "of_pod"):
        op.drop_index(f"journal_{name}", table_name="journal_before")
    _journal()
    _seal()
    op.execute(MAKE_MONTH.format(schema=_schema()))
    op.execute("REVOKE ALL ON FUNCTION make_journal_month(date) FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION make_journal_month(date) TO {APPLICATION}")
    op.execute(MONTHS)
    op.execute(NUMBERED)
    op.execute(COUNTED)
    op.execute(WORK)
    op.execute("DROP TABLE journal_before")
    _rights()


def _schema() -> str:
    return str(op.get_bind().execute(sa.text("SELECT quote_ident(current_schema())")).scalar_one())


def _journal() -> None:
    text, time = sa.Text(), sa.DateTime(timezone=True)
    op.create_table(
        "journal",
        sa.Column("account_id", text, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", time, nullable=False),
        sa.Column("actor", text, nullable=False),
        sa.Column("action", text, nullable=False),
        *(sa.Column(name, text, nullable=True) for name in ("request_id", "trace_id", "binding_id", "cluster_id")),
        *(sa.Column(name, text, nullable=True) for name in ("pod_uid", "ip")),
        sa.Column("port", sa.Integer(), nullable=True),
        *(sa.Column(name, text, nullable=True) for name in ("load_balancer_id", "listener_id", "location_id")),
        sa.Column("presence", text, nullable=True),
        sa.Column("weight", sa.Integer(), nullable=True),
        *(sa.Column(name, text, nullable=True) for name in ("from_state", "to_state", "reason", "event_id")),
        *(sa.Column(name, text, nullable=True) for name in ("cloud_request_id", "detail")),
        sa.Column("evidence", postgresql.JSONB(astext_type=text), nullable=True),
        sa.PrimaryKeyConstraint("account_id", "sequence", "recorded_at", name="journal_pkey"),
        postgresql_partition_by="RANGE (recorded_at)",
    )
    op.create_index("journal_in_time", "journal", ["account_id", "recorded_at", "sequence"], unique=False)
    for name, column in (
        ("address", "ip"),
        ("binding", "binding_id"),
        ("pod", "pod_uid"),
        ("cluster", "cluster_id"),
        ("load_balancer", "load_balancer_id"),
    ):
        op.create_index(f"journal_of_{name}", "journal", [column, "recorded_at"], unique=False)


def _seal() -> None:
    text, time, number, raw = sa.Text(), sa.DateTime(timezone=True), sa.BigInteger(), sa.LargeBinary()
    op.create_table(
        "journal_numbers",
        sa.Column("account_id", text, nullable=False),
        sa.Column("last", number, nullable=False),
        sa.Column("recorded_at", time, nullable=False),
        sa.PrimaryKeyConstraint("account_id", name="journal_numbers_pkey"),
    )
    op.create_table(
        "seals",
        sa.Column("account_id", text, nullable=False),
        sa.Column("first_sequence", number, nullable=False),
        sa.Column("last_sequence", number, nullable=False),
        sa.Column("hashes", raw, nullable=False),
        sa.Column("sealed_at", time, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "first_sequence", name="seals_pkey"),
    )
    # Hashes do not compress.
    op.execute("ALTER TABLE seals ALTER COLUMN hashes SET STORAGE EXTERNAL")
    op.create_table(
        "checkpoints",
        sa.Column("account_id", text, nullable=False),
        sa.Column("sequence", number, nullable=False),
        sa.Column("hash", raw, nullable=False),
        sa.Column("signed_at", time, nullable=False),
        sa.Column("key_id", text, nullable=False),
        sa.Column("signature", raw, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "sequence", name="checkpoints_pkey"),
    )
    op.create_table(
        "journal_boundaries",
        sa.Column("account_id", text, nullable=False),
        sa.Column("sequence", number, nullable=False),
        sa.Column("hash", raw, nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("detached_at", time, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "sequence", name="journal_boundaries_pkey"),
    )
    place = ("account_id", "load_balancer_id", "listener_id", "location_id", "ip")
    op.create_table(
        "journal_standing",
        *(sa.Column(name, text, nullable=False) for name in place),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("weight", sa.Integer(), nullable=True),
        sa.Column("binding_id", text, nullable=False),
        sa.Column("cluster_id", text, nullable=False),
        sa.Column("pod_uid", text, nullable=True),
        sa.Column("sequence", number, nullable=False),
        sa.Column("recorded_at", time, nullable=False),
        sa.PrimaryKeyConstraint(*place, "port", name="journal_standing_pkey"),
    )
    op.create_index("journal_standing_at_address", "journal_standing", ["ip"], unique=False)


def _rights() -> None:
    """History is added to: neither it nor its seals can be changed by the broker's own processes."""
    let_application("SELECT, INSERT", "journal", "seals", "checkpoints")
    let_application("SELECT, INSERT, UPDATE", "journal_numbers")
    let_application("SELECT", "journal_boundaries", "journal_standing")
    for table in ("journal", "journal_standing"):
        wall_off(table)
    # An agent's reading goes on from a number; it sees that of its own account.
    own = f"SELECT c.account_id FROM clusters c WHERE c.cluster_id = current_setting('{CLUSTER_SETTING}', true)"  # noqa: S608
    op.execute("ALTER TABLE journal_numbers ENABLE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY journal_numbers_all_for_the_application ON journal_numbers TO {APPLICATION} USING (true)"
    )
    op.execute(
        f"CREATE POLICY journal_numbers_own_for_an_agent ON journal_numbers FOR SELECT TO {AGENT}"
        f" USING (account_id IN ({own}))"
    )
    op.execute(f"GRANT SELECT ON journal_numbers TO {AGENT}")
