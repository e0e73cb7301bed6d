"""How much there is of what, for metrics: four statements, none of which reads what has ended."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import ColumnElement, Connection, Label, func, or_, select

from app.domain.binding import Health, State
from app.ledger.alarms import CLUSTER_FAILING
from app.ledger.health import ASKED_ABOUT
from app.ledger.tables import bindings, clusters, drift, load_balancers

NONE: Final = timedelta(0)


@dataclass(frozen=True, slots=True)
class Registered:
    """Load balancers or clusters by condition, all of them as ``registered``: one may be in several, or in none.

    ``longest_failure`` is how long the one has failed that has failed for longest.
    """

    conditions: Mapping[str, int]
    longest_failure: timedelta


@dataclass(frozen=True, slots=True)
class Figures:
    """The ledger in numbers.

    ``bindings`` that can still move, by state and reason ("" for none); ``targets`` at the cloud by health; ``drift``
    by kind and action. ``greatest_lag`` is the longest time for which something has been wanted at a load balancer that
    is not there.
    """

    bindings: Mapping[tuple[str, str], int]
    targets: Mapping[Health, int]
    drift: Mapping[tuple[str, str], int]
    load_balancers: Registered
    greatest_lag: timedelta
    clusters: Registered


def figures(connection: Connection, silent_after: timedelta) -> Figures:
    """The figures as they are now. A cluster is silent when its agent has not spoken for ``silent_after``."""
    moving, targets = _bindings(connection)
    balancers, greatest_lag = _load_balancers(connection)
    return Figures(moving, targets, _drift(connection), balancers, greatest_lag, _clusters(connection, silent_after))


def _bindings(connection: Connection) -> tuple[Counter[tuple[str, str]], dict[Health, int]]:
    """Both in one statement, which the index of what is at work serves: ended bindings are kept for ever."""
    columns = (bindings.c.state, bindings.c.reason, bindings.c.health, bindings.c.live, bindings.c.placed)
    at_work = or_(bindings.c.live, bindings.c.placed)
    statement = select(*columns, func.count().label("many")).where(at_work).group_by(*columns)
    moving: Counter[tuple[str, str]] = Counter()
    targets = dict.fromkeys(Health, 0)
    for row in connection.execute(statement):
        if row.live:
            moving[row.state, row.reason or ""] += row.many
        if row.placed and State(row.state) in ASKED_ABOUT:
            targets[Health(row.health)] += row.many
    return moving, targets


def _drift(connection: Connection) -> dict[tuple[str, str], int]:
    statement = select(drift.c.kind, drift.c.action, func.count().label("many")).group_by(drift.c.kind, drift.c.action)
    return {(row.kind, row.action): row.many for row in connection.execute(statement)}


def _load_balancers(connection: Connection) -> tuple[Registered, timedelta]:
    table = load_balancers.c
    behind = table.reconciled_generation < table.wanted_generation
    failing = table.failing_since.is_not(None)
    counts = _counts(
        behind=behind, failing=failing, alarm=failing & table.alarmed_at.is_not(None), missing=table.missing
    )
    lag = func.max(func.clock_timestamp() - table.wanted_at).filter(behind)
    failure = func.max(func.clock_timestamp() - table.failing_since)
    *counted, greatest_lag, longest = connection.execute(
        select(*counts, lag, failure).select_from(load_balancers)
    ).one()
    return Registered(_named(counts, counted), longest or NONE), greatest_lag or NONE


def _clusters(connection: Connection, silent_after: timedelta) -> Registered:
    table = clusters.c
    silent = table.last_seen_at < func.clock_timestamp() - silent_after
    failing = CLUSTER_FAILING.is_not(None)
    alarm = failing & table.alarmed_at.is_not(None)
    counts = _counts(silent=silent, unread=table.topology_error.is_not(None), failing=failing, alarm=alarm)
    failure = func.max(func.clock_timestamp() - CLUSTER_FAILING)
    *counted, longest = connection.execute(select(*counts, failure).select_from(clusters)).one()
    return Registered(_named(counts, counted), longest or NONE)


def _counts(**conditions: ColumnElement[bool]) -> list[Label[int]]:
    """Counts of the rows in each condition, and of all of them."""
    named = {name: func.count().filter(condition) for name, condition in conditions.items()}
    return [func.count().label("registered"), *(count.label(name) for name, count in named.items())]


def _named(counts: Sequence[Label[int]], found: Sequence[int]) -> dict[str, int]:
    return {count.name: many for count, many in zip(counts, found, strict=True)}
