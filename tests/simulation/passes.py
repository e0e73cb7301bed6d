"""The real code of a pass, stopped at every point at which a real worker can be interrupted.

A pass is plain code that calls the ledger and the cloud. Here each such call is a question: the pass is broken off with
it, the question is answered when its time comes, and the pass is run again from its beginning, with the answers that it
has had so far, until it asks the next one. So one thread holds any number of passes, each between two steps; one whose
worker is killed is simply not run again.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from typing import Any, ClassVar, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Step:
    """Something that is done at one moment: a transaction, or a look at the world."""

    name: str
    act: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Sleep:
    """Nothing for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Sending:
    """A call to the cloud, whose budget has been waited for."""

    action: str
    parameters: dict[str, Any]


Question = Step | Sleep | Sending


class _Broken(BaseException):
    """A pass that has asked something new; nothing of the broker catches it."""


class Pass:
    """One piece of work, asked for its next question again and again."""

    current: ClassVar["Pass | None"] = None

    def __init__(self, work: Callable[[], None]) -> None:
        self.moment = 0.0
        """The time at which the work is, in seconds: none passes between two questions."""
        self._work = work
        self._answers: list[tuple[bool, Any]] = []
        self._moments: list[float] = []
        self._asked = 0
        self._question: Question | None = None

    def go_on(self, now: float) -> Question | None:
        """Run to the next question; None: the work has ended. Raises what the work raises."""
        self._moments.append(now)
        self._asked, self._question, self.moment = 0, None, self._moments[0]
        Pass.current = self
        try:
            with suppress(_Broken):
                self._work()
        finally:
            Pass.current = None
        return self._question

    def hear(self, answer: Any) -> None:
        """The answer to the last question."""
        self._answers.append((True, answer))

    def hear_error(self, error: Exception) -> None:
        """The last question's answer is that ``error``."""
        self._answers.append((False, error))

    def ask(self, question: Question) -> Any:
        """What was answered to this question, or break off with it. Raises what was answered so."""
        if self._asked < len(self._answers):
            well, answer = self._answers[self._asked]
            self._asked += 1
            self.moment = self._moments[self._asked]
            if well:
                return answer
            raise answer
        self._question = question
        raise _Broken

    def once(self, find: Callable[[], T]) -> T:
        """What ``find`` finds, found once however often the pass is run: chance, and what a worker remembers."""
        if self._asked == len(self._answers):
            Pass.current = None
            try:
                self.hear(find())
                self._moments.append(self.moment)
            finally:
                Pass.current = self
        answer: T = self.ask(Sleep(0))
        return answer


def in_steps(act: Callable[P, T]) -> Callable[P, T]:
    """``act`` as one step of the pass that calls it; as it is where no pass does."""

    @wraps(act)
    def step(*arguments: P.args, **named: P.kwargs) -> T:
        current = Pass.current
        if current is None:
            return act(*arguments, **named)
        answer: T = current.ask(Step(act.__name__, lambda: act(*arguments, **named)))
        return answer

    return step
