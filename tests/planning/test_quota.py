"""Room on a listener: what fits is sent, what does not is held, and what waits follows as others leave."""

from datetime import timedelta

import pytest

from app.domain.binding import Binding, State
from app.domain.codes import Code
from app.domain.target import Place
from app.planning.plan import Change, Kind
from app.planning.quota import Room, within_quota
from app.planning.settle import REFUSED_PAUSE, settled
from tests.planning.builders import NOW, binding, load_balancer, observed, place

FULL = {place(f"10.0.0.{number}"): 10 for number in range(4)}


def change(kind: Kind, ip: str, listener_id: str = "lbl-tcp") -> Change:
    return Change(kind, place(ip, listener_id), 10, f"b-{ip}", NOW)


def register(*ips: str, listener_id: str = "lbl-tcp") -> list[Change]:
    return [change(Kind.REGISTER, ip, listener_id) for ip in ips]


def deregister(*ips: str) -> list[Change]:
    return [change(Kind.DEREGISTER, ip) for ip in ips]


NEW = ("10.0.1.1", "10.0.1.2", "10.0.1.3")
CASES: dict[str, tuple[list[Change], dict[Place, int], int | None, list[str], list[str]]] = {
    "room for all": (register(*NEW), {}, 3, list(NEW), []),
    "room for some": (register(*NEW), {}, 2, list(NEW[:2]), [NEW[2]]),
    "room for none": (register(*NEW), FULL, 4, [], list(NEW)),
    "more there than the quota": (register(*NEW), FULL, 3, [], list(NEW)),
    "an unknown quota": (register(*NEW), FULL, None, list(NEW), []),
    "another listener's targets": (register(*NEW, listener_id="lbl-udp"), FULL, 4, list(NEW), []),
    "weights need no room": ([change(Kind.REWEIGH, "10.0.0.1")], FULL, 4, ["10.0.0.1"], []),
    "room that others make": (
        register(*NEW) + deregister("10.0.0.1", "10.0.0.2"),
        FULL,
        4,
        ["10.0.0.1", "10.0.0.2"],
        [NEW[2]],
    ),
    "room, and more that others make": (
        register(*NEW) + deregister("10.0.0.1"),
        FULL,
        5,
        [NEW[0], "10.0.0.1"],
        [NEW[2]],
    ),
}


@pytest.mark.parametrize(("changes", "there", "quota", "kept", "excess"), CASES.values(), ids=CASES.keys())
def test_what_has_no_room_is_not_sent(
    changes: list[Change], there: dict[Place, int], quota: int | None, kept: list[str], excess: list[str]
) -> None:
    found = within_quota(changes, observed(there), quota)
    assert [[each.place.ip for each in part] for part in found] == [kept, excess]


def waiting(uid: str, ip: str, age: timedelta = REFUSED_PAUSE) -> Binding:
    """Held for want of room, since so long ago."""
    reason = Code.QUOTA_EXCEEDED
    return binding(State.HELD, uid, ip, reason=reason, placed=False, updated_at=NOW - age)


def follow(room: Room | None, *held: Binding, there: dict[Place, int]) -> list[State]:
    return [settled(each, load_balancer(), observed(there), NOW, room).state for each in held]


@pytest.mark.parametrize(
    ("quota", "states"),
    [
        (4, [State.HELD, State.HELD]),
        (5, [State.PENDING, State.HELD]),
        (6, [State.PENDING, State.PENDING]),
        (None, [State.PENDING, State.PENDING]),
    ],
)
def test_as_many_follow_as_there_is_room_for(quota: int | None, states: list[State]) -> None:
    held = [waiting("u1", "10.0.1.1"), waiting("u2", "10.0.1.2")]
    assert follow(Room(quota, observed(FULL), held), *held, there=FULL) == states


def test_those_on_their_way_there_have_their_room() -> None:
    coming = binding(State.PENDING, "u9", "10.0.1.9", placed=False)
    held = waiting("u1", "10.0.1.1")
    assert follow(Room(5, observed(FULL), [coming, held]), held, there=FULL) == [State.HELD]
    there = {**FULL, place("10.0.1.9"): 10}
    assert follow(Room(6, observed(there), [coming, held]), held, there=there) == [State.PENDING]


def test_nobody_follows_before_the_pause_is_over() -> None:
    held = waiting("u1", "10.0.1.1", REFUSED_PAUSE - timedelta(seconds=1))
    assert follow(Room(100, observed(FULL), [held]), held, there=FULL) == [State.HELD]


def test_a_target_that_the_cloud_refused_for_another_reason_needs_no_room() -> None:
    held = binding(State.HELD, reason=Code.CLOUD_REFUSED, placed=False, updated_at=NOW - REFUSED_PAUSE)
    assert follow(Room(0, observed({}), [held]), held, there={}) == [State.PENDING]
