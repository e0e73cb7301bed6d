"""Clusters."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Text, and_, any_, bindparam, case, func, null, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.sql.dml import ReturningInsert

from app.domain.cluster import Cluster, Topology, Verification
from app.ledger.rows import GIVEN, put_row, recordset
from app.ledger.tables import agents, change_numbers
from app.ledger.tables import clusters as table
from app.ledger.topologies import platform_of, topology_of, topology_to_json

_LOCK_AGENT = (
    select(table)
    .join(agents, and_(agents.c.account_id == table.c.account_id, agents.c.cluster_id == table.c.cluster_id))
    .where(table.c.cluster_id == bindparam("of"))
    .with_for_update(of=agents, key_share=True)
)
_LOCK = (
    select(table)
    .where(table.c.cluster_id == any_(bindparam("ids", type_=ARRAY(Text))))
    .order_by(table.c.cluster_id)
    .with_for_update(key_share=True)
)


def put(
    connection: Connection,
    *,
    account_id: str,
    cluster_id: str,
    region: str,
    verification: Verification,
    topology: Topology | None,
    max_removal_share: float,
    drain_seconds: int | None = None,
) -> tuple[Cluster | None, bool]:
    """Insert or replace; the cluster (None: its id belongs to another account), and whether it is new.

    A topology that was discovered is kept.
    """
    key = {"account_id": account_id, "cluster_id": cluster_id}
    values = {
        "region": region,
        "verification": verification,
        "topology_setting": topology_to_json(topology),
        "max_removal_share": max_removal_share,
        "drain_seconds": drain_seconds,
    }
    # A changed topology may prove or disprove what waits: look again at once.
    on_change = {
        "updated_at": func.now(),
        "verification_due_at": func.now(),
        "reverification_due_at": func.now(),
        "topology_due_at": func.now(),
    }
    row, created = put_row(connection, table, key, values, on_change)
    if created:
        connection.execute(insert(agents).values(key))
    return None if row is None else _cluster(row), created


def find(connection: Connection, cluster_id: str) -> Cluster | None:
    """The cluster of that id, if there is one."""
    row = connection.execute(select(table).where(table.c.cluster_id == cluster_id)).one_or_none()
    return None if row is None else _cluster(row)


def listing(connection: Connection, after: str, limit: int) -> list[Cluster]:
    """Up to ``limit`` clusters with ids after ``after``, in order of their ids."""
    statement = select(table).where(table.c.cluster_id > after).order_by(table.c.cluster_id).limit(limit)
    return [_cluster(row) for row in connection.execute(statement)]


def lock_agent(connection: Connection, cluster_id: str) -> Cluster | None:
    """The cluster, if there is one; what its agent says waits until the end of this transaction.

    This is the first lock of a transaction that needs it.
    """
    row = connection.execute(_LOCK_AGENT, {"of": cluster_id}).one_or_none()
    return None if row is None else _cluster(row)


def lock(connection: Connection, cluster_ids: Collection[str]) -> list[Cluster]:
    """Lock the clusters' rows for this transaction, in the order of their ids, after all its other locks."""
    return [_cluster(row) for row in connection.execute(_LOCK, {"ids": list(cluster_ids)})]


def heard(connection: Connection, cluster_id: str, *, asks: bool) -> None:
    """The cluster's agent spoke just now; it ``asks`` for verdicts on new addresses."""
    due = {"verification_due_at": func.now(), "failures": 0} if asks else {}
    connection.execute(update(table).where(table.c.cluster_id == cluster_id).values(last_seen_at=func.now(), **due))


def want_verification(connection: Connection, cluster_id: str) -> None:
    """Unproven addresses wait: a worker should look at this cluster at once."""
    connection.execute(
        update(table).where(table.c.cluster_id == cluster_id).values(verification_due_at=func.now(), failures=0)
    )


def want_reverification(connection: Connection, cluster_ids: Collection[str]) -> None:
    """Something that proofs rest on has changed: all proofs of these clusters should be looked at again at once."""
    lock(connection, cluster_ids)
    connection.execute(
        update(table).where(table.c.cluster_id.in_(cluster_ids)).values(reverification_due_at=func.clock_timestamp())
    )


def reverification_due(connection: Connection, cluster_id: str) -> datetime:
    """Since when the cluster's proofs are due to be looked at again."""
    found: datetime = connection.execute(
        select(table.c.reverification_due_at).where(table.c.cluster_id == cluster_id)
    ).scalar_one()
    return found


def reverified(
    connection: Connection, cluster_id: str, begun_at: datetime, again_after: timedelta, *, unanswered: bool = False
) -> None:
    """All proofs were looked at, from ``begun_at`` on; again after a while, or at once if that was wanted meanwhile.

    ``unanswered``: the cloud did not say all that was asked.
    """
    due = case(
        (table.c.reverification_due_at > begun_at, table.c.reverification_due_at), else_=func.now() + again_after
    )
    failing = _since(table.c.reverification_failing_since, failing=unanswered)
    connection.execute(
        update(table)
        .where(table.c.cluster_id == cluster_id)
        .values(reverification_due_at=due, reverification_failing_since=failing)
    )


def of_vpcs(connection: Connection, account_id: str, vpc_ids: Collection[str]) -> list[str]:
    """The ids of an account's clusters in these VPCs."""
    in_use = func.coalesce(table.c.topology_setting, table.c.topology_found)["vpc_id"].astext
    statement = select(table.c.cluster_id).where(table.c.account_id == account_id, in_use.in_(vpc_ids))
    return sorted(connection.execute(statement).scalars())


def all_of(connection: Connection) -> list[str]:
    """The ids of all clusters."""
    return sorted(connection.execute(select(table.c.cluster_id)).scalars())


def want_waiting(connection: Connection, cluster_ids: Collection[str]) -> None:
    """What waits for a verdict may get one now: look at once, where somebody waits."""
    lock(connection, cluster_ids)
    waiting = (table.c.cluster_id.in_(cluster_ids), table.c.verification_due_at.isnot(None))
    connection.execute(update(table).where(*waiting).values(verification_due_at=func.clock_timestamp(), failures=0))


def verified(
    connection: Connection, cluster_id: str, again_after: timedelta | None, failures: int, *, unanswered: bool = False
) -> None:
    """A worker looked; it should look again after ``again_after``, or when something new comes.

    ``failures`` counts what has to be asked again. ``unanswered``: some of that since the cloud did not say, and not
    since another cluster has the address.
    """
    due = None if again_after is None else func.now() + again_after
    failing = _since(table.c.verification_failing_since, failing=unanswered)
    connection.execute(
        update(table)
        .where(table.c.cluster_id == cluster_id)
        .values(verification_due_at=due, failures=failures, verification_failing_since=failing)
    )


def failures(connection: Connection, cluster_id: str) -> int:
    """How many looks in a row the cloud did not answer."""
    count: int = connection.execute(select(table.c.failures).where(table.c.cluster_id == cluster_id)).scalar_one()
    return count


def next_changes(connection: Connection, counts: Mapping[str, int]) -> dict[str, int]:
    """Hand out numbers for changes: per cluster the first of ``counts`` many.

    The numbers stay locked until the commit, so this comes once in a transaction, after the locks of load balancers.
    """
    if not counts:
        return {}
    rows = [{"cluster_id": cluster_id, "last": counts[cluster_id]} for cluster_id in counts]
    taken = connection.execute(_NUMBERING, {GIVEN: rows})
    return {row.cluster_id: row.last - counts[row.cluster_id] + 1 for row in taken}


def _numbering() -> ReturningInsert[Any]:
    given = recordset(change_numbers, "cluster_id", "last")
    wanted = (
        select(table.c.account_id, table.c.cluster_id, given.c.last)
        .join(given, given.c.cluster_id == table.c.cluster_id)
        .order_by(table.c.cluster_id)  # the order in which the rows are locked
    )
    added = insert(change_numbers).from_select(["account_id", "cluster_id", "last"], wanted)
    sums = {"last": change_numbers.c.last + added.excluded.last}
    return added.on_conflict_do_update(constraint="change_numbers_pkey", set_=sums).returning(change_numbers)


_NUMBERING = _numbering()


def _since(column: ColumnElement[datetime], *, failing: bool) -> ColumnElement[Any]:
    """Since when work fails, after it failed once more or did not."""
    return func.coalesce(column, func.clock_timestamp()) if failing else null()


def _cluster(row: Row[Any]) -> Cluster:
    read_at: datetime | None = row.topology_read_at
    failing = {
        "topology": row.topology_failing_since,
        "verification": row.verification_failing_since,
        "reverification": row.reverification_failing_since,
    }
    return Cluster(
        account_id=row.account_id,
        cluster_id=row.cluster_id,
        region=row.region,
        verification=Verification(row.verification),
        topology_setting=topology_of(row.topology_setting),
        topology_found=topology_of(row.topology_found),
        platform=platform_of(row.platform),
        topology_read_at=read_at,
        topology_error=row.topology_error,
        max_removal_share=row.max_removal_share,
        last_seen_at=row.last_seen_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
        drain_seconds=row.drain_seconds,
        failing_since={work: since for work, since in failing.items() if since is not None},
        alarmed_at=row.alarmed_at,
    )
