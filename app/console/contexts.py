"""Which broker is asked, and as whom: contexts in a file of the user's own, which nobody else may read."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import click
import yaml

FILE_VARIABLE: Final = "CLB_BROKER_CONTEXT_FILE"
SERVER_VARIABLE: Final = "CLB_BROKER_SERVER"
TOKEN_VARIABLE: Final = "CLB_BROKER_TOKEN"  # noqa: S105 (the name of one)
"""Where the file is, and what goes before it: for scripts that want none."""


class ContextError(click.ClickException):
    """The file, or what is asked of it, makes no sense. Never shows a token."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Context:
    """A broker's URL and the bearer token to ask it with, itself or in a file; ``ca_file`` is whom to trust."""

    server: str
    token: str | None = field(default=None, repr=False)
    token_file: str | None = None
    ca_file: str | None = None

    def bearer(self) -> str:
        """The token, read from its file where it is in one. Raises `ContextError`."""
        if self.token is not None:
            return self.token
        if self.token_file is None:
            raise ContextError(f"no token: clb-broker context set ... --token-file FILE, or {TOKEN_VARIABLE}")
        try:
            return Path(self.token_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ContextError(f"{self.token_file} cannot be read: {type(error).__name__}") from error


@dataclass(frozen=True, slots=True)
class Contexts:
    """All contexts of a file by name, and the one in use."""

    current: str | None = None
    by_name: Mapping[str, Context] = field(default_factory=dict)

    def having(self, name: str, context: Context) -> "Contexts":
        """With one more, or another one under that name; the first is the one in use."""
        return Contexts(self.current or name, {**self.by_name, name: context})

    def using(self, name: str) -> "Contexts":
        """With another one in use. Raises `ContextError`."""
        self._named(name)
        return replace(self, current=name)

    def without(self, name: str) -> "Contexts":
        """Without one of them. Raises `ContextError`."""
        self._named(name)
        left = {each: context for each, context in self.by_name.items() if each != name}
        return Contexts(None if self.current == name else self.current, left)

    def _named(self, name: str) -> Context:
        if name not in self.by_name:
            raise ContextError(f"there is no context {name!r}; there are: {', '.join(sorted(self.by_name)) or 'none'}")
        return self.by_name[name]

    def chosen(self, name: str | None, environment: Mapping[str, str]) -> Context:
        """The context to ask by: ``name`` or the one in use, with what the environment says before it.

        Raises `ContextError` when there is none.
        """
        name = name or self.current
        context = self._named(name) if name is not None else None
        server, token = environment.get(SERVER_VARIABLE), environment.get(TOKEN_VARIABLE)
        if server and (context is None or server != context.server):
            context = Context(server_of(server))  # the file's token is for the file's server
        if context is None:
            raise ContextError(f"no broker: clb-broker context set NAME --server URL, or {SERVER_VARIABLE}")
        return replace(context, token=token) if token else context


def server_of(text: str) -> str:
    """A broker's URL. Raises `ContextError`."""
    try:
        parts = urlsplit(text)
        sound = parts.scheme in {"http", "https"} and parts.hostname is not None and parts.port != 0
    except ValueError:
        sound = False
    if not sound or parts.username or parts.query or parts.fragment:
        raise ContextError(f"{text!r} is not a URL like https://clb-broker.example")
    return text.rstrip("/")


def context_path(environment: Mapping[str, str] = os.environ) -> Path:
    """Where the file is."""
    named = environment.get(FILE_VARIABLE)
    return Path(named) if named else Path(click.get_app_dir("clb-broker")) / "contexts.yaml"


def read_contexts(path: Path) -> Contexts:
    """The contexts in the file; none when there is no file. Raises `ContextError`."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Contexts()
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ContextError(f"{path} cannot be read: {type(error).__name__}") from error
    if not isinstance(content, dict) or not isinstance(content.get("contexts"), dict):
        raise ContextError(f"{path} has no mapping `contexts`")
    by_name = {str(name): _context(path, name, entry) for name, entry in content["contexts"].items()}
    current = content.get("current")
    return Contexts(str(current) if current in by_name else None, by_name)


def write_contexts(path: Path, contexts: Contexts) -> None:
    """Write the file anew, for its owner's eyes only. Raises `ContextError`."""
    kept = {name: _entry(context) for name, context in sorted(contexts.by_name.items())}
    draft = path.with_suffix(f".{os.getpid()}.new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            yaml.safe_dump({"current": contexts.current, "contexts": kept}, file, sort_keys=False)
        draft.replace(path)
    except OSError as error:
        raise ContextError(f"{path} cannot be written: {type(error).__name__}") from error


_FIELDS: Final = ("server", "token", "token_file", "ca_file")


def _context(path: Path, name: object, entry: Any) -> Context:
    sound = isinstance(entry, dict) and set(entry) <= set(_FIELDS) and "server" in entry
    if not sound or not all(isinstance(value, str) for value in entry.values()):
        raise ContextError(f"{path}: {name} is not a mapping of {', '.join(_FIELDS)}")
    return Context(**{**entry, "server": server_of(entry["server"])})


def _entry(context: Context) -> dict[str, str]:
    values = {name: getattr(context, name) for name in _FIELDS}
    return {name: value for name, value in values.items() if value is not None}
