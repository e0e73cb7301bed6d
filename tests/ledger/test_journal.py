"""History is kept as it was told, and found by every filter."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from app.domain.binding import State
from app.domain.codes import Code
from app.domain.journal import Action, Entry, Presence
from app.ledger import journal
from app.ledger.connection import Ledger
from app.ledger.journal import Kept, Span
from app.trail import Trail, on_trail
from tests.ledger.building import ACCOUNT, fail, in_one

FULL = Entry(
    action=Action.BINDING_MOVED,
    account_id=ACCOUNT,
    binding_id="b-1",
    cluster_id="cls-a",
    pod_uid="u-1",
    ip="10.0.3.17",
    port=8080,
    load_balancer_id="lb-1",
    listener_id="lbl-1",
    location_id="loc-1",
    presence=Presence.PRESENT,
    weight=10,
    from_state=State.PENDING,
    to_state=State.BOUND,
    reason=Code.SUPERSEDED,
    event_id="e-1",
    cloud_request_id="r-1",
    detail="a line\nand 'another'",
)
BARE = Entry(action=Action.TOKEN_ISSUED)
PLAIN = Entry(Action.BINDING_MOVED, account_id=ACCOUNT)


def add(ledger: Ledger, *entries: Entry, actor: str = "worker:1") -> None:
    with ledger.begin() as connection:
        journal.add(connection, actor, entries)


def listed(ledger: Ledger, **asked: Any) -> list[Kept]:
    account_id, limit = asked.pop("account_id", ACCOUNT), asked.pop("limit", 100)
    with ledger.begin() as connection:
        return journal.listing(connection, account_id, Span(asked.pop("filters", {}), **asked), limit)


def test_an_entry_comes_back_as_it_was_told_with_its_actor_and_time(ledger: Ledger) -> None:
    before = datetime.now(UTC)
    add(ledger, FULL, actor="agent:cls-a")
    add(ledger, BARE, actor="admin:bootstrap")
    (full,), (bare,) = listed(ledger), listed(ledger, account_id="")
    assert (full.entry, full.actor) == (FULL, "agent:cls-a")
    assert bare.entry.action is Action.TOKEN_ISSUED
    assert bare.entry.account_id == ""
    assert abs((full.recorded_at - before).total_seconds()) < 60
    assert (full.sequence, bare.sequence) == (1, 1)


def test_entries_of_one_writing_keep_their_order(ledger: Ledger) -> None:
    add(ledger, *(replace(PLAIN, detail=str(number)) for number in range(500)))
    assert [kept.entry.detail for kept in listed(ledger, limit=500)] == [str(number) for number in range(500)]


def test_no_entries_are_no_row(ledger: Ledger) -> None:
    add(ledger)
    assert listed(ledger) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cluster_id", "cls-a"),
        ("load_balancer_id", "lb-1"),
        ("listener_id", "lbl-1"),
        ("ip", "10.0.3.17"),
        ("pod_uid", "u-1"),
        ("binding_id", "b-1"),
        ("actor", "agent:cls-a"),
        ("action", "binding-moved"),
    ],
)
def test_every_filter_finds_what_equals_it_and_nothing_else(ledger: Ledger, name: str, value: str) -> None:
    add(ledger, replace(BARE, account_id=ACCOUNT))
    add(ledger, FULL, actor="agent:cls-a")
    assert [kept.entry for kept in listed(ledger, filters={name: value})] == [FULL]
    assert listed(ledger, filters={name: value[:-1]}) == []
    assert listed(ledger, filters={name: value.upper() + "%"}) == []


def test_filters_are_joined(ledger: Ledger) -> None:
    add(ledger, FULL)
    assert len(listed(ledger, filters={"ip": "10.0.3.17", "cluster_id": "cls-a"})) == 1
    assert listed(ledger, filters={"ip": "10.0.3.17", "cluster_id": "cls-b"}) == []


def test_a_time_span_holds_its_beginning_and_not_its_end(ledger: Ledger) -> None:
    for number in range(3):
        add(ledger, replace(PLAIN, detail=str(number)))
    _, two, _ = (kept.recorded_at for kept in listed(ledger))
    three = listed(ledger)[2].recorded_at
    assert [kept.entry.detail for kept in listed(ledger, since=two, until=three)] == ["1"]
    assert [kept.entry.detail for kept in listed(ledger, since=two)] == ["1", "2"]
    assert [kept.entry.detail for kept in listed(ledger, until=two)] == ["0"]


@pytest.mark.parametrize("newest_first", [True, False])
def test_pages_follow_one_another_without_gap_or_repeat(ledger: Ledger, newest_first: bool) -> None:
    add(ledger, *(replace(PLAIN, detail=str(number)) for number in range(7)))
    seen: list[Kept] = []
    while page := listed(ledger, after=seen[-1].position if seen else None, newest_first=newest_first, limit=3):
        assert len(page) <= 3
        seen += page
    expected = [str(number) for number in range(7)]
    assert [kept.entry.detail for kept in seen] == (expected[::-1] if newest_first else expected)


def test_an_entry_is_gone_when_the_change_that_it_records_is_rolled_back(ledger: Ledger) -> None:
    with pytest.raises(ZeroDivisionError):
        in_one(ledger, lambda connection: journal.add(connection, "worker:1", [FULL]), fail)
    assert listed(ledger) == []


def test_an_entry_names_the_request_and_the_trace_that_it_was_made_for(ledger: Ledger) -> None:
    with on_trail(Trail("req-1", "0af7651916cd43dd8448eb211c80319c")):
        add(ledger, FULL)
    add(ledger, FULL)
    first, second = listed(ledger)
    assert (first.request_id, first.trace_id) == ("req-1", "0af7651916cd43dd8448eb211c80319c")
    assert (second.request_id, second.trace_id) == (None, None)
