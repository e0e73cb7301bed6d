"""The process's environment, read strictly: what each set of settings is made from.

A wrong value stops the process with one line that names its variable, and that never holds a secret's content.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from app.domain.errors import SettingError

PREFIX: Final = "CLB_BROKER_"


class Reader:
    """Variables by their names without the prefix; one that is empty is one that is not set."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        """``environment`` None: the process's own."""
        self._environment = os.environ if environment is None else environment

    def text(self, name: str) -> str | None:
        """The value as it is; None when there is none."""
        return self._environment.get(PREFIX + name) or None

    def secret(self, name: str) -> str | None:
        """A value that may stand in a file, named by the variable with ``_FILE`` at its end. Raises `SettingError`."""
        path = self.text(f"{name}_FILE")
        return read_secret(path, f"{PREFIX}{name}_FILE") if path else self.text(name)

    def number(self, name: str, default: int, least: int, most: int) -> int:
        """A whole number in ``least`` to ``most``. Raises `SettingError`."""
        text = self.text(name)
        return default if text is None else whole_number(text, PREFIX + name, least, most)

    def names(self, name: str) -> tuple[str, ...]:
        """A comma list, without what is empty in it, each once, in its order."""
        listed = (each.strip() for each in (self.text(name) or "").split(","))
        return tuple(dict.fromkeys(each for each in listed if each))

    def choice(self, name: str, choices: Sequence[str]) -> str:
        """One of ``choices``, the first of them by default. Raises `SettingError`."""
        text = self.text(name) or choices[0]
        if text not in choices:
            raise SettingError(f"{PREFIX}{name}: {text!r} is none of {', '.join(choices)}")
        return text

    def needed(self, name: str) -> str:
        """A value that there must be. Raises `SettingError`."""
        value = self.text(name)
        if value is None:
            raise SettingError(f"{PREFIX}{name}: it is not set")
        return value


def read_secret(path: str, name: str) -> str:
    """The content of a secret's file, without the line's end. Raises `SettingError`, never with the content."""
    try:
        secret = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"{name}: {path} cannot be read: {type(error).__name__}") from error
    if not secret:
        raise SettingError(f"{name}: {path} is empty")
    return secret


def file_stamp(path: str | None) -> object:
    """What changes when a file is replaced; mounted secrets are swapped behind a link, so the link is followed."""
    if path is None:
        return None
    try:
        found = Path(path).stat()
    except OSError:
        return "gone"
    return found.st_ino, found.st_mtime_ns, found.st_size


def whole_number(value: Any, name: str, least: int, most: int) -> int:
    """``value`` as a whole number in ``least`` to ``most``. Raises `SettingError` with ``name`` in it."""
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = None
    if number is None or isinstance(value, (bool, float)):
        raise SettingError(f"{name}: {value!r} is not a whole number")
    if not least <= number <= most:
        raise SettingError(f"{name}: {number} is not in {least} to {most}")
    return number


def address(listen: str, name: str) -> str:
    """``HOST:PORT``; ``name`` is the variable's, without the prefix. Raises `SettingError`."""
    host, _, port = listen.rpartition(":")
    if not host:
        raise SettingError(f"{PREFIX}{name}: {listen!r} is not HOST:PORT")
    whole_number(port, f"{PREFIX}{name}", 0, 65535)
    return listen


def service_url(value: Any, name: str) -> str | None:
    """The URL of a service, without a path; None for None. ``name`` is told as it is. Raises `SettingError`."""
    if value is None:
        return None
    parts = url_parts(value if isinstance(value, str) else "")
    whole = parts is not None and parts.scheme in {"http", "https"} and parts.hostname and parts.path in {"", "/"}
    if not whole:
        raise SettingError(f"{name}: {value!r} is not a URL like http://127.0.0.1:9900")
    return str(value)


def url_parts(text: str) -> SplitResult | None:
    """A URL taken apart; None when it cannot be, or when its port is none."""
    try:
        parts = urlsplit(text)
        sound = parts.port != 0
    except ValueError:
        return None
    return parts if sound else None
