"""What sealing costs those who write: the same ingestion with the sealer on and off by turns, in one run."""

import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing.synchronize import Event
from pathlib import Path
from statistics import mean, median
from tempfile import TemporaryDirectory
from typing import Any, Final

from app.broker.receive_pod_events import Received, receive_pod_events
from app.domain.cluster import NetworkMode, Verification
from app.domain.event import EventType, Pod, PodEvent
from app.domain.journal import Action, Entry, Presence
from app.domain.load_balancer import EVERY_LISTENER
from app.domain.target import TargetName
from app.ledger import clusters, grants, journal, leases, load_balancers
from app.ledger import figures as ledger_figures
from app.ledger.connection import Ledger
from app.ledger.embedded import temporary_postgres
from app.ledger.leases import LeaseSubject
from app.ledger.schema import migrate_ledger

PER_SECOND: Final = 2_000
IN_ONE: Final = 100
TURN_SECONDS: Final = 10.0
TURNS: Final = 8
EVIDENCE: Final = {"checks": [{"check": name, "result": "passed", "evidence": {"id": "eni-1"}} for name in "abcdef"]}


@dataclass(slots=True)
class Turns:
    """What was measured with the sealer on, or off: seconds of each transaction, and entries a second of each turn."""

    seconds: list[float] = field(default_factory=list)
    pace: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Compared:
    """One way to write, with the sealer off and on; the greatest lag of a seal at the end of a turn, in seconds."""

    name: str
    off: Turns
    on: Turns
    lag: float


def compare() -> list[Compared]:
    """Entries at a steady pace, and pod events as fast as they are taken."""
    with TemporaryDirectory(prefix="clb-broker-bench-", ignore_cleanup_errors=True) as name:
        place = Path(name)
        place.chmod(0o755)  # the embedded Postgres drops its rights and must still reach its data
        with temporary_postgres(place) as database_url:
            migrate_ledger(database_url)
            ledger = Ledger(database_url)
            _furnish(ledger)
            found = [
                _by_turns(
                    f"{PER_SECOND:,} entries a second, {IN_ONE} a transaction",
                    database_url,
                    ledger,
                    _entries(ledger),
                    PER_SECOND,
                ),
                _by_turns(
                    f"pod events without a pause, {IN_ONE} a request", database_url, ledger, _events(ledger), None
                ),
            ]
            ledger.close()
            return found


def _by_turns(name: str, url: str, ledger: Ledger, write: Callable[[], None], pace: int | None) -> Compared:
    context = multiprocessing.get_context("spawn")
    on, ended = context.Event(), context.Event()
    sealer = context.Process(target=_seal, args=(url, on, ended))
    sealer.start()
    off_turns, on_turns, lag = Turns(), Turns(), 0.0
    _turn(Turns(), write, pace)  # to warm up
    for number in range(2 * TURNS):
        # Off, on, on, off: what changes with time falls on both alike.
        sealing = number % 4 in {1, 2}
        on.set()
        _wait_until_sealed(ledger)
        (on.set if sealing else on.clear)()
        _turn(on_turns if sealing else off_turns, write, pace)
        if sealing:
            lag = max(lag, _lag(ledger))
    ended.set()
    on.set()
    sealer.join()
    return Compared(name, off_turns, on_turns, lag)


def _turn(found: Turns, write: Callable[[], None], pace: int | None) -> None:
    began, written = time.perf_counter(), 0
    while (now := time.perf_counter()) - began < TURN_SECONDS:
        if pace is not None and (early := began + written / pace - now) > 0:
            time.sleep(early)
        started = time.perf_counter()
        write()
        found.seconds.append(time.perf_counter() - started)
        written += IN_ONE
    found.pace.append(written / (time.perf_counter() - began))


def _seal(url: str, on: Event, ended: Event) -> None:
    """A worker's loop of sealing, in a process of its own, once a second as there."""
    from app.broker.seal_history import end_sealing, seal_history

    ledger, minute = Ledger(url, pool_size=2), timedelta(minutes=1)
    while not ended.is_set():
        on.wait()
        with ledger.begin() as connection:
            taken = leases.take(connection, LeaseSubject.SEAL, "bench", minute, 1)
        for lease in taken:
            while seal_history(ledger, lease, minute).more:
                pass
            end_sealing(ledger, lease)
        time.sleep(1.0)
    ledger.close()


def _wait_until_sealed(ledger: Ledger) -> None:
    while _waiting(ledger):
        time.sleep(0.1)


def _waiting(ledger: Ledger) -> int:
    with ledger.begin() as connection:
        return ledger_figures.figures(connection, timedelta(minutes=5)).history.unsealed


def _lag(ledger: Ledger) -> float:
    with ledger.begin() as connection:
        return ledger_figures.figures(connection, timedelta(minutes=5)).history.seal_lag.total_seconds()


def _furnish(ledger: Ledger) -> None:
    with ledger.begin() as connection:
        clusters.put(
            connection,
            account_id="default",
            cluster_id="cls-1",
            region="r",
            verification=Verification.STRICT,
            topology=None,
            max_removal_share=0.3,
        )
        leases.offer(connection, "default", LeaseSubject.SEAL, "default")
        load_balancers.put(connection, "default", "lb-1", "r")
        grants.put(connection, "default", "lb-1", "cls-1", [EVERY_LISTENER])


def _entries(ledger: Ledger) -> Callable[[], None]:
    entry = Entry(
        Action.BINDING_MOVED,
        account_id="default",
        binding_id="b-1",
        cluster_id="cls-1",
        pod_uid="u-1",
        ip="10.0.3.17",
        port=8080,
        load_balancer_id="lb-1",
        listener_id="lbl-1",
        presence=Presence.PRESENT,
        weight=10,
        evidence=EVIDENCE,
    )

    def write() -> None:
        with ledger.begin() as connection:
            journal.add(connection, "worker:w-1", [entry] * IN_ONE)

    return write


def _events(ledger: Ledger) -> Callable[[], None]:
    numbers = iter(range(10**9))

    def received(number: int) -> Received:
        pod = Pod(
            "shop", f"web-{number}", f"u-{number}", f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", None
        )
        target = TargetName("lb-1", 8080, listener_id="lbl-1")
        event = PodEvent(f"e-{number}", EventType.BIND, number, pod, target, None, None, NetworkMode.VPC_CNI, 10)
        return Received(event, f"{number}", {"event_id": event.event_id})

    def write() -> None:
        batch: Any = [received(next(numbers)) for _ in range(IN_ONE)]
        receive_pod_events(ledger, "cls-1", batch, actor="agent:cls-1", drain_seconds=30)

    return write


@dataclass(frozen=True, slots=True)
class Figures:
    """Median and mean time of a transaction in seconds, and the median pace of the turns in entries a second."""

    median: float
    mean: float
    pace: float


def figures(found: Turns) -> Figures:
    """The figures of the turns with the sealer on, or off."""
    return Figures(median(found.seconds), mean(found.seconds), median(found.pace))
