"""Where key sets may be read from: over https, or unencrypted from this very machine."""

from typing import Final

from app.environment import url_parts

LONGEST: Final = 2048
LOOPBACK_NAMES: Final = frozenset({"127.0.0.1", "localhost", "::1"})


def refusal_of(url: str) -> str | None:
    """Why keys are not to be read at ``url``, in a sentence; None: they may be."""
    parts = url_parts(url)
    if len(url) > LONGEST or not url.isascii() or not url.isprintable() or " " in url:
        return f"Not a URL of at most {LONGEST} ASCII characters."
    if parts is None or not parts.hostname or parts.scheme not in {"https", "http"}:
        return "Not a URL like https://issuer.example/keys."
    if parts.username is not None or parts.password is not None or parts.fragment:
        return "A URL without user, password and fragment."
    if parts.scheme == "http" and parts.hostname not in LOOPBACK_NAMES:
        return "Not https; http is for loopback alone."
    return None
