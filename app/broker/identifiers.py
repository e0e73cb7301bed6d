"""New identifiers: opaque to everybody, ordered by time so that the newest stand together in an index."""

import secrets
import time
from collections.abc import Iterator


def new_identifier(prefix: str) -> str:
    """One new identifier, never used before: milliseconds since 1970 in hex, then 64 random bits."""
    return f"{prefix}-{time.time_ns() // 1_000_000:012x}{secrets.token_hex(8)}"


def new_identifiers(prefix: str) -> Iterator[str]:
    """New identifiers, as many as are asked for."""
    while True:
        yield new_identifier(prefix)
