"""Bindings. Whoever writes one holds the row of its load balancer."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Text, any_, bindparam, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import ARRAY

from app.domain.binding import LEAVING, Binding, Health
from app.domain.event import Service
from app.domain.load_balancer import Slot
from app.ledger import clusters
from app.ledger.binding_rows import binding_of, proof_of, row_of, same_subject, standing_of, subject_of
from app.ledger.rows import GIVEN, insert_rows, recordset, update_rows
from app.ledger.tables import bindings as table

AT_WORK = or_(table.c.live, table.c.placed)
"""Bindings that can still move, or whose target may still be at the cloud."""

_SHOWN: Mapping[str, ColumnElement[Any]] = {
    # Until the listener was found at the cloud, the one that the target's name says.
    "listener_id": func.coalesce(table.c.listener_id, table.c.target["listener_id"].astext),
}


# Made once: a statement of thirty columns takes longer to make than to carry out.
_IN_IDS = table.c.binding_id == any_(bindparam("ids", type_=ARRAY(Text)))
_OF_IDS = select(table).where(_IN_IDS)
_ADDRESSES = select(table.c.load_balancer_id, table.c.ip).where(_IN_IDS)
_AT_WORK = select(table).where(AT_WORK, table.c.load_balancer_id == bindparam("at")).order_by(table.c.binding_id)
_GIVEN_ADDRESSES = recordset(table, "load_balancer_id", "ip")
_AT_ADDRESSES = select(table).where(
    AT_WORK, tuple_(table.c.load_balancer_id, table.c.ip).in_(select(*_GIVEN_ADDRESSES.c))
)
_GIVEN_HEALTH = recordset(table, "binding_id", "health", "change_sequence")
_HEALTH = (
    update(table)
    .where(table.c.binding_id == _GIVEN_HEALTH.c.binding_id)
    .values(
        health=_GIVEN_HEALTH.c.health,
        change_sequence=_GIVEN_HEALTH.c.change_sequence,
        generation=table.c.generation + 1,
    )
)


class ConcurrentChange(RuntimeError):
    """A binding was changed without the lock of its load balancer: a mistake in the broker, rolled back."""


def write(
    connection: Connection,
    created: Sequence[Binding],
    changed: Sequence[Binding],
    visible: Collection[str],
    before: Mapping[str, Binding] = MappingProxyType({}),
) -> None:
    """Write new and changed bindings. ``visible`` are the ids whose change the cluster's agent shall hear of.

    ``before`` are changed ones, by id, as this transaction has read them under their locks and not written since: their
    pods and proofs, most of a row, are written only where they are others now.
    """
    numbers = _numbers(connection, [*created, *changed], visible)
    # Those that give up a place go first: the unique indexes look at every row as it is written.
    leaving = [binding for binding in changed if not (binding.holder or binding.placed)]
    staying = [binding for binding in changed if binding.holder or binding.placed]
    for group in (leaving, staying):
        _update(connection, group, numbers, before)
    insert_rows(connection, table, [row_of(binding, numbers[binding.binding_id]) for binding in created])


def write_health(connection: Connection, found: Mapping[str, tuple[str, Health]]) -> None:
    """Write the health of bindings, by id, each with its cluster, whose agent shall hear of it.

    When a binding last changed stays: pauses and other readings count from it.
    """
    following = clusters.next_changes(connection, Counter(cluster_id for cluster_id, _ in found.values()))
    rows = []
    for binding_id, (cluster_id, health) in sorted(found.items()):
        rows.append({"binding_id": binding_id, "health": health, "change_sequence": following[cluster_id]})
        following[cluster_id] += 1
    connection.execute(_HEALTH, {GIVEN: rows})


def find(connection: Connection, binding_id: str) -> Binding | None:
    """The binding of that id, if there is one."""
    row = connection.execute(select(table).where(table.c.binding_id == binding_id)).one_or_none()
    return None if row is None else binding_of(row)


def of_ids(connection: Connection, binding_ids: Collection[str]) -> list[Binding]:
    """The bindings of these ids."""
    return all_of(connection, _OF_IDS, ids=list(binding_ids)) if binding_ids else []


def addresses_of(connection: Connection, binding_ids: Collection[str]) -> set[tuple[str, str]]:
    """The (load balancer, ip) pairs of these bindings; neither ever changes."""
    found = connection.execute(_ADDRESSES, {"ids": list(binding_ids)})
    return {(row.load_balancer_id, row.ip) for row in found}


def around_addresses(
    connection: Connection, addresses: Collection[tuple[str, str]], binding_ids: Collection[str]
) -> list[Binding]:
    """What is at work at these (load balancer, ip) pairs, of any cluster, and the bindings of these ids."""
    pairs = [{"load_balancer_id": load_balancer_id, "ip": ip} for load_balancer_id, ip in sorted(addresses)]
    # Two statements: each has an index of its own, and an OR of them would have none.
    found = all_of(connection, _AT_ADDRESSES, **{GIVEN: pairs}) if pairs else []
    found += of_ids(connection, binding_ids)
    return list({binding.binding_id: binding for binding in found}.values())


def at_work(connection: Connection, load_balancer_id: str) -> list[Binding]:
    """What is at work on a load balancer, in a fixed order."""
    return all_of(connection, _AT_WORK, at=load_balancer_id)


def live_of_service(connection: Connection, cluster_id: str, service: Service) -> list[Binding]:
    """The live bindings of one Service of a cluster."""
    return all_of(
        connection,
        select(table).where(
            table.c.live,
            table.c.cluster_id == cluster_id,
            table.c.service_namespace == service.namespace,
            table.c.service_name == service.name,
        ),
    )


def live_of_cluster(connection: Connection, cluster_id: str) -> list[Binding]:
    """All live bindings of a cluster."""
    return all_of(connection, select(table).where(table.c.live, table.c.cluster_id == cluster_id))


def placed_counts(connection: Connection, load_balancer_ids: Collection[str]) -> Counter[tuple[str, Slot | None]]:
    """How many targets the broker has at the cloud and still wants there, per load balancer and listener or rule.

    What drains already is as good as gone, or two implicit removals in a row would take the last.
    """
    slot = (table.c.load_balancer_id, table.c.listener_id, table.c.location_id)
    statement = (
        select(*slot, func.count().label("targets"))
        .where(
            table.c.placed, table.c.live, table.c.state.not_in(LEAVING), table.c.load_balancer_id.in_(load_balancer_ids)
        )
        .group_by(*slot)
    )
    counts: Counter[tuple[str, Slot | None]] = Counter()
    for row in connection.execute(statement):
        counts[row.load_balancer_id, Slot(row.listener_id, row.location_id)] = row.targets
    return counts


def listing(
    connection: Connection, filters: Mapping[str, str], after: str, limit: int, states: Collection[str] | None = None
) -> list[Binding]:
    """Up to ``limit`` bindings whose columns equal ``filters``, with ids after ``after``, in order of their ids."""
    statement = select(table).where(table.c.binding_id > after)
    for name, value in filters.items():
        statement = statement.where(_SHOWN.get(name, table.c[name]) == value)
    if states is not None:
        statement = statement.where(table.c.state.in_(states))
    return all_of(connection, statement.order_by(table.c.binding_id).limit(limit))


def newest(connection: Connection, filters: Mapping[str, str], limit: int) -> list[Binding]:
    """Up to ``limit`` bindings whose columns equal ``filters``, the newest first."""
    statement = select(table).where(*(table.c[name] == value for name, value in filters.items()))
    return all_of(connection, statement.order_by(table.c.created_at.desc(), table.c.binding_id).limit(limit))


def changes(connection: Connection, cluster_id: str, after: int, limit: int) -> list[tuple[int, Binding]]:
    """Bindings of a cluster changed since change number ``after``, in the order of their last change."""
    order = table.c.change_sequence
    statement = select(table).where(table.c.cluster_id == cluster_id, order > after).order_by(order).limit(limit)
    return [(row.change_sequence, binding_of(row)) for row in connection.execute(statement)]


def _numbers(connection: Connection, bindings: Iterable[Binding], visible: Collection[str]) -> dict[str, int | None]:
    heard = sorted((b for b in bindings if b.binding_id in visible), key=lambda binding: binding.binding_id)
    following = clusters.next_changes(connection, Counter(binding.cluster_id for binding in heard))
    numbers: dict[str, int | None] = {binding.binding_id: None for binding in bindings}
    for binding in heard:
        numbers[binding.binding_id] = following[binding.cluster_id]
        following[binding.cluster_id] += 1
    return numbers


def _update(
    connection: Connection,
    bindings: Sequence[Binding],
    numbers: Mapping[str, int | None],
    before: Mapping[str, Binding],
) -> None:
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for binding in bindings:
        row = _changes(binding, numbers[binding.binding_id], before.get(binding.binding_id))
        groups.setdefault(tuple(row), []).append(row)
    for rows in groups.values():
        if update_rows(connection, table, ("account_id", "binding_id"), rows) != len(rows):
            raise ConcurrentChange("a binding that was to be changed is gone")


def _changes(binding: Binding, number: int | None, before: Binding | None) -> dict[str, Any]:
    """The columns to write, always the same ones together: each set of them is a statement of its own."""
    row = standing_of(binding, number)
    if number is None:
        del row["change_sequence"]
    if before is None or not same_subject(before, binding):
        row |= subject_of(binding)
    if before is None or before.verification != binding.verification:
        row |= proof_of(binding)
    return row


def all_of(connection: Connection, statement: Select[Any], **parameters: Any) -> list[Binding]:
    """The bindings that a selection of whole rows finds."""
    return [
        binding_of(row) for row in connection.execute(statement, parameters).all()
    ]  # row by row it takes twice as long
