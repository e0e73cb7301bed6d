"""What must hold in the end, whatever went wrong on the way: judged by what the cloud saw and what the ledger says."""

from collections.abc import Iterable
from typing import Any

from tests.worker.yard import Yard

ACTION_OF = {
    "added": "BatchRegisterTargets",
    "weight": "BatchModifyTargetWeight",
    "removed": "BatchDeregisterTargets",
}
"""Each kind of change at the cloud with the action that makes it."""

Place = tuple[Any, ...]
"""Load balancer, listener, rule (None at layer 4), address, port."""


def cloud_has(yard: Yard) -> dict[Place, int]:
    """Every target at the cloud with its weight; one that is there twice fails."""
    rows = yard.simulator.targets()
    found = {_place(row): row["weight"] for row in rows}
    assert len(found) == len(rows)
    return found


def ledger_has(yard: Yard) -> dict[Place, int]:
    """Every target that the ledger says is bound, with its weight."""
    columns = "load_balancer_id, listener_id, nullif(location_id, ''), ip, port, weight"
    rows = yard.tell(f"SELECT {columns} FROM bindings WHERE state IN ('bound', 'draining')")
    draining = {tuple(row[:5]) for row in yard.tell(f"SELECT {columns} FROM bindings WHERE state = 'draining'")}
    return {tuple(row[:5]): 0 if tuple(row[:5]) in draining else row[5] for row in rows}


def judge(yard: Yard, foreign: Iterable[Place] = ()) -> None:
    """The cloud has what the ledger wants and what is ``foreign``; every change and every call is accounted for."""
    strangers = set(foreign)
    cloud = cloud_has(yard)
    assert strangers <= cloud.keys()
    assert {place: weight for place, weight in cloud.items() if place not in strangers} == ledger_has(yard)
    _every_change_was_intended(yard, strangers)
    sizes = [call["target_count"] for call in yard.writes()]
    assert all(1 <= size <= 500 for size in sizes)
    assert yard.tell("SELECT operation_id FROM cloud_operations WHERE outcome IS NULL") == []


def _every_change_was_intended(yard: Yard, strangers: set[Place]) -> None:
    first = _first_intents(yard)
    for change in yard.simulator.changes:
        if change["cause"] != "by-hand":
            assert _place(change) not in strangers, change
            assert first[ACTION_OF[change["kind"]], _place(change)] <= change["at"], change


def _first_intents(yard: Yard) -> dict[tuple[str, Place], float]:
    """For each action and place the moment of its first intent, in unix seconds."""
    columns = "action, load_balancer_id, targets, extract(epoch FROM intended_at)::float8"
    found: dict[tuple[str, Place], float] = {}
    for action, load_balancer_id, targets, at in yard.tell(f"SELECT {columns} FROM cloud_operations ORDER BY 4"):
        for target in targets:
            place = _place({**target, "load_balancer_id": load_balancer_id})
            found.setdefault((action, place), at)
    return found


def _place(row: dict[str, Any]) -> Place:
    names = ("load_balancer_id", "listener_id", "location_id", "ip", "port")
    return tuple(row[name] or None for name in names)
