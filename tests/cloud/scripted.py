"""A cloud that answers what it is told to, for answers that no simulated one gives."""

from collections.abc import Mapping, Sequence
from typing import Any


class Scripted:
    """``answers`` are the answers per action, one after the other; the last one is given again and again.

    One that is an exception is raised.
    """

    account_id = "default"

    def __init__(self, **answers: Sequence[Any]) -> None:
        self._answers = {action: list(given) for action, given in answers.items()}
        self.calls: list[tuple[str, Mapping[str, Any]]] = []

    def call(self, _service: str, action: str, parameters: Mapping[str, Any], *_: Any) -> Any:
        """The next answer to ``action``."""
        self.calls.append((action, parameters))
        waiting = self._answers[action]
        answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if isinstance(answer, Exception):
            raise answer
        return {"RequestId": "r-1", **answer}
