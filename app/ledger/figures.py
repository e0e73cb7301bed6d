"""How much there is of what, for metrics: nine statements, none of which reads what has ended."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from sqlalchemy import ColumnElement, Connection, Label, func, or_, select

from app.domain.binding import Health, State, Verdict
from app.ledger import journal_months
from app.ledger.alarms import CLUSTER_FAILING
from app.ledger.health import ASKED_ABOUT
from app.ledger.tables import bindings, clusters, drift, journal, journal_numbers, load_balancers, trusts
from app.ledger.unsealed import SEALED_TO

NONE: Final = timedelta(0)

LAG_BOUNDS: Final = (1, 2, 5, 15, 60, 120, 300, 900, 3600)
"""Seconds, by which lags are told apart."""


@dataclass(frozen=True, slots=True)
class Registered:
    """Load balancers or clusters by condition, all of them as ``registered``: one may be in several, or in none.

    ``longest_failure`` is how long the one has failed that has failed for longest.
    """

    conditions: Mapping[str, int]
    longest_failure: timedelta


@dataclass(frozen=True, slots=True)
class History:
    """How many entries wait for their seal, the longest of them for how long, and for how many months to come there is
    a place."""

    unsealed: int
    seal_lag: timedelta
    months_ahead: int


@dataclass(frozen=True, slots=True)
class Figures:
    """The ledger in numbers.

    ``bindings`` that can still move, by state and reason ("" for none); ``targets`` at the cloud by health; ``drift``
    by kind and action. ``greatest_lag`` is the longest time for which something has been wanted at a load balancer that
    is not there; ``lags`` says of how many load balancers that is so for at most so many seconds, `LAG_BOUNDS`, and
    ``lag_sum`` of all of them together. ``proofs`` are the verdicts that bindings which can still move stand by.
    """

    bindings: Mapping[tuple[str, str], int]
    targets: Mapping[Health, int]
    drift: Mapping[tuple[str, str], int]
    load_balancers: Registered
    greatest_lag: timedelta
    clusters: Registered
    history: History = History(0, NONE, 0)
    key_sets: Registered = field(default_factory=lambda: Registered({}, NONE))
    proofs: Mapping[Verdict, int] = field(default_factory=dict)
    lags: Mapping[int, int] = field(default_factory=dict)
    lag_sum: timedelta = NONE


def figures(connection: Connection, silent_after: timedelta) -> Figures:
    """The figures as they are now. A cluster is silent when its agent has not spoken for ``silent_after``."""
    moving, targets, proofs = _bindings(connection)
    balancers, greatest_lag = _load_balancers(connection)
    lags, lag_sum = _lags(connection)
    return Figures(
        moving,
        targets,
        _drift(connection),
        balancers,
        greatest_lag,
        _clusters(connection, silent_after),
        _history(connection),
        _key_sets(connection),
        proofs,
        lags,
        lag_sum,
    )


def _bindings(
    connection: Connection,
) -> tuple[Counter[tuple[str, str]], dict[Health, int], dict[Verdict, int]]:
    """All in one statement, which the index of what is at work serves: ended bindings are kept for ever."""
    table = bindings.c
    columns = (table.state, table.reason, table.health, table.verdict, table.live, table.placed)
    at_work = or_(bindings.c.live, bindings.c.placed)
    statement = select(*columns, func.count().label("many")).where(at_work).group_by(*columns)
    moving: Counter[tuple[str, str]] = Counter()
    targets, proofs = dict.fromkeys(Health, 0), dict.fromkeys(Verdict, 0)
    for row in connection.execute(statement):
        if row.live:
            moving[row.state, row.reason or ""] += row.many
            proofs[Verdict(row.verdict)] += row.many
        if row.placed and State(row.state) in ASKED_ABOUT:
            targets[Health(row.health)] += row.many
    return moving, targets, proofs


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


def _lags(connection: Connection) -> tuple[dict[int, int], timedelta]:
    table = load_balancers.c
    lag = func.clock_timestamp() - table.wanted_at
    within = [func.count().filter(lag <= timedelta(seconds=bound)) for bound in LAG_BOUNDS]
    behind = table.reconciled_generation < table.wanted_generation
    *counted, together = connection.execute(select(*within, func.sum(lag)).where(behind)).one()
    return dict(zip(LAG_BOUNDS, counted, strict=True)), together or NONE


def _clusters(connection: Connection, silent_after: timedelta) -> Registered:
    table = clusters.c
    silent = table.last_seen_at < func.clock_timestamp() - silent_after
    failing = CLUSTER_FAILING.is_not(None)
    alarm = failing & table.alarmed_at.is_not(None)
    counts = _counts(silent=silent, unread=table.topology_error.is_not(None), failing=failing, alarm=alarm)
    failure = func.max(func.clock_timestamp() - CLUSTER_FAILING)
    *counted, longest = connection.execute(select(*counts, failure).select_from(clusters)).one()
    return Registered(_named(counts, counted), longest or NONE)


def _history(connection: Connection) -> History:
    after = journal_numbers.c.last - SEALED_TO
    waiting = select(journal_numbers.c.account_id, SEALED_TO.label("sealed"), after.label("many")).where(after > 0)
    found = waiting.subquery()
    oldest = (
        select(func.min(journal.c.recorded_at))
        .where(journal.c.account_id == found.c.account_id, journal.c.sequence == found.c.sealed + 1)
        .correlate(found)
        .scalar_subquery()
    )
    lag = func.max(func.clock_timestamp() - oldest)
    many, greatest = connection.execute(select(func.coalesce(func.sum(found.c.many), 0), lag)).one()
    this_month = journal_months.this_month(connection)
    ahead = sum(month > this_month for month in journal_months.months(connection))
    return History(int(many), greatest or NONE, ahead)


def _key_sets(connection: Connection) -> Registered:
    """Those that workers read."""
    table = trusts.c
    counts = _counts(failing=table.failing_since.is_not(None), unread=table.read_at.is_(None))
    failure = func.max(func.clock_timestamp() - table.failing_since)
    *counted, longest = connection.execute(select(*counts, failure).where(table.jwks_uri.is_not(None))).one()
    return Registered(_named(counts, counted), longest or NONE)


def _counts(**conditions: ColumnElement[bool]) -> list[Label[int]]:
    """Counts of the rows in each condition, and of all of them."""
    named = {name: func.count().filter(condition) for name, condition in conditions.items()}
    return [func.count().label("registered"), *(count.label(name) for name, count in named.items())]


def _named(counts: Sequence[Label[int]], found: Sequence[int]) -> dict[str, int]:
    return {count.name: many for count, many in zip(counts, found, strict=True)}
