"""A client's socket under `app.patient_worker`."""

import errno
import io
import socket
from typing import Any, Final, Self

SEND_SECONDS: Final = 30.0
"""How long a client may take to read one piece of its answer."""

READ_BYTES: Final = 64 * 1024


class PatientSocket(socket.socket):
    """A client's socket: what was gathered is read first, and nobody waits for ever."""

    ahead: io.BytesIO = io.BytesIO()

    @classmethod
    def of(cls, accepted: socket.socket) -> Self:
        """In place of ``accepted``, which is its no longer."""
        return cls(accepted.family, accepted.type, accepted.proto, accepted.detach())

    def recv(self, size: int, flags: int = 0) -> bytes:
        """What was gathered, then what comes."""
        return self.ahead.read(size) or super().recv(size, flags)

    def gather(self) -> bytes:
        """What has come by now; nothing: the client has hung up. Raises `BlockingIOError` while nothing came."""
        return super().recv(READ_BYTES)

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001 (as a socket has it)
        """A thread that waits does so for `SEND_SECONDS`."""
        self.settimeout(SEND_SECONDS if flag else 0.0)

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send all of it. Raises `ConnectionResetError` where the client does not read it in time."""
        try:
            super().sendall(data, flags)
        except TimeoutError as error:
            raise ConnectionResetError(errno.ECONNRESET, "the client did not read its answer") from error
