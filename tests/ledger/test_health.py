"""The health of targets in the ledger: when it is due, for whom, and of which targets."""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from app.domain.binding import Health, State
from app.ledger import health, leases, load_balancers
from app.ledger.connection import Connection, Ledger, clock
from app.ledger.leases import Lease, LeaseSubject
from app.planning.health import Standing
from tests.ledger.building import (
    ACCOUNT,
    REGION,
    THEN,
    a_binding,
    at_once,
    execute,
    expire,
    furnish,
    in_one,
    keep,
    wait_until,
    waiting_for_locks,
)
from tests.ledger.due import health_due

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def offered(ledger: Ledger, *regions: tuple[str, str]) -> None:
    with ledger.begin() as connection:
        for account_id, region in regions or [(ACCOUNT, REGION)]:
            leases.offer(connection, account_id, LeaseSubject.HEALTH, region)


def take(ledger: Ledger, limit: int = 9) -> list[Lease]:
    with ledger.begin() as connection:
        return leases.take(connection, LeaseSubject.HEALTH, "worker-1", MINUTE, limit)


def due(ledger: Ledger, within: timedelta = timedelta(0), limit: int = 9, region: str = REGION) -> list[str]:
    with ledger.begin() as connection:
        return list(health.due(connection, ACCOUNT, region, clock(connection) + within, limit))


def want(ledger: Ledger, load_balancer_id: str, after: timedelta) -> None:
    with ledger.begin() as connection:
        health.want(connection, load_balancer_id, after)


def test_a_load_balancer_on_which_nothing_was_bound_is_never_due(ledger: Ledger) -> None:
    furnish(ledger)
    offered(ledger)
    assert take(ledger) == []
    assert due(ledger, DAY) == []


def test_the_load_balancers_of_an_account_and_region_are_one_piece_of_work(ledger: Ledger) -> None:
    furnish(ledger, load_balancer_ids=["lb-1", "lb-2"])
    with ledger.begin() as connection:
        load_balancers.put(connection, ACCOUNT, "lb-3", "ap-shanghai")
        load_balancers.put(connection, "second", "lb-4", REGION)
    offered(ledger, (ACCOUNT, REGION), (ACCOUNT, "ap-shanghai"), ("second", REGION), ("second", "ap-shanghai"))
    for number, after in enumerate((-SECOND, -MINUTE, MINUTE, -2 * SECOND), 1):
        want(ledger, f"lb-{number}", after)
    taken = [(lease.account_id, lease.subject_id) for lease in take(ledger)]
    assert sorted(taken) == [(ACCOUNT, REGION), ("second", REGION)]
    assert take(ledger) == []
    assert due(ledger) == ["lb-2", "lb-1"]


def test_the_region_that_is_due_longest_is_taken_first(ledger: Ledger) -> None:
    with ledger.begin() as connection:
        for number in range(1, 5):
            load_balancers.put(connection, ACCOUNT, f"lb-{number}", f"r-{number}")
    offered(ledger, *((ACCOUNT, f"r-{number}") for number in range(1, 5)))
    for number, ago in enumerate((1, 3, 4, 2), 1):
        want(ledger, f"lb-{number}", -ago * MINUTE)
    assert [take(ledger, limit=1)[0].subject_id for _ in range(4)] == ["r-3", "r-2", "r-4", "r-1"]


def test_a_reading_whose_worker_died_is_taken_again(ledger: Ledger) -> None:
    furnish(ledger)
    offered(ledger)
    want(ledger, "lb-1", -SECOND)
    (lease,) = take(ledger)
    assert take(ledger) == []
    expire(ledger, lease)
    (heir,) = take(ledger)
    assert heir.epoch == lease.epoch + 1


def test_health_is_due_at_the_earliest_time_that_anybody_asked_for(ledger: Ledger) -> None:
    furnish(ledger)
    want(ledger, "lb-1", 10 * SECOND)
    want(ledger, "lb-1", 30 * SECOND)
    assert health_due(ledger) == [10, None]
    want(ledger, "lb-1", 4 * SECOND)
    assert health_due(ledger) == [4, None]


def test_a_request_that_brings_nothing_forward_writes_nothing(ledger: Ledger) -> None:
    furnish(ledger)
    want(ledger, "lb-1", SECOND)
    rows = "SELECT load_balancer_id, xmin::text FROM load_balancers ORDER BY 1"
    before = execute(ledger, rows)
    want(ledger, "lb-1", MINUTE)
    assert execute(ledger, rows) == before


def test_what_is_due_soon_may_share_a_call_and_no_more_are_told_than_asked_for(ledger: Ledger) -> None:
    furnish(ledger, load_balancer_ids=[f"lb-{number}" for number in range(1, 6)])
    for number, after in enumerate((30, -1, 10, -2), 1):
        want(ledger, f"lb-{number}", after * SECOND)
    assert due(ledger) == ["lb-4", "lb-2"]
    assert due(ledger, 15 * SECOND) == ["lb-4", "lb-2", "lb-3"]
    assert due(ledger, DAY, limit=3) == ["lb-4", "lb-2", "lb-3"]
    assert due(ledger, DAY, region="ap-shanghai") == []


def again(pauses: Mapping[str, timedelta | None], seen: Mapping[str, Any], connection: Connection) -> None:
    health.read_again(connection, seen, pauses)


def seen(ledger: Ledger) -> dict[str, Any]:
    with ledger.begin() as connection:
        return health.due(connection, ACCOUNT, REGION, clock(connection) + DAY, 99)


def test_after_a_reading_health_is_due_after_the_pause_or_not_at_all(ledger: Ledger) -> None:
    furnish(ledger, load_balancer_ids=["lb-1", "lb-2", "lb-3"])
    for name in ("lb-1", "lb-2", "lb-3"):
        want(ledger, name, -SECOND)
    pauses = {"lb-1": 10 * SECOND, "lb-2": None, "lb-3": 30 * SECOND}
    in_one(ledger, partial(again, pauses, seen(ledger)))
    assert health_due(ledger) == [10, None, 30]


def test_a_bind_that_comes_in_while_health_is_read_is_not_forgotten(ledger: Ledger) -> None:
    furnish(ledger)
    want(ledger, "lb-1", -SECOND)
    want(ledger, "lb-2", -SECOND)
    opened = seen(ledger)
    execute(ledger, "UPDATE load_balancers SET health_due_at = now() + interval '2 seconds'")
    in_one(ledger, partial(again, {"lb-1": 30 * SECOND, "lb-2": None}, opened))
    assert health_due(ledger) == [2, 2]
    in_one(ledger, partial(again, {"lb-1": SECOND, "lb-2": SECOND}, opened))
    assert health_due(ledger) == [1, 1]


PLACED: dict[str, Any] = {"placed": True, "holder": True}


def test_only_targets_of_ours_that_have_their_proof_are_asked_about(ledger: Ledger) -> None:
    furnish(ledger)
    told = (State.PENDING, State.BOUND, State.DRAINING, State.REMOVING, State.HELD)
    for number, state in enumerate(State):
        kept = {"holder": False, "placed": True, "ip": f"10.0.3.{number}"}
        keep(ledger, a_binding(f"b-{state}", state, **kept))
    keep(ledger, a_binding("b-none", State.HELD, ip="10.0.4.1"))
    with ledger.begin() as connection:
        found = health.standing(connection, ["lb-1"])
        assert health.standing(connection, ["lb-2"]) == []
        assert health.standing(connection, []) == []
    assert sorted(each.binding_id for each in found) == sorted(f"b-{state}" for state in told)
    assert {each.state for each in found} == set(told)


def test_a_target_is_told_with_its_place_and_what_is_known_of_it(ledger: Ledger) -> None:
    furnish(ledger)
    kept = a_binding("b-1", State.BOUND, health=Health.UNHEALTHY, **PLACED)
    keep(ledger, kept)
    assert kept.place is not None
    with ledger.begin() as connection:
        assert health.standing(connection, ["lb-1"]) == [
            Standing("b-1", "cls-a", kept.place, State.BOUND, Health.UNHEALTHY, THEN)
        ]


def test_readers_and_receivers_that_want_the_same_load_balancers_do_not_wait_in_a_ring(ledger: Ledger) -> None:
    names = [f"lb-{number}" for number in range(1, 9)]
    furnish(ledger, load_balancer_ids=names)
    for name in names:
        want(ledger, name, -SECOND)
    opened = seen(ledger)

    def read(order: list[str]) -> None:
        for _ in range(20):
            pauses = dict.fromkeys(order, SECOND)
            in_one(ledger, lambda connection: health.lock(connection, order), partial(again, pauses, opened))

    def receive(order: list[str]) -> None:
        for _ in range(20):
            in_one(ledger, lambda connection: load_balancers.lock(connection, order))

    at_once([partial(read, names[::-1]), partial(receive, names), partial(read, names), partial(receive, names[::-1])])
    assert None not in health_due(ledger)


def test_health_waits_for_the_load_balancer_s_lock(ledger: Ledger) -> None:
    furnish(ledger)
    with ledger.begin() as connection:
        load_balancers.lock(connection, ["lb-2"])
        done: list[bool] = []

        def read() -> None:
            in_one(ledger, lambda other: health.lock(other, ["lb-2"]))
            done.append(True)

        def look() -> None:
            wait_until(lambda: waiting_for_locks(ledger) or done)
            assert done == []
            connection.commit()

        at_once([read, look])
    assert done == [True]
