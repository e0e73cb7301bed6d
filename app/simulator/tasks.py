"""Asynchronous tasks: begun by one call, done some time later, asked about by RequestId.

No thread runs them. Whoever takes the world's lock first does what has fallen due, so that nobody can see a world in
which a due task is not done.
"""

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from app.simulator.errors import CloudError

DONE, FAILED, RUNNING = 0, 1, 2
REMEMBERED = 100_000
NEVER = math.inf


@dataclass
class Task:
    """One task; `due_at` is monotonic seconds, `status` 0 done, 1 failed, 2 running as in DescribeTaskStatus."""

    request_id: str
    action: str
    load_balancer_id: str
    due_at: float = 0.0
    status: int = DONE
    message: str = ""


class Tasks:
    """All tasks that are remembered. Synchronous batches are listed too, as done.

    A client that polls them gets its answer.
    """

    def __init__(self) -> None:
        self._all: OrderedDict[str, Task] = OrderedDict()
        self._running: list[tuple[Task, Callable[[], None]]] = []

    def begin(self, task: Task, work: Callable[[], None]) -> None:
        """Lists a task whose work is to be done when it falls due; a CloudError of the work makes it fail."""
        task.status = RUNNING
        self.remember(task)
        self._running.append((task, work))

    def remember(self, task: Task) -> None:
        """Lists a task as it is."""
        self._all[task.request_id] = task
        if len(self._all) > REMEMBERED:
            self._all.popitem(last=False)

    def settle(self, now: float) -> None:
        """Does the work of the tasks that are due at `now` (monotonic seconds), in their order."""
        if not any(task.due_at <= now for task, _ in self._running):
            return
        due = [entry for entry in self._running if entry[0].due_at <= now]
        self._running = [entry for entry in self._running if entry[0].due_at > now]
        for task, work in sorted(due, key=lambda entry: entry[0].due_at):
            _settle(task, work)

    def get(self, request_id: str) -> Task | None:
        """The task that the call with this RequestId began, if there is one."""
        return self._all.get(request_id)


def _settle(task: Task, work: Callable[[], None]) -> None:
    try:
        work()
    except CloudError as error:
        task.status, task.message = FAILED, error.message
    else:
        task.status = DONE
