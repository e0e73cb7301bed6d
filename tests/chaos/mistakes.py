"""Mistakes that other systems shipped, put back into a running process to see that the checker catches them.

``python -m tests.chaos.mistakes MISTAKE PROCESS`` starts the process with the mistake in it. Nothing in ``app`` knows
of this: each mistake replaces functions of the running process, and only of it.
"""

import random
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select, text

import app.broker.converge as passes
import app.worker.converge_load_balancer as writing
from app import composition
from app.cli import main
from app.domain.errors import LeaseLost
from app.ledger import clusters, leases
from app.ledger.connection import clock
from app.ledger.leases import Lease, LeaseSubject
from app.planning import batches
from tests.chaos.histories import Breach
from tests.chaos.wrong import pause_that_ends, plan_with_a_stranger, write_and_the_empty_rest, write_whenever

_real_take, _real_own = leases.take, leases._own

_TAKEN = """
UPDATE leases SET incarnation = :mine, epoch = leases.epoch + :step, expires_at = clock_timestamp() + :duration
FROM (
    SELECT leases.account_id, leases.subject_id FROM leases JOIN load_balancers
    ON load_balancers.account_id = leases.account_id AND load_balancers.load_balancer_id = leases.subject_id
    WHERE leases.subject = 'load-balancer' AND due_at <= clock_timestamp() AND not_before <= clock_timestamp()
    AND (incarnation IS NULL OR expires_at <= clock_timestamp() OR {free})
    ORDER BY due_at LIMIT :most FOR UPDATE OF leases SKIP LOCKED
) AS free
WHERE leases.account_id = free.account_id AND leases.subject = 'load-balancer' AND leases.subject_id = free.subject_id
RETURNING leases.account_id, leases.subject_id, leases.epoch
"""


def _taking(free: str, step: int) -> Callable[..., list[Lease]]:
    def take(
        connection: Connection,
        subject: LeaseSubject,
        incarnation: str,
        duration: timedelta,
        limit: int,
        *more: Any,
    ) -> list[Lease]:
        if subject is not LeaseSubject.LOAD_BALANCER:
            return _real_take(connection, subject, incarnation, duration, limit, *more)
        values = {"mine": incarnation, "step": step, "duration": duration, "most": limit}
        rows = connection.execute(text(_TAKEN.format(free=free)), values)
        return [Lease(row.account_id, subject, row.subject_id, incarnation, row.epoch) for row in rows]

    return take


def _own_without_looking(connection: Connection, lease: Lease, *rest: Any) -> datetime:
    table = leases.table
    mine = (table.c.subject == lease.subject, table.c.subject_id == lease.subject_id)
    row = connection.execute(select(table.c.incarnation, table.c.epoch).where(*mine)).one()
    try:
        return _real_own(connection, replace(lease, incarnation=row.incarnation or "", epoch=row.epoch), *rest)
    except LeaseLost:
        return clock(connection)


def old_writer() -> None:
    """A writer whose lease is another's by now goes on, and records what it did over the newer plan."""
    leases._own = _own_without_looking
    writing.write_changes = write_whenever


def strangers_cleaned_up() -> None:
    """A removal takes another cluster's target along."""
    passes.plan = plan_with_a_stranger


def same_name_same_lease() -> None:
    """A restarted worker has its host's name, and takes what is leased to that name as still its own."""
    leases.take = _taking("incarnation = :mine", 0)
    real = composition.build_worker

    def build_worker(settings: Any, url: str) -> Any:
        from app.worker.loops import Worker

        _, workshop = real(settings, url)
        named = replace(workshop, incarnation="host-1")
        return Worker(named), named

    composition.build_worker = build_worker


def rescue_by_time() -> None:
    """What was taken a moment ago is rescued, whether its holder still works or not."""
    leases.take = _taking("expires_at < clock_timestamp() + interval '2.95 seconds'", 1)
    leases._own = _own_without_looking
    writing.write_changes = write_whenever


def numbers_without_lock() -> None:
    """Changes are numbered by a sequence, outside of any lock, and some commit late."""

    def next_changes(connection: Connection, counts: Mapping[str, int]) -> dict[str, int]:
        connection.execute(text("SET LOCAL ROLE NONE"))  # the application may make nothing
        connection.execute(text("CREATE SEQUENCE IF NOT EXISTS chaos_numbers START 1000000"))
        first = {}
        for cluster_id in sorted(counts):
            numbers = connection.execute(
                text("SELECT nextval('chaos_numbers') FROM generate_series(1, :n)"), {"n": counts[cluster_id]}
            )
            first[cluster_id] = min(row[0] for row in numbers)
        time.sleep(random.choice([0.0, 0.3]))
        return first

    def lock(connection: Connection, cluster_ids: Any) -> list[Any]:
        statement = clusters.select(clusters.table).where(clusters.table.c.cluster_id.in_(cluster_ids))
        return [clusters._cluster(row) for row in connection.execute(statement.order_by(clusters.table.c.cluster_id))]

    clusters.next_changes, clusters.lock, clusters.lock_agent = next_changes, lock, clusters.find


def empty_call() -> None:
    """A batch of exactly the limit is followed by the empty rest."""
    batches.MAX_TARGETS = 3
    writing.write_changes = write_and_the_empty_rest


def first_come_first_served() -> None:
    """Work is taken in the order in which it became due, whosever it is."""
    leases.take = _taking("FALSE", 1)


def retries_that_end() -> None:
    """After three failures in a row nobody tries again."""
    passes.pause_after = pause_that_ends


@dataclass(frozen=True, slots=True)
class Mistake:
    """``put_back`` into the processes; ``faults`` under which it shows, and the promises it may break."""

    put_back: Callable[[], None]
    promises: frozenset[str]
    faults: tuple[str, ...] = ("none",)
    in_the_api: bool = False
    scene: str = "chapter"
    """Where it shows: in a chapter under those faults, in a `crowd` (`tests.chaos.crowd`), or in a small `storm`."""
    patience: float = 15.0
    """How long rest is waited for, in seconds; the whole bound where its lack is what shows the mistake."""


MISTAKES: dict[str, Mistake] = {
    "old-writer": Mistake(old_writer, frozenset({"A7"}), ("worker stopped for two lease times",)),
    "strangers-cleaned-up": Mistake(strangers_cleaned_up, frozenset({"A4"})),
    "same-name-same-lease": Mistake(same_name_same_lease, frozenset({"A7"})),
    "rescue-by-time": Mistake(rescue_by_time, frozenset({"A7"})),
    "numbers-without-lock": Mistake(numbers_without_lock, frozenset({"feed"}), in_the_api=True, scene="storm"),
    "empty-call": Mistake(empty_call, frozenset({"A9"})),
    "first-come-first-served": Mistake(first_come_first_served, frozenset({"A12"}), scene="crowd"),
    "retries-that-end": Mistake(retries_that_end, frozenset({"A6"}), ("internal errors", "cloud cut"), patience=40.0),
}


def caught(name: str, seed: int, tries: int = 4, patience: float | None = None) -> list[Breach]:
    """The breaches of the promises that the mistake breaks, seen in up to ``tries`` chapters; none: not caught."""
    from tests.chaos.crowd import crowd
    from tests.chaos.plant import Plant, fresh_place
    from tests.chaos.rounds import play
    from tests.chaos.storm import storm
    from tests.chaos.story import Story

    mistake = MISTAKES[name]
    if mistake.scene != "chapter":
        found = crowd(seed, name) if mistake.scene == "crowd" else storm(seed, 500, 10, name).breaches
        return [breach for breach in found if breach.promise in mistake.promises]
    with fresh_place() as place, Plant(place, name, in_the_api=mistake.in_the_api) as plant:
        story = Story(random.Random(f"{seed} {name}"))
        for _ in range(tries):
            breaches = play(plant, story, mistake.faults, patience=patience or mistake.patience)
            expected = [breach for breach in breaches if breach.promise in mistake.promises]
            if expected:
                return expected
    return []


if __name__ == "__main__":
    MISTAKES[sys.argv[1]].put_back()
    main([sys.argv[2].split("-", maxsplit=1)[0]])
