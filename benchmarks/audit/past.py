"""A long past, made in SQL: targets that came and went, as the broker would have told of them."""

from dataclasses import dataclass
from typing import Any, Final

import psycopg

from app.ledger.tables import METADATA

ADDRESSES: Final = 20_000
LOAD_BALANCERS: Final = 200
AT_ONCE: Final = 2_000
"""How many targets there are at a moment, each on its way through its six entries."""

STEPS: Final = 6
CHUNK: Final = 1_000_000

ENTRIES: Final = """
INSERT INTO journal (account_id, sequence, recorded_at, actor, action, binding_id, cluster_id, pod_uid, ip, port,
    load_balancer_id, listener_id, location_id, presence, weight, from_state, to_state, cloud_request_id, trace_id)
SELECT 'default', n + 1, %(begins)s::timestamptz + n * %(apart)s::interval,
    CASE WHEN step IN (0, 3) THEN 'agent:cls-' || life %% 4 ELSE 'worker:w-1' END,
    CASE WHEN step = 0 THEN 'binding-created' ELSE 'binding-moved' END,
    'b-' || life, 'cls-' || life %% 4, 'u-' || life,
    '10.' || life %% 20000 / 65536 || '.' || life %% 20000 / 256 %% 256 || '.' || life %% 20000 %% 256, 8080,
    'lb-' || life %% 200, 'lbl-' || life %% 2, '',
    (ARRAY[NULL, NULL, 'present', 'drained', 'present', 'absent'])[step + 1],
    (ARRAY[NULL, NULL, 10, 0, 0, NULL])[step + 1],
    (ARRAY[NULL, 'verifying', 'pending', 'bound', 'draining', 'removing'])[step + 1],
    (ARRAY['verifying', 'pending', 'bound', 'draining', 'removing', 'released'])[step + 1],
    CASE WHEN step IN (2, 4, 5) THEN 'req-' || n END, md5(life::text)
FROM (
    SELECT n, n %% 12000 / 2000 AS step, n / 12000 * 2000 + n %% 2000 AS life
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
) AS told
"""
"""Entry n is a step in the life of one of the targets that there are at its moment."""


@dataclass(frozen=True, slots=True)
class Past:
    """So many entries over so many days, up to now."""

    entries: int
    days: int

    def write(self, database_url: str) -> None:
        """Put it into an empty, migrated ledger: without indexes first, which are made of all rows at once."""
        with psycopg.connect(database_url, autocommit=True) as connection:
            _tune(connection)
            (begins, apart) = _row(
                connection,
                "SELECT now() - make_interval(days => %s), make_interval(secs => %s)",
                (self.days, self.days * 86400 / self.entries),
            )
            months = "generate_series(date_trunc('month', %s::timestamptz), now(), interval '1 month') AS month"
            connection.execute(f"SELECT make_journal_month(month::date) FROM {months}", (begins,))
            _drop_indexes(connection)
            for first in range(0, self.entries, CHUNK):
                last = min(first + CHUNK, self.entries) - 1
                given = {"begins": begins, "apart": apart, "first": first, "last": last}
                connection.execute(ENTRIES, given)
            _make_indexes(connection)
            numbers = "INSERT INTO journal_numbers SELECT 'default', %s, max(recorded_at) FROM journal"
            connection.execute(numbers, (self.entries,))
            for number in range(LOAD_BALANCERS):
                named = "INSERT INTO load_balancers (account_id, load_balancer_id, region) VALUES ('default', %s, 'r')"
                connection.execute(named, (f"lb-{number}",))
            connection.execute("VACUUM ANALYZE journal")

    @staticmethod
    def gigabytes(database_url: str) -> float:
        """How much room the whole database takes."""
        with psycopg.connect(database_url) as connection:
            (size,) = _row(connection, "SELECT pg_database_size(current_database())", ())
            return float(size) / 1e9


def plan(database_url: str, statement: str) -> str:
    """How Postgres answers a statement, as it says itself; of all months the first and the last are shown."""
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, BUFFERS OFF) {statement}")
        lines = [str(row[0]) for row in rows.fetchall()]
    return "\n".join(_without_the_middle([line for line in lines if "Index Searches" not in line]))


def _without_the_middle(lines: list[str]) -> list[str]:
    months = [number for number, line in enumerate(lines) if " on journal_20" in line and "->" in line]
    tops = [number for number in months if lines[number].index("->") == lines[months[0]].index("->")] if months else []
    if len(tops) < 3:
        return lines
    indent = " " * lines[tops[0]].index("->")
    return [*lines[: tops[1]], f"{indent}... so for {len(tops) - 2} months more", *lines[tops[-1] :]]


def _tune(connection: psycopg.Connection[Any]) -> None:
    connection.execute("SET statement_timeout = 0")
    connection.execute("SET synchronous_commit = off")
    connection.execute("SET maintenance_work_mem = '1GB'")
    connection.execute("SET max_parallel_maintenance_workers = 2")


def _drop_indexes(connection: psycopg.Connection[Any]) -> None:
    connection.execute("ALTER TABLE journal DROP CONSTRAINT journal_pkey")
    for index in METADATA.tables["journal"].indexes:
        connection.execute(f"DROP INDEX {index.name}")


def _make_indexes(connection: psycopg.Connection[Any]) -> None:
    key = "ALTER TABLE journal ADD CONSTRAINT journal_pkey PRIMARY KEY (account_id, sequence, recorded_at)"
    connection.execute(key)
    for index in METADATA.tables["journal"].indexes:
        columns = ", ".join(column.name for column in index.columns)
        connection.execute(f"CREATE INDEX {index.name} ON journal ({columns})")


def _row(connection: psycopg.Connection[Any], statement: str, given: tuple[Any, ...]) -> Any:
    return connection.execute(statement, given).fetchone()
