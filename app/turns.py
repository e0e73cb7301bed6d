"""Large pieces of work one after the other, not all at once.

Threads of one process share its processor: of four large batches that are worked on at once all four are done late, one
after the other the first is done in a quarter of that time. Small ones never wait for a turn.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

SMALL: Final = 50
"""Most items of a piece of work that is done at once."""

AT_ONCE: Final = 1
"""How many large ones are worked on. Two would fill a processor better, and each be done later: workers would wait
longer for the first of a burst."""


class Turns:
    """The turns of one process. Thread-safe."""

    def __init__(self) -> None:
        self._free = threading.Semaphore(AT_ONCE)

    @contextmanager
    def of(self, items: int) -> Iterator[None]:
        """Work on so many items, when it is their turn."""
        if items <= SMALL:
            yield
            return
        with self._free:
            yield
