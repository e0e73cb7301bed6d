"""What was bound where at any moment, from history alone, is what was bound there at that moment."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import psycopg
import pytest

from app.broker.converge import begin_write, end_write
from app.broker.held_targets import held_of_address, held_on_load_balancer
from app.broker.open_look import open_look
from app.broker.passes import After, Call, CallOutcome, PassTerms
from app.broker.receive_pod_events import receive_pod_events
from app.broker.record_verdicts import record_verdicts
from app.broker.retain_history import retain_history
from app.domain.binding import State, Verdict, Verification
from app.domain.errors import RequestRefused
from app.domain.event import PodEvent
from app.domain.journal import Action, Entry, Presence, month_name, months_before
from app.domain.target import Place
from app.ledger import bindings, clusters, journal, journal_months, leases
from app.ledger.connection import Ledger, clock
from app.ledger.leases import LeaseSubject
from app.planning.batches import Batch
from app.planning.observed import Inspection, Observed
from app.planning.plan import Kind
from tests.broker.sealing import seal
from tests.ledger.building import ACCOUNT, INVENTORY, a_bind, an_unbind, execute, furnish, received

MINUTE = timedelta(minutes=1)
TERMS = PassTerms(MINUTE, MINUTE, MINUTE)
LISTENERS = frozenset({"lbl-1", "lbl-2"})
BETWEEN = {State.VERIFYING, State.PENDING, State.HELD}
"""History tells of these what was confirmed last, until they are somewhere again."""

PODS, ADDRESSES = 6, ("10.0.4.1", "10.0.4.2", "10.0.4.3")

Told = dict[tuple[str, str, int], tuple[str, str, int | None]]
"""By listener, address and port: the cluster, the binding and the weight."""


@dataclass
class Yard:
    """The real use cases against a cloud of one load balancer, and what is to be told of each moment."""

    ledger: Ledger
    chance: Random
    cloud: dict[Place, int] = field(default_factory=dict)
    shown: dict[Place, int] = field(default_factory=dict)
    moments: list[tuple[datetime, Told, set[tuple[str, str, int]]]] = field(default_factory=list)
    revision: int = 100

    def step(self) -> None:
        acts = [self.speak, self.speak, self.verify, self.converge, self.converge, self.meddle]
        self.chance.choice(acts)()
        self.note()

    def speak(self) -> None:
        self.revision += 1
        number = self.chance.randrange(PODS)
        pod: Any = {"uid": f"u-{number}", "ip": self.chance.choice(ADDRESSES)}
        events: list[PodEvent] = [a_bind(revision=self.revision, weight=self.chance.choice([1, 10, 10]), **pod)]
        if self.chance.random() < 0.4:
            events = [an_unbind(revision=self.revision, drain_seconds=self.chance.choice([0, 30]), **pod)]
        cluster = self.chance.choice(["cls-a", "cls-a", "cls-b"])
        receive_pod_events(self.ledger, cluster, received(*events), actor=f"agent:{cluster}", drain_seconds=0)

    def verify(self) -> None:
        for cluster_id in ("cls-a", "cls-b"):
            with self.ledger.begin() as connection:
                clusters.want_verification(connection, cluster_id)
        with self.ledger.begin() as connection:
            taken = leases.take(connection, LeaseSubject.VERIFICATION, "w-1", MINUTE, 10)
            now = clock(connection)
        for lease in taken:
            found = open_look(self.ledger, lease).bindings
            verdict = self.chance.choice([Verdict.PROVEN, Verdict.PROVEN, Verdict.PROVEN, Verdict.UNKNOWN])
            proof = Verification(verdict, "eni", now, {"checks": []})
            decisions = {binding.binding_id: (proof, None) for binding in found}
            record_verdicts(self.ledger, lease, decisions, {}, 0.0)

    def converge(self) -> None:
        """One pass; a call may fail before its work or after it, and the reading after it may be missing."""
        now = "UPDATE load_balancers SET due_at = now(), not_before = now() - interval '1 second'"
        execute(self.ledger, now)
        execute(self.ledger, "UPDATE bindings SET drain_until = now() WHERE drain_until IS NOT NULL AND random() < 0.7")
        execute(self.ledger, "UPDATE leases SET incarnation = NULL")
        with self.ledger.begin() as connection:
            (lease,) = leases.take(connection, LeaseSubject.LOAD_BALANCER, "w-1", MINUTE, 1)
        seen = self._read()
        intent = begin_write(self.ledger, lease, Inspection(seen, INVENTORY), TERMS)
        self._settled(seen)
        if intent is None:
            return
        self.note()
        outcome = self.chance.choice([CallOutcome.DONE, CallOutcome.DONE, CallOutcome.AMBIGUOUS])
        if outcome is CallOutcome.DONE or self.chance.random() < 0.5:
            self._carry_out(intent.batch)
        after = self._read() if self.chance.random() < 0.7 else None
        call = Call(outcome, "req-1")
        end_write(self.ledger, lease, intent, call, after, TERMS, After(timedelta(0), 0.0))
        if after is not None:
            # A registration without an answer may be under way: that it is not there yet says nothing.
            open_places = set()
            if outcome is CallOutcome.AMBIGUOUS and intent.batch.kind is Kind.REGISTER:
                open_places = {change.place for change in intent.batch.changes}
            self._settled(after, open_places)

    def meddle(self) -> None:
        """Somebody changes the cloud by hand."""
        for place in [place for place in self.cloud if self.chance.random() < 0.3]:
            if self.chance.random() < 0.5:
                del self.cloud[place]
            else:
                self.cloud[place] = self.chance.choice([5, 10])

    def _carry_out(self, batch: Batch) -> None:
        for change in batch.changes:
            if batch.kind is Kind.DEREGISTER:
                self.cloud.pop(change.place, None)
            else:
                self.cloud[change.place] = change.weight

    def _read(self) -> Observed:
        return Observed(LISTENERS, dict(self.cloud))

    def _settled(self, seen: Observed, doubted: set[Place] = frozenset()) -> None:  # type: ignore[assignment]
        """What the ledger was shown, place by place, where it is at work."""
        self.shown.update(seen.weights)
        for place in [place for place in self.shown if place not in seen.weights and place not in doubted]:
            del self.shown[place]

    def note(self) -> None:
        """The model: what is bound, drains or is to go is there when the last reading shows it, and it is the binding's
        that is placed there."""
        with self.ledger.begin() as connection:
            found = bindings.at_work(connection, "lb-1")
            at = clock(connection)
        told: Told = {}
        between = set()
        for each in found:
            place = each.place
            if not each.placed or place is None:
                continue
            key = place.listener_id, place.ip, place.port
            if each.state in BETWEEN:
                between.add(key)
            elif place in self.shown:
                told[key] = each.cluster_id, each.binding_id, _weight(each.state, self.shown[place])
        self.moments.append((at, told, between))


def _weight(state: State, shown: int) -> int | None:
    """Of what drains it is known that it was told to; of what stays bound, what was seen; of others, nothing."""
    if state is State.DRAINING:
        return 0
    return shown if state is State.BOUND else None


def told_of(ledger: Ledger, at: datetime | None) -> Told:
    _, found = held_on_load_balancer(ledger, "lb-1", at)
    return {(each.listener_id, each.ip, each.port): (each.cluster_id, each.binding_id, each.weight) for each in found}


def without_unknown(told: Told, model: Told) -> Told:
    """Weights are compared where the model knows them."""
    return {
        key: (*value[:2], value[2] if model.get(key, (0, 0, None))[2] is not None else None)
        for key, value in told.items()
    }


@pytest.mark.parametrize("seed", range(12))
def test_history_tells_of_every_moment_what_was_there(ledger: Ledger, seed: int) -> None:
    furnish(ledger, load_balancer_ids=["lb-1"])
    yard = Yard(ledger, Random(seed))
    for _ in range(60):
        yard.step()
    for at, model, between in yard.moments:
        told = {key: value for key, value in told_of(ledger, at).items() if key not in between}
        assert without_unknown(told, model) == model, at
    assert any(model for _, model, _ in yard.moments)
    addresses = {(each.ip, each.binding_id) for ip in ADDRESSES for each in held_of_address(ledger, ip, None)[1]}
    assert addresses == {(ip, binding_id) for (_, ip, _), (_, binding_id, _) in told_of(ledger, None).items()}


def told_entry(presence: Presence, weight: int | None = None, **said: Any) -> Entry:
    usual: dict[str, Any] = {
        "account_id": ACCOUNT,
        "binding_id": "b-1",
        "cluster_id": "cls-a",
        "pod_uid": "u-1",
        "ip": "10.0.3.17",
        "port": 8080,
        "load_balancer_id": "lb-1",
        "listener_id": "lbl-1",
        "location_id": "",
    }
    return Entry(Action.BINDING_MOVED, presence=presence, weight=weight, **{**usual, **said})


def tell_all(ledger: Ledger, *entries: Entry) -> None:
    with ledger.begin() as connection:
        journal.add(connection, "worker:w-1", entries)


P, D, H, A = Presence.PRESENT, Presence.DRAINED, Presence.INHERITED, Presence.ABSENT
HEIR = {"binding_id": "b-2", "pod_uid": "u-2"}


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([], None),
        ([(P, 10, {})], ("b-1", 10)),
        ([(P, 10, {}), (P, 5, {})], ("b-1", 5)),
        ([(P, 10, {}), (D, 0, {})], ("b-1", 0)),
        ([(P, 10, {}), (D, 0, {}), (P, 10, {})], ("b-1", 10)),
        ([(P, 10, {}), (A, None, {})], None),
        ([(P, 10, {}), (A, None, {}), (P, 7, HEIR)], ("b-2", 7)),
        ([(P, 10, {}), (H, None, HEIR)], ("b-2", 10)),
        ([(P, 10, {}), (D, 0, {}), (H, None, HEIR)], ("b-2", 0)),
        ([(P, 10, {}), (H, None, HEIR), (A, None, HEIR)], None),
        # What was never seen there is not there, whoever was to have it.
        ([(D, 0, {})], None),
        ([(H, None, HEIR)], None),
        ([(P, 10, {}), (A, None, {}), (H, None, HEIR)], None),
    ],
)
def test_the_last_word_on_a_place_counts(ledger: Ledger, entries: list[Any], expected: object) -> None:
    tell_all(ledger, *(told_entry(presence, weight, **said) for presence, weight, said in entries))
    found = held_of_address(ledger, "10.0.3.17", None)[1]
    assert ([(each.binding_id, each.weight) for each in found] or [None])[0] == expected
    assert len(found) <= 1


def test_places_that_differ_in_anything_are_apart(ledger: Ledger) -> None:
    places: list[dict[str, Any]] = [
        {},
        {"port": 81},
        {"ip": "10.0.3.18"},
        {"listener_id": "lbl-2"},
        {"location_id": "loc-1"},
        {"load_balancer_id": "lb-2"},
    ]
    tell_all(ledger, *(told_entry(P, number, **said) for number, said in enumerate(places)))
    assert sorted(each.weight or 0 for each in held_of_address(ledger, "10.0.3.17", None)[1]) == [0, 1, 3, 4, 5]
    assert sorted(each.weight or 0 for each in held_on_load_balancer(ledger, "lb-1", None)[1]) == [0, 1, 2, 3, 4]


def test_what_stands_when_its_month_is_detached_is_told_of_later_moments_and_of_none_before(
    ledger: Ledger, ledger_url: str
) -> None:
    with ledger.begin() as connection:
        now = journal_months.this_month(connection)
    old = months_before(now, 5)
    stays, goes = {"ip": "10.0.3.1"}, {"ip": "10.0.3.2"}
    tell_all(ledger, told_entry(P, 10, **stays), told_entry(P, 10, **goes), told_entry(A, None, **goes))
    tell_all(ledger, told_entry(P, 10), told_entry(D, 0), told_entry(H, None, **HEIR))
    then = datetime(old.year, old.month, 10, tzinfo=UTC)
    with psycopg.connect(ledger_url) as superuser:
        superuser.execute("SELECT make_journal_month(%s)", (old,))
        superuser.execute("UPDATE journal SET recorded_at = %s::timestamptz + sequence * interval '1 s'", (then,))
    seal(ledger)
    before = held_on_load_balancer(ledger, "lb-1", None)[1]
    assert [(each.ip, each.binding_id, each.weight) for each in before] == [
        ("10.0.3.1", "b-1", 10),
        ("10.0.3.17", "b-2", 0),
    ]
    owner = Ledger(ledger_url, role=None)
    try:
        assert retain_history(owner, 3) == [month_name(old)]
        assert held_on_load_balancer(ledger, "lb-1", None)[1] == before
        tell_all(ledger, told_entry(P, 7, **HEIR), told_entry(A, None, **stays))
        assert [(each.ip, each.weight) for each in held_on_load_balancer(ledger, "lb-1", None)[1]] == [("10.0.3.17", 7)]
        with pytest.raises(RequestRefused, match="history-detached"):
            held_of_address(ledger, "10.0.3.17", then + timedelta(hours=1))
    finally:
        owner.close()
        with psycopg.connect(ledger_url) as superuser:
            superuser.execute(f"DROP TABLE {month_name(old)}")  # type: ignore[call-overload]
