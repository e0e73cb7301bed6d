"""Workers: the real loops' work on virtual time, by workers that can be killed, stopped and started at every step."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Any

from app.broker.take_work import take_work
from app.domain.errors import LeaseLost, LedgerUnavailable
from app.ledger.leases import Lease, LeaseSubject
from app.worker.converge_load_balancer import converge_load_balancer
from app.worker.reverify_ownership import reverify_ownership
from app.worker.verify_ownership import verify_ownership
from app.worker.workshop import Periods, Workshop
from tests.simulation.calling import CallingClient, OnceRead, Virtual, current_pass, sleep
from tests.simulation.cloud import Cloud
from tests.simulation.ledger import Ledger, next_due, subjects_due
from tests.simulation.passes import Pass, Question, Sending, Sleep, Step
from tests.simulation.schedule import Schedule, crash, seconds

PERIODS = Periods(
    lease=timedelta(seconds=3),
    sweep=timedelta(seconds=10),
    reverify=timedelta(seconds=10),
    topology=timedelta(seconds=10),
    cloud_timeout=timedelta(seconds=1),
)
TIMEOUT = PERIODS.cloud_timeout.total_seconds()
POLL_SECONDS = 0.04
LEDGER_PAUSE = 0.5

WORK: dict[LeaseSubject, tuple[Callable[[Workshop, Lease], None], int]] = {
    LeaseSubject.LOAD_BALANCER: (converge_load_balancer, 2),
    LeaseSubject.VERIFICATION: (verify_ownership, 2),
    LeaseSubject.REVERIFICATION: (reverify_ownership, 1),
}
"""What is done for each kind of work, and how many at once."""


@dataclass
class Yard:
    """Where workers work, and what goes wrong there: ``crashes`` are errors that the broker does not expect."""

    schedule: Schedule
    ledger: Ledger
    cloud: Cloud
    chance: Random
    crashes: list[str] = field(default_factory=list)
    lives: int = 0
    ended: Callable[[], None] = lambda: None


class Worker:
    """One worker of a host: it has a life at a time, and each life its passes."""

    def __init__(self, name: str, yard: Yard, time: Virtual) -> None:
        self.name = name
        self._yard = yard
        self._time = time
        self._life: _Life | None = None
        self.stopped_until = 0.0
        self.dies_in: int | None = None
        """After how many more steps it is killed."""

    @property
    def lives(self) -> bool:
        """Whether its process runs, be it stopped."""
        return self._life is not None

    def start(self) -> None:
        """A new life, of an incarnation of its own."""
        self._yard.lives += 1
        client = CallingClient(self._yard.ledger, self._time)
        workshop = Workshop(
            self._yard.ledger,  # type: ignore[arg-type]
            lambda *_: client,
            incarnation(self.name, self._yard.lives),
            PERIODS,
            jitter=lambda: current_pass().once(self._yard.chance.random),
            pause=sleep,
            readings=OnceRead(),
        )
        self._life = _Life(workshop)
        self._yard.schedule.note(self.name, "starts as", workshop.incarnation)
        self.wake(next_due(self._yard.ledger.books))

    def kill(self) -> None:
        """End the process where it stands: whatever it had begun is not gone on with, whatever it sent is sent."""
        self._yard.schedule.note(self.name, "is killed")
        self._life = None
        self.dies_in = None

    def wake(self, due: datetime | None) -> None:
        """Look for work when it is ``due``, and not before it polls again."""
        life = self._life
        if life is None or due is None:
            return
        now = self._yard.schedule.now
        earliest = max(now, seconds(due))
        if now <= life.polls_at <= earliest + POLL_SECONDS:
            return
        life.polls_at = at = earliest + POLL_SECONDS * self._yard.chance.random()
        self._yard.schedule.at(at, partial(self._poll, life, at))

    def _poll(self, life: "_Life", at: float) -> None:
        if life is not self._life or life.polls_at != at:
            return
        if self._put_off(partial(self._poll, life, at)):
            return
        life.polls_at = -1.0
        ledger: Any = self._yard.ledger
        try:
            for subject in subjects_due(ledger.books, self._yard.schedule.time):
                work, hands = WORK[subject]
                free = hands - life.busy[subject]
                if free > 0:
                    for lease in take_work(ledger, subject, life.workshop.incarnation, PERIODS.held_lease, free):
                        self._begin(life, work, lease)
        except LedgerUnavailable:
            self._yard.schedule.after(LEDGER_PAUSE, self._look_again)
        else:
            self._look_again()

    def _look_again(self) -> None:
        """What was due and not taken is looked for again at the next poll, as long as a hand is free for it."""
        life, books = self._life, self._yard.ledger.books
        if life is not None:
            free = {subject for subject, (_, hands) in WORK.items() if life.busy[subject] < hands}
            self.wake(next_due(books, free))

    def _begin(self, life: "_Life", work: Callable[[Workshop, Lease], None], lease: Lease) -> None:
        life.busy[lease.subject] += 1
        self._yard.schedule.note(self.name, "takes", lease.subject_id, lease.subject, "epoch", lease.epoch)
        running = Pass(partial(work, life.workshop, lease))
        self._go_on(life, running, lease)

    def _go_on(self, life: "_Life", running: Pass, lease: Lease) -> None:
        if life is not self._life or self._put_off(partial(self._go_on, life, running, lease)):
            return
        try:
            question = running.go_on(self._yard.schedule.now)
        except (LeaseLost, LedgerUnavailable) as error:
            self._end(life, lease, repr(error))
        except Exception as error:  # noqa: BLE001 (the real loop logs it, and leaves the work to a later pass)
            self._yard.crashes.append(f"{self.name} {lease.subject_id}: {crash(error)}")
            self._end(life, lease, repr(error))
        else:
            if question is None:
                self._end(life, lease, "ends")
            else:
                self._ask(life, running, lease, question)

    def _ask(self, life: "_Life", running: Pass, lease: Lease, question: Question) -> None:
        schedule, chance = self._yard.schedule, self._yard.chance
        if isinstance(question, Step):
            schedule.after(0.001 + 0.009 * chance.random(), partial(self._act, life, running, lease, question))
        elif isinstance(question, Sleep):
            running.hear(None)
            schedule.after(question.seconds, partial(self._go_on, life, running, lease))
        else:
            self._send(life, running, lease, question)

    def _act(self, life: "_Life", running: Pass, lease: Lease, step: Step) -> None:
        if life is not self._life or self._put_off(partial(self._act, life, running, lease, step)):
            return
        dies = self._dies()
        if dies and self._yard.chance.random() < 0.5:
            self.kill()
            return
        try:
            answer = step.act()
        except Exception as error:  # noqa: BLE001 (the pass hears it)
            running.hear_error(error)
            self._yard.schedule.note(self.name, lease.subject_id, step.name, repr(error))
        else:
            running.hear(answer)
            self._yard.schedule.note(self.name, lease.subject_id, step.name, answer)
        if dies:
            self.kill()
        else:
            self._go_on(life, running, lease)

    def _send(self, life: "_Life", running: Pass, lease: Lease, call: Sending) -> None:
        dies = self._dies()
        answers: list[object] = []

        def answer(fields: dict[str, Any] | None, refusal: tuple[str, str] | None) -> None:
            if not answers and life is self._life:
                answers.append(fields)
                running.hear((fields, refusal))
                self._yard.schedule.note(self.name, lease.subject_id, call.action, refusal or fields)
                self._go_on(life, running, lease)

        self._yard.schedule.note(self.name, lease.subject_id, "sends", call.action, call.parameters)
        self._yard.cloud.send(call.action, call.parameters, answer)
        self._yard.schedule.after(TIMEOUT, lambda: answer(None, ("ClientNetworkError", "time-out")))
        if dies:
            self.kill()

    def _end(self, life: "_Life", lease: Lease, told: str) -> None:
        self._yard.schedule.note(self.name, lease.subject_id, lease.subject, told)
        life.busy[lease.subject] -= 1
        self._look_again()
        self._yard.ended()

    def _put_off(self, event: Callable[[], None]) -> bool:
        """Whether the process is stopped, so that what it would do now happens when it is continued."""
        stopped = self._yard.schedule.now < self.stopped_until
        if stopped:
            self._yard.schedule.at(self.stopped_until, event)
        return stopped

    def _dies(self) -> bool:
        if self.dies_in is None:
            return False
        self.dies_in -= 1
        return self.dies_in <= 0


class _Life:
    def __init__(self, workshop: Workshop) -> None:
        self.workshop = workshop
        self.busy = dict.fromkeys(WORK, 0)
        self.polls_at = -1.0


def incarnation(name: str, life: int) -> str:
    """What no restart repeats."""
    return f"{name}-life-{life}"
