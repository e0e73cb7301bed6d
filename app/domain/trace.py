"""W3C trace context: which trace a piece of work belongs to, and which span of it asked for it.

Source: W3C Trace Context, level 1, ``traceparent``: version, trace id, span id and flags in lower-case hexadecimal.
"""

import re
from dataclasses import dataclass
from typing import Final

MOST_LINKS: Final = 32
"""Most traces that one piece of work names as those that it serves."""

_FORM: Final = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})"
)
_SAMPLED: Final = 1
_TRACE_ID: Final = slice(3, 35)


@dataclass(frozen=True, slots=True)
class TraceContext:
    """A span of a trace, by their ids of 32 and 16 hexadecimal digits; ``sampled``: somebody keeps it."""

    trace_id: str
    span_id: str
    sampled: bool

    @property
    def traceparent(self) -> str:
        """As the header says it, in version 00."""
        return f"00-{self.trace_id}-{self.span_id}-{self.sampled:02x}"


def trace_context(text: str | None) -> TraceContext | None:
    """The context that a ``traceparent`` says; None for none, and for one that is not sane.

    A later version may say more behind the flags, and is read as far as version 00 goes.
    """
    found = _FORM.match(text or "")
    if found is None or found["version"] == "ff":
        return None
    rest = (text or "")[found.end() :]
    if rest and (found["version"] == "00" or not rest.startswith("-") or not rest.isascii()):
        return None
    if not found["trace"].strip("0") or not found["span"].strip("0"):
        return None
    return TraceContext(found["trace"], found["span"], bool(int(found["flags"], 16) & _SAMPLED))


def trace_id_of(traceparent: str | None) -> str | None:
    """The trace id of a ``traceparent`` that is known to be one; None for none."""
    return None if traceparent is None else traceparent[_TRACE_ID]
