"""A request as it arrives: how much of it is still to come, seen without reading any of it.

What is waited for is what RFC 9112 says of where a message ends. It is the server behind that reads and judges the
request; whatever is odd about its framing is handed on as it is, to be refused there.
"""

import re
from dataclasses import dataclass, field
from typing import Final

MOST_HEAD_BYTES: Final = 128 * 1024
"""Of request line and headers together."""

MOST_BODY_BYTES: Final = 1024 * 1024
"""A longer body is refused without being read; one in chunks by what they say of themselves."""

MOST_LINE_BYTES: Final = 1024
"""Of the line before a chunk."""

_END: Final = b"\r\n\r\n"
_LENGTH: Final = re.compile(rb"\r\ncontent-length[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE)
_CODING: Final = re.compile(rb"\r\ntransfer-encoding[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE)
_EXPECTS: Final = re.compile(rb"\r\nexpect[ \t]*:[ \t]*100-continue[ \t]*\r\n", re.IGNORECASE)
_SIZE: Final = re.compile(rb"([0-9a-fA-F]{1,8})[ \t]*(;.*)?", re.DOTALL)


class NotWanted(ValueError):
    """What arrives will not be waited for: the status and code of the answer, and a sentence."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code


@dataclass(slots=True)
class Arrival:
    """What has come of one request.

    ``whole``: all of it, or all that anybody will look at. ``unread``: some of it is not waited for, so what follows is
    no request. ``waits``: its sender wants to hear that it is welcome before it sends the body.
    """

    received: bytearray = field(default_factory=bytearray)
    whole: bool = False
    unread: bool = False
    waits: bool = False
    _body_at: int | None = None
    _length: int = 0
    _chunk_at: int | None = None
    _in_chunks: int = 0

    def add(self, data: bytes) -> None:
        """So much has come besides. Raises `NotWanted`."""
        seen = len(self.received)
        self.received += data
        if self._body_at is None:
            self._look_at_head(max(0, seen - len(_END) + 1))
        if self._body_at is None or self.whole:
            return
        if self._chunk_at is not None:
            self.whole = self._chunks_end()
        else:
            self.whole = len(self.received) - self._body_at >= self._length

    def _look_at_head(self, start: int) -> None:
        end = self.received.find(_END, start)
        if end > MOST_HEAD_BYTES or (end < 0 and len(self.received) > MOST_HEAD_BYTES):
            raise NotWanted(431, "headers-too-large", "the headers are larger than 128 KiB")
        if end < 0:
            return
        self._body_at = end + len(_END)
        head = bytes(self.received[: end + 2])
        lengths, codings = _LENGTH.findall(head), _CODING.findall(head)
        self.waits = _EXPECTS.search(head) is not None
        if codings and not lengths and codings[-1].strip().lower().endswith(b"chunked"):
            self._chunk_at = self._body_at
        elif lengths and not codings and len(lengths) == 1 and lengths[0].strip().isdigit():
            length = lengths[0].strip()
            self._length = int(length) if len(length) < 20 else MOST_BODY_BYTES + 1
            self.whole = self.unread = self._length > MOST_BODY_BYTES
        else:
            self.whole = True
            self.unread = bool(lengths or codings)

    def _chunks_end(self) -> bool:
        at = self._chunk_at
        while at is not None and at < len(self.received):
            end = self.received.find(b"\r\n", at, at + MOST_LINE_BYTES)
            if end < 0:
                if len(self.received) - at >= MOST_LINE_BYTES:
                    raise NotWanted(400, "bad-request", "a chunk of the body says no size")
                break
            found = _SIZE.fullmatch(self.received, at, end)
            if found is None:
                raise NotWanted(400, "bad-request", "a chunk of the body says no size")
            size = int(found[1], 16)
            if size == 0:
                return self._trailers_end(end)
            if self._in_chunks + size > MOST_BODY_BYTES:
                raise NotWanted(413, "too-large", "the body is larger than 1 MiB")
            after = end + 2 + size + 2
            if after > len(self.received):
                break
            self._in_chunks += size
            self._chunk_at = at = after
            if at > 4 * MOST_BODY_BYTES:
                raise NotWanted(413, "too-large", "the body is in too many chunks")
        return False

    def _trailers_end(self, start: int) -> bool:
        if self.received.find(_END, start) >= 0:
            return True
        if len(self.received) - start > MOST_HEAD_BYTES:
            raise NotWanted(431, "headers-too-large", "the trailers are larger than 128 KiB")
        return False
