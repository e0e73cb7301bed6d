"""The real rooms of broker and worker, made to run over the ledger in memory, on virtual time and in steps.

Replaces functions of the running process for as long as it lasts. What the ledger's rooms no longer have is passed
over; what they have and the simulation lacks fails when it is used: `Books` executes no statements.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from inspect import isfunction, signature
from itertools import count
from typing import Any
from unittest.mock import patch

import app.broker.identifiers as identifiers
import app.worker.converge_load_balancer as converging
import app.worker.reverify_ownership as reverifying
import app.worker.verify_ownership as verifying
from app.broker import call_workers, hearing, known_facts, open_look, scene
from app.cloud import client
from app.domain.binding import Verdict, Verification
from app.domain.codes import Code
from app.ownership.verdict import Judgement
from tests.simulation import binding_rooms, cluster_rooms, work_rooms
from tests.simulation.calling import Virtual
from tests.simulation.ledger import Books
from tests.simulation.passes import Pass, Step, in_steps

WORK = (converging, verifying, reverifying)
"""The worker's rooms that passes run through."""

CLOCKED = ("app.worker.", "app.cloud.")
"""Where the clock is the virtual one."""


Replacement = tuple[Any, str, Any]
"""A room, the name of what is replaced in it, and by what."""

BROKER = frozenset(name for name in sys.modules if name.startswith("app.broker."))

Owner = Callable[[str], str | None]
ANSWERLESS = "no-answer"


class Installation:
    """What is the same for all runs in this process: virtual time, numbers for ids, and who owns an address."""

    def __init__(self) -> None:
        self.time = Virtual()
        self.numbers = count(1)
        self.owner: Owner = lambda _: None

    def judge_look(self, workshop: Any, lease: Any, look: Any) -> tuple[dict[str, Judgement], str | None]:
        """Stands for the evidence and the checks: an address is its owner's, as it is at the moment of the look."""
        found: dict[str, Judgement] = _ask("look at networks", lambda: self._judged(look))
        problem = ANSWERLESS if any(each.proof.verdict is Verdict.UNKNOWN for each in found.values()) else None
        return found, problem

    def new_identifier(self, prefix: str) -> str:
        """The next number of this run."""
        return f"{prefix}-{next(self.numbers):03}"

    def _judged(self, look: Any) -> dict[str, Judgement]:
        mine = look.cluster.cluster_id
        owners = {name: self.owner(subject.ip) for name, subject in look.subjects.items()}
        return {name: judgement(owner, mine, look.opened_at) for name, owner in owners.items()}


def judgement(owner: str | None, mine: str, at: datetime) -> Judgement:
    """The verdict on an address that is ``owner``'s, for a binding of the cluster ``mine``."""
    if owner == ANSWERLESS:
        return Judgement(Verification(Verdict.UNKNOWN, "eni", at, {"detail": "no answer"}))
    if owner == mine:
        return Judgement(Verification(Verdict.PROVEN, "eni", at, {"detail": None}))
    code = Code.ENI_NOT_FOUND if owner is None else Code.ENI_OTHER_CLUSTER
    return Judgement(Verification(Verdict.DISPROVEN, "eni", at, {"detail": f"it is {owner}'s"}), code)


@contextmanager
def installed() -> Iterator[Installation]:
    """The real rooms as a simulation needs them, until the context ends."""
    made = Installation()
    with ExitStack() as stack:
        for room, name, value in (*_ledger_rooms(), *_broker_rooms(made), *_worker_rooms(made)):
            if hasattr(room, name):
                stack.enter_context(patch.object(room, name, value))
        yield made


def _ledger_rooms() -> Iterator[Replacement]:
    for rooms in (binding_rooms.ROOMS, cluster_rooms.ROOMS, work_rooms.ROOMS):
        for room, functions in rooms.items():
            yield from ((room, name, function) for name, function in functions.items())


def _broker_rooms(made: Installation) -> Iterator[Replacement]:
    yield from ((room, "clock", _clock) for room in (scene, hearing, known_facts, open_look))
    yield open_look, "leased_cluster", lambda books, cluster_id: books.clusters[cluster_id].itself
    yield open_look, "known_evidence", lambda *_: None
    yield identifiers, "new_identifier", made.new_identifier
    yield call_workers, "ring", _nothing  # everything that is due is taken at once here


def _worker_rooms(made: Installation) -> Iterator[Replacement]:
    for room in WORK:
        yield from ((room, name, in_steps(act)) for name, act in _transactions(room))
        yield room, "log", _Silent()
    rooms = [room for name, room in sys.modules.items() if name.startswith(CLOCKED)]
    yield from ((room, "time", made.time) for room in rooms if getattr(room, "time", None) is time)
    yield from ((client, name, _nothing) for name in ("count_call", "count_budget_wait"))
    yield from ((room, "judge_look", made.judge_look) for room in (verifying, reverifying))


def _transactions(room: Any) -> list[tuple[str, Callable[..., Any]]]:
    """What a room of the worker has of the broker's: the functions whose first parameter is the ledger."""
    found = [(name, act) for name, act in vars(room).items() if isfunction(act) and act.__module__ in BROKER]
    return [(name, act) for name, act in found if next(iter(signature(act).parameters), "") == "ledger"]


def _clock(books: Books) -> datetime:
    return books.now


def _ask(name: str, act: Callable[[], Any]) -> Any:
    current = Pass.current
    return act() if current is None else current.ask(Step(name, act))


def _nothing(*_: Any) -> None:
    """Nothing is counted: passes run through the client again and again."""


class _Silent:
    def info(self, *_: Any, **__: Any) -> None:
        """Nothing is logged."""

    warning = error = info
