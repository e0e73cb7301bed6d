"""Numbers of changes become visible in their order, so that a reader of changes never skips one."""

import threading
from functools import partial
from itertools import count

import pytest

from app.domain.binding import State
from app.domain.target import TargetName
from app.ledger import bindings, clusters, load_balancers
from app.ledger.connection import Ledger
from tests.ledger.building import (
    a_binding,
    at_once,
    execute,
    fail,
    furnish,
    in_one,
    keep,
    wait_until,
    waiting_for_locks,
)


def changes(ledger: Ledger, after: int = 0, limit: int = 1000, cluster_id: str = "cls-a") -> list[tuple[int, str]]:
    with ledger.begin() as connection:
        found = bindings.changes(connection, cluster_id, after, limit)
    return [(number, binding.binding_id) for number, binding in found]


def test_each_change_has_the_next_number_and_a_binding_keeps_its_last(ledger: Ledger) -> None:
    furnish(ledger)
    keep(ledger, a_binding("b-1"), a_binding("b-2"))
    keep(ledger, a_binding("b-3"))
    assert changes(ledger) == [(1, "b-1"), (2, "b-2"), (3, "b-3")]
    with ledger.begin() as connection:
        bindings.write(connection, [], [a_binding("b-1", State.BOUND)], {"b-1"})
    assert changes(ledger) == [(2, "b-2"), (3, "b-3"), (4, "b-1")]
    assert changes(ledger, after=3) == [(4, "b-1")]
    assert changes(ledger, after=4) == []
    assert changes(ledger, limit=2) == [(2, "b-2"), (3, "b-3")]


def test_a_change_that_the_agent_need_not_hear_of_has_no_new_number(ledger: Ledger) -> None:
    furnish(ledger)
    keep(ledger, a_binding("b-1"), a_binding("b-2"))
    with ledger.begin() as connection:
        bindings.write(connection, [], [a_binding("b-1", placed=True), a_binding("b-2", State.BOUND)], {"b-2"})
    assert changes(ledger) == [(1, "b-1"), (3, "b-2")]
    assert execute(ledger, "SELECT placed FROM bindings WHERE binding_id = 'b-1'") == [True]


def test_every_cluster_counts_for_itself(ledger: Ledger) -> None:
    furnish(ledger)
    keep(ledger, a_binding("b-1"), a_binding("b-2", cluster_id="cls-b"), a_binding("b-3"))
    assert changes(ledger) == [(1, "b-1"), (2, "b-3")]
    assert changes(ledger, cluster_id="cls-b") == [(1, "b-2")]


def test_numbers_of_a_transaction_that_fails_are_given_again(ledger: Ledger) -> None:
    furnish(ledger)
    with pytest.raises(ZeroDivisionError):
        in_one(ledger, lambda connection: bindings.write(connection, [a_binding("b-1")], [], {"b-1"}), fail)
    keep(ledger, a_binding("b-2"))
    assert changes(ledger) == [(1, "b-2")]


def test_a_later_number_is_not_visible_before_an_earlier_one(ledger: Ledger) -> None:
    furnish(ledger)
    with ledger.begin() as first:
        bindings.write(first, [a_binding("b-first")], [], {"b-first"})
        second = threading.Thread(target=keep, args=(ledger, a_binding("b-second", ip="10.0.3.18")))
        second.start()
        wait_until(lambda: waiting_for_locks(ledger) == 1)
        assert changes(ledger) == []
    second.join(60)
    assert changes(ledger) == [(1, "b-first"), (2, "b-second")]


def test_a_reader_that_follows_eight_writers_sees_every_change_and_none_out_of_order(ledger: Ledger) -> None:
    """Events of the cluster and workers on two load balancers write; the cursor must never pass a number by."""
    furnish(ledger)
    numbers = count(1)
    writing = threading.Event()

    def write(writer: int) -> None:
        for _ in range(12):
            number = next(numbers)
            load_balancer_id = f"lb-{writer % 2 + 1}"
            made = [
                a_binding(f"b-{number:03}-{part}", ip=f"10.0.{number}.{part}", target=TargetName(load_balancer_id, 80))
                for part in range(3)
            ]
            with ledger.begin() as connection:
                clusters.lock(connection, ["cls-a"])
                load_balancers.lock(connection, [load_balancer_id])
                bindings.write(connection, made, [], {binding.binding_id for binding in made})

    def read() -> list[tuple[int, str]]:
        seen: list[tuple[int, str]] = []
        while not writing.is_set() or changes(ledger, seen[-1][0] if seen else 0, 1):
            seen += changes(ledger, seen[-1][0] if seen else 0, 5)
        return seen

    def write_all() -> list[tuple[int, str]]:
        try:
            at_once([partial(write, number) for number in range(8)])
        finally:
            writing.set()
        return []

    seen, _ = at_once([read, write_all])
    assert [number for number, _ in seen] == list(range(1, 8 * 12 * 3 + 1))
    assert len({binding_id for _, binding_id in seen}) == 8 * 12 * 3
