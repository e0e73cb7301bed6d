"""What the broker is told: pod events as things happen, and now and then the full truth about each Service.

The first change after a quiet time goes at once. What comes while its request is under way, or within the gather time
of its sending, goes together with the next one: a single pod waits for nothing, a burst makes few requests.
"""

import itertools
import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import structlog

from app.agent import metrics
from app.agent.broker_api import BrokerApi
from app.agent.deciding.changes import Answer, Memory, answer_of
from app.agent.deciding.objects import ObjectKey
from app.agent.deciding.problems import Problem, Subject
from app.agent.deciding.reports import Report
from app.agent.deciding.targets import ServiceDecision, decide, gone
from app.agent.deciding.words import Word, batches, events_body
from app.agent.errors import CallFailed, CallRefused, CallTemporary, NotLeading, ObjectMissing, TokenRefused, TooLarge
from app.agent.ingress import Ingress
from app.agent.kubernetes_api import Json
from app.agent.leadership import Leadership
from app.agent.mark import Gates
from app.agent.note import Notes
from app.agent.platform_config import PlatformConfig
from app.agent.schedule import Schedule
from app.agent.trouble import Trouble
from app.agent.view import Look, View

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 1.0
"""How long the loop sleeps at the most: it looks whether it still leads."""


INHERIT_SECONDS: Final = 3.0
"""How long a new leader waits to hear what the broker knows, before it goes on without."""

INHERIT_LOOK_SECONDS: Final = 0.02
BEGIN_SECONDS: Final = 0.02


@dataclass(frozen=True, slots=True)
class Around:
    """What the loop works with."""

    broker: BrokerApi
    leadership: Leadership
    view: View
    gates: Gates
    notes: Notes
    ingress: Ingress
    platform: PlatformConfig


class Teller:
    """Decides and speaks, in one thread, while this agent leads."""

    def __init__(self, around: Around, *, snapshot_seconds: float, gather_seconds: float, incarnation: str) -> None:
        """``incarnation`` begins the ids of events; no other process, earlier or at the same time, may have it."""
        self._broker = around.broker
        self._leadership = around.leadership
        self._view = around.view
        self._gates = around.gates
        self._notes = around.notes
        self._ingress = around.ingress
        self._platform = around.platform
        self._snapshot_seconds = snapshot_seconds
        self._gather_seconds = gather_seconds
        self._event_ids = (f"{incarnation}-{number}" for number in itertools.count(1))
        self._known: queue.SimpleQueue[tuple[int, tuple[Report, ...]]] = queue.SimpleQueue()
        self._trouble = Trouble(self._say_trouble)
        self._term = 0
        self._not_before = 0.0
        self._forget_all()

    def _forget_all(self) -> None:
        self._memory = Memory()
        self._schedule = Schedule(self._snapshot_seconds)
        self._gaps: dict[ObjectKey, None] = {}
        self._pods: dict[ObjectKey, set[ObjectKey]] = {}
        self._problems: dict[ObjectKey, tuple[Problem, ...]] = {}
        self._uids: dict[ObjectKey, str] = {}
        self._doubled: set[ObjectKey] = set()
        self._seen: dict[ObjectKey, float] = {}
        self._decided_all = False
        self._inherits_until = 0.0

    def know(self, term: int, live: Sequence[Report]) -> None:
        """All live bindings of the cluster, as the broker has them at the beginning of ``term``; from any thread."""
        self._known.put((term, tuple(live)))
        self._view.wake()

    def run(self, stopped: threading.Event) -> None:
        """Speak until ``stopped``, while this agent leads and has seen everything once."""
        while not stopped.is_set():
            if not self._leadership.wait_until_leading(LOOK_SECONDS) or not self._view.whole:
                metrics.show_untold(0)  # it is the leader's to tell
                stopped.wait(BEGIN_SECONDS)
                continue
            stopped.wait(max(0.0, min(self._not_before - time.monotonic(), LOOK_SECONDS)))
            if time.monotonic() >= self._not_before:
                self.run_once(self._idle_seconds())

    def run_once(self, timeout: float) -> None:
        """Wait up to ``timeout`` seconds for something to happen, decide, and say what is to be said."""
        if self._leadership.term != self._term:
            self._begin()
        elif timeout > 0:
            self._view.wait(timeout)
        self._inherit()
        if time.monotonic() < self._inherits_until:
            return
        self._decide()
        try:
            self._speak()
        except NotLeading:
            return
        except CallFailed as error:
            self._not_before = time.monotonic() + self._trouble.failed(error)

    def _begin(self) -> None:
        self._term = self._leadership.term
        self._forget_all()
        self._notes.begin()
        self._gates.begin(self._term)  # last: with it the follower begins, too
        self._view.touch(gap=True)
        self._inherits_until = time.monotonic() + INHERIT_SECONDS

    def _inherit(self) -> None:
        """Take over what former leaders told. It comes after a moment; where it comes late, all is decided again."""
        while not self._known.empty():
            term, live = self._known.get()
            if term == self._term:
                self._memory.inherit(live)
                self._view.touch(gap=True)
                self._inherits_until = 0.0

    def _idle_seconds(self) -> float:
        if time.monotonic() < self._inherits_until:
            return INHERIT_LOOK_SECONDS
        if self._gaps:
            return 0.0
        return self._schedule.seconds_until_due(time.monotonic(), LOOK_SECONDS)

    def _decide(self) -> None:
        looks = self._view.take()
        found = [(look, self._decision(look)) for look in looks]
        for look, decision in found:
            self._memory.want(decision, gap=look.gap)
            self._seen.setdefault(look.key, look.seen_at)
            if look.gap:
                self._gaps[look.key] = None
            elif look.service is None:
                self._schedule.forget(look.key)
            else:
                self._schedule.expect(look.key, time.monotonic())
        if any(look.gap for look in looks):
            self._gaps |= dict.fromkeys(self._memory.left_out())
        self._gates.forget(look.key for look in looks if look.service is None)
        self._gates.decided(
            [(decision, self._concerned(look)) for look, decision in found if look.service is not None],
            whole=not self._decided_all,
        )
        self._decided_all = True
        if found:
            self._tell_problems({look.key: decision for look, decision in found})

    def _decision(self, look: Look) -> ServiceDecision:
        if look.service is None:
            return gone(look.key, look.touched)
        return decide(look.service, look.slices, look.pods, self._platform.network(), look.touched)

    def _concerned(self, look: Look) -> set[ObjectKey]:
        """The gated pods that the Service has, and those that it had."""
        before = self._pods.pop(look.key, set())
        now = {key for key, pod in look.pods.items() if pod.gated}
        if now:
            self._pods[look.key] = now
        return before | now

    def _tell_problems(self, decided: dict[ObjectKey, ServiceDecision]) -> None:
        doubles = self._memory.duplicates()
        for key, decision in decided.items():
            self._problems[key] = decision.problems
            self._uids[key] = decision.uid
        for key in {*decided, *doubles, *self._doubled}:
            more = (doubles[key],) if key in doubles else ()
            self._notes.problems(key, (*self._problems.get(key, ()), *more), self._uids.get(key, ""))
        self._doubled = set(doubles)

    def _speak(self) -> None:
        words = [word for word in self._memory.due(self._view.revision) if word.wanted.service not in self._gaps]
        metrics.show_untold(len({word.wanted.service for word in words}) + len(self._gaps))
        for batch in batches(words):
            self._send(batch)
        self._seen = {key: seen_at for key, seen_at in self._seen.items() if key in self._gaps}
        due = self._next_snapshot()
        if due is not None:
            self._snapshot(due)

    def _next_snapshot(self) -> ObjectKey | None:
        if self._gaps:
            # Those that exist go first: a target that passes to another Service is not taken off in between.
            return min(self._gaps, key=lambda key: self._view.service(key) is None)
        return self._schedule.due(time.monotonic())

    def _send(self, words: Sequence[Word]) -> None:
        batch = self._memory.sending(words)
        if not batch:
            return
        body = events_body(batch, list(itertools.islice(self._event_ids, len(batch))), _now())
        began = time.monotonic()
        try:
            results = self._broker.post_pod_events(body)
        except TooLarge as error:
            if len(batch) > 1:  # something before the broker takes less than the broker does
                self._send(batch[: len(batch) // 2])
                self._send(batch[len(batch) // 2 :])
                return
            results = [{"outcome": "rejected", "code": error.code, "detail": error.detail}]
        self._not_before = began + self._gather_seconds
        answers = _answers(results)
        self._memory.take_answers(batch, answers)
        self._notes.refusals(batch, answers)
        now = time.monotonic()
        for seen_at in [self._seen[key] for key in {word.wanted.service for word in batch} if key in self._seen]:
            metrics.count_told(now - seen_at)
        self._answered()

    def _snapshot(self, key: ObjectKey) -> None:
        snapshot = self._memory.snapshot(key, self._view.revision)
        if snapshot is not None and self._memory.sending_snapshot(snapshot):
            try:
                results, answer = self._broker.put_service_targets(key.namespace, key.name, snapshot.body())
            except (TokenRefused, ObjectMissing):
                raise  # no snapshot would be taken: it is not this one that is wrong
            except CallRefused as error:
                log.error("snapshot refused", service=str(key), error=str(error))  # noqa: TRY400 (one line says it)
            else:
                answers = _answers(results)
                self._memory.take_snapshot_answer(snapshot, answers)
                self._notes.refusals(snapshot.words, answers)
                self._ingress.told(key, answer)
                if answer.get("held"):
                    log.warning("removals held back by the broker", service=str(key), held=len(answer["held"]))
                self._answered()
        self._gaps.pop(key, None)
        if self._view.service(key) is None:
            self._schedule.forget(key)
        else:
            self._schedule.told(key, time.monotonic())

    def _answered(self) -> None:
        metrics.show_answered(time.time())
        self._trouble.over()

    def _say_trouble(self, trouble: str | None) -> None:
        services = [Subject("Service", each.key, each.uid) for each in self._view.services()]
        self._notes.broker(services, trouble=trouble)


def _answers(results: Sequence[Json]) -> list[Answer]:
    """The broker's answers. Raises `CallTemporary` for one that nobody knows: it may be another broker's."""
    try:
        answers = [answer_of(each) for each in results]
    except ValueError as error:
        raise CallTemporary(str(error)) from error
    for each in answers:
        metrics.count_result(each.outcome, each.code)
        if each.code == "invalid-event":
            log.error("the broker calls an event of ours malformed", detail=each.detail)
    return answers


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
