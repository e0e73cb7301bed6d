"""The health of targets: which load balancers it is to be read of, and which targets are ours there."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection, Interval, bindparam, case, func, or_, select, update

from app.domain.binding import Health, State
from app.domain.target import Place
from app.ledger.tables import bindings as table
from app.ledger.tables import load_balancers
from app.planning.health import Standing

ASKED_ABOUT = tuple(state for state in State if state not in {State.VERIFYING, State.REJECTED, State.RELEASED})
"""What waits for its proof has no target of its own yet, although it may keep the one of the pod before it."""


def want(connection: Connection, load_balancer_id: str, after: timedelta) -> None:
    """Health should be read ``after`` that at the latest. The load balancer's row is locked already."""
    at = func.clock_timestamp() + after
    later = or_(load_balancers.c.health_due_at.is_(None), load_balancers.c.health_due_at > at)
    mine = load_balancers.c.load_balancer_id == load_balancer_id
    connection.execute(update(load_balancers).where(mine, later).values(health_due_at=at))


def due(connection: Connection, account_id: str, region: str, until: datetime, limit: int) -> dict[str, datetime]:
    """Up to ``limit`` load balancers whose health is due ``until`` then, with the time; those due longest first."""
    when = load_balancers.c.health_due_at
    statement = (
        select(load_balancers.c.load_balancer_id, when)
        .where(load_balancers.c.account_id == account_id, load_balancers.c.region == region, when <= until)
        .order_by(when, load_balancers.c.load_balancer_id)
        .limit(limit)
    )
    return {row.load_balancer_id: row.health_due_at for row in connection.execute(statement)}


def standing(connection: Connection, load_balancer_ids: Collection[str]) -> list[Standing]:
    """The targets that may be at the cloud under our name, with what is known of their health."""
    names = ("account_id", "load_balancer_id", "listener_id", "location_id", "ip", "port")
    place = [table.c[name] for name in names]
    rest = (table.c.binding_id, table.c.cluster_id, table.c.state, table.c.health, table.c.updated_at)
    statement = select(*rest, *place).where(
        table.c.placed, table.c.state.in_(ASKED_ABOUT), table.c.load_balancer_id.in_(load_balancer_ids)
    )
    return [
        Standing(binding_id, cluster_id, Place(*where), State(state), Health(health), updated_at)
        for binding_id, cluster_id, state, health, updated_at, *where in connection.execute(statement).all()
    ]


def read_again(connection: Connection, seen: Mapping[str, datetime], pauses: Mapping[str, timedelta | None]) -> None:
    """When health is due next: so long from now, or not at all (None); earlier where somebody asked for that meanwhile.

    ``seen`` are the times when it was due. The rows are locked already, or two that change the same ones in different
    orders would wait for each other.
    """
    now = func.clock_timestamp()
    kind = load_balancers.c.health_due_at.type
    after = now + bindparam("pause", type_=Interval())
    unchanged = load_balancers.c.health_due_at == bindparam("seen", type_=kind)
    values = case((unchanged, after), else_=func.least(load_balancers.c.health_due_at, after))
    mine = load_balancers.c.load_balancer_id == bindparam("id")
    rows = [{"id": each, "seen": seen[each], "pause": pauses[each]} for each in sorted(seen)]
    if rows:
        connection.execute(update(load_balancers).where(mine).values(health_due_at=values), rows)


def lock(connection: Connection, load_balancer_ids: Collection[str]) -> None:
    """Lock load balancers in the order of their ids, as everywhere, without reading what they are."""
    connection.execute(
        select(load_balancers.c.load_balancer_id)
        .where(load_balancers.c.load_balancer_id.in_(load_balancer_ids))
        .order_by(load_balancers.c.load_balancer_id)
        .with_for_update(key_share=True)
    )
