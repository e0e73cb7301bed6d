"""Which request, and which trace, the work at hand belongs to: what history and log lines say of it.

Beside the rooms, as logs are. A process's edge says it once, for as long as it works for somebody: the API for each
request. It holds for the thread that works, and for the log lines of that thread.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from structlog.contextvars import bound_contextvars


@dataclass(frozen=True, slots=True)
class Trail:
    """The id of a request and that of its trace (W3C, 32 hexadecimal digits); None where there is none.

    ``traceparent``: the trace with the span at work, as what is changed meanwhile keeps it for who works on it later.
    """

    request_id: str | None = None
    trace_id: str | None = None
    traceparent: str | None = None


NOWHERE: Final = Trail()
_CURRENT: Final[ContextVar[Trail]] = ContextVar("clb_broker_trail", default=NOWHERE)


def current_trail() -> Trail:
    """The trail of the work at hand."""
    return _CURRENT.get()


@contextmanager
def on_trail(trail: Trail) -> Iterator[None]:
    """All that is done and logged while this lasts belongs to ``trail``."""
    named = {"request_id": trail.request_id, "trace_id": trail.trace_id}
    token = _CURRENT.set(trail)
    try:
        with bound_contextvars(**{name: value for name, value in named.items() if value is not None}):
            yield
    finally:
        _CURRENT.reset(token)
