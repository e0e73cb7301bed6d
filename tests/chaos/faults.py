"""The faults: what each does to a running plant, and how it is undone. All are in one table, by name."""

import signal
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from random import Random
from typing import Any

import psycopg

from app.simulator.errors import WorldError
from tests.chaos.plant import LEASE_SECONDS, WORKERS, Plant
from tests.chaos.world import LISTENERS, LOAD_BALANCERS, SECRET, listener, load_balancer

Undo = Callable[[], None]
Begin = Callable[[Plant, Random], Undo]
KILL_PATIENCE = 2.0
"""How long the killer waits for its moment before it kills anyway, in seconds."""


@dataclass(frozen=True, slots=True)
class Fault:
    """``begin`` starts it and returns what ends it after ``seconds``; ``silent``: no worker can work meanwhile."""

    begin: Begin
    silent: bool = False
    seconds: float = 3.0


def _order(kind: str, action: str = "*", **fields: Any) -> Begin:
    """A fault of the simulated cloud, on some or all of the calls that fit."""

    def begin(plant: Plant, chance: Random) -> Undo:
        plant.simulator.order(kind, action=action, times=0, seed=chance.randrange(2**31), **fields)
        return plant.simulator.clear_faults

    return begin


def _edited(do: Mapping[str, Any], undo: Mapping[str, Any]) -> Begin:
    """A change of the world by hand, taken back at the end."""

    def begin(plant: Plant, _: Random) -> Undo:
        plant.simulator.edit(**do)
        return lambda: plant.simulator.edit(**undo)

    return begin


def _parameters(changed: Mapping[str, Any], normal: Mapping[str, Any]) -> Begin:
    def begin(plant: Plant, _: Random) -> Undo:
        plant.simulator.set_parameters(**changed)
        return lambda: _ignore(plant.simulator.set_parameters(**normal))

    return begin


def _killing(when: Callable[[Plant], bool], during: Begin | None = None) -> Begin:
    """kill -9 of a worker at a moment, and a new one under the same name at once; then the other one likewise."""

    def begin(plant: Plant, chance: Random) -> Undo:
        end = during(plant, chance) if during else lambda: None
        over = threading.Event()

        def kill_one_after_the_other() -> None:
            for name in chance.sample(WORKERS, len(WORKERS)):
                deadline = time.monotonic() + KILL_PATIENCE
                while time.monotonic() < deadline and not over.is_set() and not when(plant):
                    time.sleep(0.005)
                with plant.moving:
                    if plant.runs(name):
                        plant.kill(name)
                        plant.start(name)

        killer = threading.Thread(target=kill_one_after_the_other, daemon=True)
        killer.start()

        def undo() -> None:
            over.set()
            killer.join(60)
            end()

        return undo

    return begin


def _stopped(plant: Plant, chance: Random) -> Undo:
    """SIGSTOP of a worker, best in the middle of a write, for two lease times; then SIGCONT."""
    name = chance.choice(WORKERS)
    deadline = time.monotonic() + KILL_PATIENCE
    while time.monotonic() < deadline and not _in_call(plant):
        time.sleep(0.005)
    if not plant.runs(name):
        return lambda: None
    plant.signal(name, signal.SIGSTOP)
    until = time.monotonic() + 2 * LEASE_SECONDS

    def undo() -> None:
        time.sleep(max(0.0, until - time.monotonic()))
        if plant.runs(name):
            plant.signal(name, signal.SIGCONT)

    return undo


def _both_workers(plant: Plant, _: Random) -> Undo:
    with plant.moving:
        for name in filter(plant.runs, WORKERS):
            plant.kill(name)

    def undo() -> None:
        with plant.moving:
            for name in WORKERS:
                if not plant.runs(name):
                    plant.start(name)

    return undo


def _terminated(plant: Plant, chance: Random) -> Undo:
    name = chance.choice(WORKERS)
    with plant.moving:
        if not plant.runs(name):
            return lambda: None
        plant.signal(name, signal.SIGCONT)  # where another fault has stopped it, it could not end
        plant.stop(name)

    def undo() -> None:
        with plant.moving:
            if not plant.runs(name):
                plant.start(name)

    return undo


def _api(plant: Plant, chance: Random) -> Undo:
    over = threading.Event()

    def kill_again_and_again() -> None:
        while True:
            plant.kill("serve")
            plant.start("serve")
            if over.wait(0.3 + chance.random()):
                return

    killer = threading.Thread(target=kill_again_and_again, daemon=True)
    killer.start()

    def undo() -> None:
        over.set()
        killer.join(60)

    return undo


def _postgres(plant: Plant, _: Random) -> Undo:
    plant.kill_postgres()
    return plant.start_postgres


def _open_transaction(plant: Plant, chance: Random) -> Undo:
    """Somebody's transaction holds the row of a load balancer, and a snapshot of everything, and does not end."""
    try:
        connection = psycopg.connect(plant.database_url)
    except psycopg.OperationalError:  # another fault has ended the ledger itself
        return lambda: None
    with suppress(psycopg.Error):
        connection.execute("SET lock_timeout = '2s'")
        connection.execute("SELECT count(*) FROM bindings")
        connection.execute(
            "SELECT 1 FROM load_balancers WHERE load_balancer_id = %s FOR UPDATE", [chance.choice(LOAD_BALANCERS)]
        )
    return connection.close


def _no_connections(plant: Plant, _: Random) -> Undo:
    """All free connections of the database are somebody else's."""
    stack = ExitStack()
    with suppress(psycopg.OperationalError):
        for _unused in range(500):
            stack.callback(psycopg.connect(plant.database_url, connect_timeout=3).close)
    return stack.close


def _credentials(plant: Plant, _: Random) -> Undo:
    plant.simulator.edit("revoke-credential", secret_id=SECRET["secret_id"])
    return lambda: plant.simulator.edit("add-credential", **SECRET)


def _listener(plant: Plant, chance: Random) -> Undo:
    name, listener_id = chance.choice(LOAD_BALANCERS), chance.choice(LISTENERS)
    with suppress(WorldError):
        plant.simulator.edit("delete-listener", load_balancer_id=name, listener_id=listener_id)

    def undo() -> None:
        with suppress(WorldError):  # it is there with its load balancer, where that came back before
            plant.simulator.edit("add-listener", load_balancer_id=name, listener=listener(listener_id))

    return undo


def _load_balancer(plant: Plant, _: Random) -> Undo:
    name = LOAD_BALANCERS[1]
    with suppress(WorldError):
        plant.simulator.edit("delete-load-balancer", load_balancer_id=name)
    return lambda: plant.simulator.edit("add-load-balancer", load_balancer=load_balancer(name, 2))


def _by_hand(plant: Plant, chance: Random) -> Undo:
    """Targets added, taken off and reweighed behind the broker's back, some of them others' own."""
    for row in chance.sample(plant.simulator.targets(), min(6, len(plant.simulator.targets()))):
        where = {name: row[name] for name in ("load_balancer_id", "listener_id", "ip", "port")}
        with suppress(WorldError):
            if chance.random() < 0.5:
                plant.simulator.edit("remove-target", **where)
            else:
                plant.simulator.edit("set-weight", weight=chance.choice([1, 33, 99]), **where)
    where = {"load_balancer_id": LOAD_BALANCERS[0], "listener_id": chance.choice(LISTENERS)}
    with suppress(WorldError):
        plant.simulator.edit("add-target", ip=f"10.0.9.{chance.randint(1, 250)}", port=9000, weight=7, **where)
    return lambda: None


def _addresses(plant: Plant, chance: Random) -> Undo:
    """Addresses leave their interfaces without a word, and come back later: their proofs are lost meanwhile."""
    bound = {row["ip"] for row in plant.simulator.targets() if row["ip"].startswith("10.0.1.")}
    moved = chance.sample(sorted(bound), min(3, len(bound)))
    for ip in moved:
        plant.told.doubted[ip] = DOUBTED
        plant.simulator.edit("move-address", ip=ip, **{"from": "eni-a1"})
    return lambda: [plant.simulator.edit("move-address", ip=ip, to="eni-a1") for ip in moved] and None


def _routes(plant: Plant, _: Random) -> Undo:
    plant.told.doubted.update({f"172.20.0.{number}": DOUBTED for number in range(1, 251)})
    route = {"ccn_id": "ccn-1", "cidr": "172.20.0.0/16"}
    plant.simulator.edit("set-route-enabled", enabled=False, **route)
    return lambda: plant.simulator.edit("set-route-enabled", enabled=True, **route)


def _ignore(_: object) -> None:
    return None


def _in_call(plant: Plant) -> bool:
    return any(
        call["action"].startswith("Batch") and call["finished_at"] is None for call in plant.simulator.calls[-8:]
    )


def _intended(plant: Plant) -> bool:
    with suppress(psycopg.Error), psycopg.connect(plant.database_url) as connection:
        return bool(connection.execute("SELECT 1 FROM cloud_operations WHERE outcome IS NULL LIMIT 1").fetchone())
    return True


def _polling(plant: Plant) -> bool:
    return any(call["action"] == "DescribeTaskStatus" for call in plant.simulator.calls[-4:])


DOUBTED = 2**62
"""Until its agent has spoken again, whatever was said of an address is in doubt."""

WRITE = "BatchRegisterTargets"
FAULTS: dict[str, Fault] = {
    "worker killed at an intent": Fault(_killing(_intended)),
    "worker killed in a call": Fault(_killing(_in_call)),
    "worker killed after a call": Fault(_killing(_in_call, _order("answer-lost", WRITE))),
    "worker killed while polling": Fault(_killing(_polling, _order("task-hangs"))),
    "worker stopped for two lease times": Fault(_stopped),
    "worker restarted": Fault(_terminated),
    "no worker": Fault(_both_workers, silent=True),
    "API killed": Fault(_api),
    "Postgres killed": Fault(_postgres, silent=True),
    "a transaction stays open": Fault(_open_transaction, seconds=12.0),
    "no free connection": Fault(_no_connections),
    "cloud cut": Fault(_order("request-lost")),
    "cloud hangs before": Fault(_order("hang", probability=0.5, seconds=1.6, when="before")),
    "cloud hangs after": Fault(_order("hang", probability=0.5, seconds=1.6, when="after")),
    "answers lost": Fault(_order("answer-lost", probability=0.5)),
    "resets": Fault(_order("reset", probability=0.5, done=True)),
    "HTTP 500": Fault(_order("http-500", probability=0.5, done=True)),
    "internal errors": Fault(_order("internal-error-after", probability=0.6)),
    "throttled": Fault(_order("throttle", probability=0.7)),
    "budget halved": Fault(_parameters({"calls_per_second": 9}, {"calls_per_second": 20})),
    "busy load balancers": Fault(_order("busy", probability=0.7)),
    "partial batches": Fault(_order("partial", WRITE, probability=0.7, listener_ids=["lbl-1"])),
    "no effect": Fault(_order("no-effect", probability=0.7)),
    "tasks fail": Fault(_order("task-fails")),
    "tasks never end": Fault(_order("task-hangs")),
    "listener deleted": Fault(_listener),
    "load balancer deleted": Fault(_load_balancer),
    "targets changed by hand": Fault(_by_hand),
    "quota lowered": Fault(_parameters({"target_quota": 3}, {"target_quota": 500})),
    "credentials revoked": Fault(_credentials),
    "addresses moved": Fault(_addresses),
    "routes disabled": Fault(_routes),
    "cloud's clock ten minutes ahead": Fault(
        _parameters({"clock_offset_seconds": 600.0}, {"clock_offset_seconds": 0.0})
    ),
    "none": Fault(lambda *_: lambda: None),
}
"""Every fault that can be made here; what cannot is listed in the README of this folder. The troubles of events
themselves (repeats, reorderings, late words, snapshots) are in every chapter of `tests.chaos.story`."""
