"""Load balancers: their inventory as last read, and their place in the queue of work."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Text, any_, bindparam, case, func, literal, null, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from app.domain.binding import State
from app.domain.codes import Code
from app.domain.load_balancer import Inventory, Listener, LoadBalancer, Rule
from app.ledger.rows import put_row
from app.ledger.tables import bindings
from app.ledger.tables import load_balancers as table
from app.planning.pacing import HEAD_START

_LOCK = (
    select(table)
    .where(table.c.load_balancer_id == any_(bindparam("ids", type_=ARRAY(Text))))
    .order_by(table.c.load_balancer_id)
    .with_for_update(key_share=True)
)


def put(
    connection: Connection, account_id: str, load_balancer_id: str, region: str
) -> tuple[LoadBalancer | None, bool]:
    """Insert or replace; the load balancer (None: its id belongs to another account), and whether it is new."""
    key = {"account_id": account_id, "load_balancer_id": load_balancer_id}
    on_change = {"due_at": func.now(), "not_before": func.now()}
    row, created = put_row(connection, table, key, {"region": region}, on_change)
    return None if row is None else _load_balancer(row), created


def find(connection: Connection, load_balancer_id: str) -> LoadBalancer | None:
    """The load balancer of that id, if there is one."""
    row = connection.execute(select(table).where(table.c.load_balancer_id == load_balancer_id)).one_or_none()
    return None if row is None else _load_balancer(row)


def of_ids(connection: Connection, load_balancer_ids: Collection[str]) -> list[LoadBalancer]:
    """The load balancers of these ids."""
    found = connection.execute(select(table).where(table.c.load_balancer_id.in_(load_balancer_ids)))
    return [_load_balancer(row) for row in found]


def listing(connection: Connection, after: str, limit: int) -> list[LoadBalancer]:
    """Up to ``limit`` load balancers with ids after ``after``, in order of their ids."""
    order = table.c.load_balancer_id
    return [
        _load_balancer(row)
        for row in connection.execute(select(table).where(order > after).order_by(order).limit(limit))
    ]


def errors(connection: Connection, load_balancer_ids: Collection[str]) -> dict[str, str]:
    """Why the last pass over these load balancers failed, where it did."""
    failed = (table.c.load_balancer_id.in_(load_balancer_ids), table.c.failing_since.is_not(None))
    statement = select(table.c.load_balancer_id, table.c.last_error).where(*failed, table.c.last_error.is_not(None))
    return {row.load_balancer_id: row.last_error for row in connection.execute(statement)}


def lock(connection: Connection, load_balancer_ids: Collection[str]) -> dict[str, LoadBalancer]:
    """Lock the rows for this transaction, in the order of their ids: the lock of all bindings on them."""
    found = connection.execute(_LOCK, {"ids": list(load_balancer_ids)})
    return {row.load_balancer_id: _load_balancer(row) for row in found}


def want(
    connection: Connection,
    load_balancer_ids: Collection[str],
    *,
    cluster_id: str | None = None,
    at_once: bool = True,
    event: bool = False,
    first: bool = False,
) -> None:
    """The ledger wants something else there than before, for ``cluster_id``: the next free worker should make a pass.

    ``event``: an agent has just said so, and may say more of the same burst. Not ``at_once``: there is nothing to do
    before something else has happened, which makes the pass due then.
    ``first``: a target is to leave, so the pass goes before those that became due a little earlier for something else.
    """
    now = func.clock_timestamp()
    since = now - HEAD_START if first else now
    due: dict[str, Any] = {"due_at": func.least(table.c.due_at, since)} if at_once else {}
    if event:
        due["last_event_at"] = now
    if cluster_id is not None:
        known = table.c.wanted_by.contains([cluster_id])
        due["wanted_by"] = case((known, table.c.wanted_by), else_=func.array_append(table.c.wanted_by, cluster_id))
    reconciled = table.c.reconciled_generation == table.c.wanted_generation
    connection.execute(
        update(table)
        .where(table.c.load_balancer_id.in_(load_balancer_ids))
        .values(
            wanted_generation=table.c.wanted_generation + 1,
            wanted_at=case((reconciled, now), else_=func.coalesce(table.c.wanted_at, now)),
            **due,
        )
    )


def look_for_room(connection: Connection, account_id: str, region: str) -> None:
    """There may be more room than before: a pass is due where bindings wait for some."""
    waiting = select(bindings.c.load_balancer_id).where(
        bindings.c.live, bindings.c.state == State.HELD, bindings.c.reason == Code.QUOTA_EXCEEDED
    )
    here = (table.c.account_id == account_id, table.c.region == region, table.c.load_balancer_id.in_(waiting))
    now = func.clock_timestamp()
    connection.execute(update(table).where(*here).values(due_at=func.least(table.c.due_at, now)))


def record_inventory(connection: Connection, load_balancer_id: str, inventory: Inventory | None) -> None:
    """What the cloud says the load balancer is; None: that it does not exist. The last known inventory is kept then."""
    values: dict[str, Any] = {"inventory_read_at": func.now(), "missing": inventory is None}
    if inventory is not None:
        values["inventory"] = _inventory_to_json(inventory)
    connection.execute(update(table).where(table.c.load_balancer_id == load_balancer_id).values(values))


def finish_pass(  # noqa: PLR0913 (each is something else that the pass found out)
    connection: Connection,
    load_balancer_id: str,
    *,
    reconciled: int | None,
    due_in: timedelta,
    due_at: datetime | None,
    not_before: timedelta,
    failures: int,
    error: str | None,
    tail_factor: float | None = None,
) -> None:
    """Put the load balancer back into the queue.

    ``reconciled`` is the generation that the cloud has now, None when some change is still open. The next pass is due
    after ``due_in`` or at ``due_at``, whichever is first, and never before ``not_before`` from now; at once when
    events came in the meantime. ``tail_factor`` is given when a write is over whose tail is the time until then.
    """
    now = func.clock_timestamp()
    later = func.least(now + due_in, literal(due_at, table.c.due_at.type)) if due_at is not None else now + due_in
    values: dict[str, Any] = {"not_before": now + not_before, "failures": failures, "last_error": error}
    if tail_factor is not None:
        values |= {"tail_factor": tail_factor, "tail_ends_at": now + not_before}
    values["failing_since"] = func.coalesce(table.c.failing_since, now) if failures else null()
    if reconciled is None:
        values["due_at"] = later
    else:
        behind = table.c.wanted_generation > reconciled
        values["reconciled_generation"] = reconciled
        values["due_at"] = case((behind, now), else_=later)
        values["wanted_at"] = case((behind, table.c.wanted_at), else_=null())
        values["wanted_by"] = case((behind, table.c.wanted_by), else_=literal([], table.c.wanted_by.type))
    connection.execute(update(table).where(table.c.load_balancer_id == load_balancer_id).values(values))


def _inventory_to_json(inventory: Inventory) -> dict[str, Any]:
    return {
        "vpc_id": inventory.vpc_id,
        "vips": list(inventory.vips),
        "internal": inventory.internal,
        "snat_pro": inventory.snat_pro,
        "listeners": [
            {
                "listener_id": listener.listener_id,
                "protocol": listener.protocol,
                "port": listener.port,
                "rules": [
                    {"location_id": rule.location_id, "domain": rule.domain, "url": rule.url} for rule in listener.rules
                ],
            }
            for listener in inventory.listeners
        ],
    }


def _inventory(kept: Mapping[str, Any] | None) -> Inventory | None:
    if kept is None:
        return None
    listeners = tuple(
        Listener(
            entry["listener_id"],
            entry["protocol"],
            entry["port"],
            tuple(Rule(rule["location_id"], rule["domain"], rule["url"]) for rule in entry["rules"]),
        )
        for entry in kept["listeners"]
    )
    # An inventory of an earlier version said neither; it is read again within the topology's period.
    internal, snat_pro = kept.get("internal", False), kept.get("snat_pro", False)
    return Inventory(kept["vpc_id"], tuple(kept["vips"]), listeners, internal, snat_pro)


def _load_balancer(row: Row[Any]) -> LoadBalancer:
    return LoadBalancer(
        account_id=row.account_id,
        load_balancer_id=row.load_balancer_id,
        region=row.region,
        inventory=_inventory(row.inventory),
        inventory_read_at=row.inventory_read_at,
        missing=row.missing,
        wanted_generation=row.wanted_generation,
        reconciled_generation=row.reconciled_generation,
        wanted_at=row.wanted_at,
        last_error=row.last_error,
        failures=row.failures,
        failing_since=row.failing_since,
        alarmed_at=row.alarmed_at,
        tail_factor=row.tail_factor,
        tail_ends_at=row.tail_ends_at,
        last_event_at=row.last_event_at,
        created_at=row.created_at,
    )
