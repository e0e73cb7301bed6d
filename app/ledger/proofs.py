"""The proofs of bindings: which are to be decided, which are to be looked at again, and which hold."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import Connection, Text, and_, bindparam, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from app.domain.binding import GUARDED, LEAVING, LIVE, Binding, State, Verdict
from app.domain.cluster import NetworkMode
from app.domain.codes import Code
from app.ledger.bindings import all_of
from app.ledger.tables import bindings as table
from app.ledger.tables import verifications

PROVEN = (Verdict.PROVEN, Verdict.DECLARED)

UNDECIDED = or_(
    and_(table.c.state == State.VERIFYING, table.c.verdict == Verdict.UNKNOWN),
    # Refused because another cluster has the address: it passes on when the evidence says so.
    and_(
        table.c.state == State.HELD,
        table.c.reason == Code.CLAIMED_BY_OTHER_CLUSTER,
        table.c.verdict == Verdict.DISPROVEN,
    ),
)
"""As in the index `bindings_unproven`."""

_WAITS = and_(table.c.state == State.VERIFYING, table.c.verdict == Verdict.UNKNOWN)

# Address by address, and by state: the database has no statistics in the first burst after an installation, and would
# read all that is live for each look.
_ASKED = func.unnest(bindparam("ips", type_=ARRAY(Text))).table_valued("ip").render_derived(name="asked")
_OTHERS = select(func.array_agg(table.c.cluster_id)).where(
    table.c.ip == _ASKED.c.ip,
    table.c.state.in_(sorted(LIVE)),
    table.c.verdict == Verdict.PROVEN,
    table.c.cluster_id != bindparam("of"),
)
_OWNERS = select(_ASKED.c.ip, _OTHERS.correlate(_ASKED).scalar_subquery().label("others"))


def undecided(connection: Connection, cluster_id: str, limit: int) -> list[Binding]:
    """Up to ``limit`` bindings of a cluster that wait for a verdict: those that never had one first, oldest first."""
    statement = select(table).where(UNDECIDED, table.c.cluster_id == cluster_id)
    order = (_WAITS.desc(), table.c.created_at, table.c.binding_id)
    return all_of(connection, statement.order_by(*order).limit(limit))


def standing(connection: Connection, cluster_id: str, since: datetime, after: str, limit: int) -> list[Binding]:
    """Up to ``limit`` of a cluster's bindings that stay where they are by a proof, or have lost one, after that id.

    Those that were looked at ``since`` then are left out.
    """
    statement = select(table).where(
        table.c.live,
        table.c.cluster_id == cluster_id,
        table.c.state.not_in(LEAVING),
        or_(table.c.verdict.in_(PROVEN), table.c.verdict == Verdict.DISPROVEN),
        ~UNDECIDED,
        or_(table.c.checked_at.is_(None), table.c.checked_at < since),
        table.c.binding_id > after,
    )
    return all_of(connection, statement.order_by(table.c.binding_id).limit(limit))


def guarded(connection: Connection, after: str, limit: int) -> list[Binding]:
    """Up to ``limit`` bindings whose removal waits for an operator's word, of all clusters, after that id."""
    statement = select(table).where(
        table.c.live, table.c.state == State.HELD, table.c.reason.in_(GUARDED), table.c.binding_id > after
    )
    return all_of(connection, statement.order_by(table.c.binding_id).limit(limit))


def found_again(connection: Connection, binding_ids: Collection[str], at: datetime) -> None:
    """The verdicts on these bindings were looked at again and hold; a younger verdict stays as it is."""
    older = or_(table.c.checked_at.is_(None), table.c.checked_at < at)
    connection.execute(update(table).where(table.c.binding_id.in_(binding_ids), older).values(checked_at=at))


def load_balancers_of(connection: Connection, binding_ids: Collection[str]) -> list[str]:
    """The load balancers of these bindings."""
    statement = select(table.c.load_balancer_id).where(table.c.binding_id.in_(binding_ids)).distinct()
    return sorted(connection.execute(statement).scalars())


def waits(connection: Connection, cluster_id: str) -> bool:
    """Whether some binding of a cluster, or a question about it, waits for a verdict."""
    asked = and_(verifications.c.cluster_id == cluster_id, verifications.c.answer.is_(None))
    undecided = and_(UNDECIDED, table.c.cluster_id == cluster_id)
    looks = or_(exists().where(undecided).select_from(table), exists().where(asked).select_from(verifications))
    return bool(connection.execute(select(looks)).scalar_one())


def owners(connection: Connection, cluster_id: str, ips: Collection[str]) -> dict[str, set[str]]:
    """The other clusters that have live bindings of these addresses by the cloud's evidence."""
    rows = connection.execute(_OWNERS, {"ips": list(ips), "of": cluster_id})
    return {row.ip: set(row.others) for row in rows if row.others}


def workload_modes(connection: Connection, cluster_id: str, keys: Collection[str]) -> Mapping[str, NetworkMode]:
    """The network mode in which workloads of a cluster have proven bindings that are still live."""
    statement = (
        select(table.c.workload_key, table.c.network_mode)
        .where(
            table.c.live,
            table.c.cluster_id == cluster_id,
            table.c.workload_key.in_(keys),
            table.c.verdict.in_(PROVEN),
        )
        .order_by(table.c.created_at.desc())
    )
    return {row.workload_key: NetworkMode(row.network_mode) for row in connection.execute(statement)}
