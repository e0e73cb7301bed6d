"""Hear at once of work that other processes have made."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Final

from app.ledger.bell import listen
from app.ledger.connection import Ledger
from app.worker.beside import every

DEAF_SECONDS: Final = 1.0
"""How long a worker that cannot listen waits until it tries again; it looks for work by itself meanwhile."""


def hearing_bell(ledger: Ledger, rung: Callable[[], object]) -> AbstractContextManager[None]:
    """Call ``rung`` whenever it rings, for as long as this lasts. Whatever happens to it, the work goes on."""
    return every(DEAF_SECONDS, "new work", partial(listen, ledger, rung))
