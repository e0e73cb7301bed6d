"""History is kept as it was told, and found by every filter."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.domain.binding import State
from app.domain.codes import Code
from app.domain.journal import Action, Entry
from app.ledger import journal
from app.ledger.connection import Ledger
from app.ledger.journal import Kept
from tests.ledger.building import ACCOUNT, execute, fail, in_one

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
    from_state=State.PENDING,
    to_state=State.BOUND,
    reason=Code.SUPERSEDED,
    event_id="e-1",
    cloud_request_id="r-1",
    detail="a line\nand 'another'",
)
BARE = Entry(action=Action.TOKEN_ISSUED)


def add(ledger: Ledger, *entries: Entry, actor: str = "worker:1") -> None:
    with ledger.begin() as connection:
        journal.add(connection, actor, entries)


def listed(ledger: Ledger, **asked: Any) -> list[Kept]:
    usual: dict[str, Any] = {
        "filters": {},
        "since": None,
        "until": None,
        "after": None,
        "newest_first": False,
        "limit": 100,
    }
    filters = asked.pop("filters", {})
    with ledger.begin() as connection:
        return journal.listing(connection, filters, **{k: v for k, v in (usual | asked).items() if k != "filters"})


def test_an_entry_comes_back_as_it_was_told_with_its_actor_and_time(ledger: Ledger) -> None:
    before = datetime.now(UTC)
    add(ledger, FULL, actor="agent:cls-a")
    add(ledger, BARE, actor="admin:bootstrap")
    full, bare = listed(ledger)
    assert (full.entry, full.actor) == (FULL, "agent:cls-a")
    assert bare.entry.action is Action.TOKEN_ISSUED
    assert bare.entry.account_id == ""
    assert abs((full.recorded_at - before).total_seconds()) < 60
    assert full.sequence < bare.sequence


def test_entries_of_one_writing_keep_their_order(ledger: Ledger) -> None:
    add(ledger, *(Entry(Action.BINDING_MOVED, detail=str(number)) for number in range(500)))
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
    add(ledger, BARE)
    add(ledger, FULL, actor="agent:cls-a")
    assert [kept.entry for kept in listed(ledger, filters={name: value})] == [FULL]
    assert listed(ledger, filters={name: value[:-1]}) == []
    assert listed(ledger, filters={name: value.upper() + "%"}) == []


def test_filters_are_joined(ledger: Ledger) -> None:
    add(ledger, FULL)
    assert len(listed(ledger, filters={"ip": "10.0.3.17", "cluster_id": "cls-a"})) == 1
    assert listed(ledger, filters={"ip": "10.0.3.17", "cluster_id": "cls-b"}) == []


def test_a_time_span_holds_its_beginning_and_not_its_end(ledger: Ledger) -> None:
    for hour in (1, 2, 3):
        add(ledger, Entry(Action.BINDING_MOVED, detail=str(hour)))
        execute(
            ledger,
            "UPDATE journal SET recorded_at = make_timestamptz(2026, 1, 1, :hour, 0, 0, 'UTC') WHERE detail = :detail",
            hour=hour,
            detail=str(hour),
        )
    two, three = (datetime(2026, 1, 1, hour, tzinfo=UTC) for hour in (2, 3))
    assert [kept.entry.detail for kept in listed(ledger, since=two, until=three)] == ["2"]
    assert [kept.entry.detail for kept in listed(ledger, since=two)] == ["2", "3"]
    assert [kept.entry.detail for kept in listed(ledger, until=two)] == ["1"]


@pytest.mark.parametrize("newest_first", [True, False])
def test_pages_follow_one_another_without_gap_or_repeat(ledger: Ledger, newest_first: bool) -> None:
    add(ledger, *(Entry(Action.BINDING_MOVED, detail=str(number)) for number in range(7)))
    seen: list[Kept] = []
    while page := listed(ledger, after=seen[-1].sequence if seen else None, newest_first=newest_first, limit=3):
        assert len(page) <= 3
        seen += page
    expected = [str(number) for number in range(7)]
    assert [kept.entry.detail for kept in seen] == (expected[::-1] if newest_first else expected)


def test_an_entry_is_gone_when_the_change_that_it_records_is_rolled_back(ledger: Ledger) -> None:
    with pytest.raises(ZeroDivisionError):
        in_one(ledger, lambda connection: journal.add(connection, "worker:1", [FULL]), fail)
    assert listed(ledger) == []
