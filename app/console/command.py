"""What every command has: which broker, and how the answer is shown."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final, TypeVar

import click

from app.console.broker import Broker, Query
from app.console.contexts import Contexts, context_path, read_contexts
from app.console.output import Column, Output, show_item, show_items

Command = TypeVar("Command", bound=Callable[..., Any])

EVERYTHING: Final = 0
"""As ``--limit``: no limit."""


@dataclass(frozen=True, slots=True)
class Asking:
    """One command's way to the broker, and to the terminal."""

    broker: Broker
    output: Output

    def list(self, path: str, query: Query, shown: Sequence[Column], limit: int) -> None:
        """Show a list."""
        show_items(self.broker.items(path, query, None if limit == EVERYTHING else limit), shown, self.output)

    def show(self, method: str, path: str, query: Query | None = None, body: Any = None) -> None:
        """Ask, and show the one thing that is answered."""
        show_item(self.broker.ask(method, path, query, body), self.output)


def asking(command: Command) -> Command:
    """Give ``command`` an `Asking` as its first parameter, and the options that make it."""

    def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
        return [name for name in sorted(_contexts().by_name) if name.startswith(incomplete)]

    @wraps(command)
    def made(context_name: str | None, output: str, **given: Any) -> Any:
        chosen = _contexts().chosen(context_name, os.environ)
        return command(Asking(Broker(chosen), Output(output)), **given)

    decorated: Any = made
    decorated = click.option(
        "-o",
        "--output",
        type=click.Choice([each.value for each in Output]),
        default=Output.TABLE.value,
        show_default=True,
        help="table for people; json (lists: one item a line) or csv for machines",
    )(decorated)
    named = click.option(
        "--context", "context_name", shell_complete=complete, help="the broker to ask  [default: the one in use]"
    )
    return named(decorated)  # type: ignore[no-any-return]


def limited(default: int = 100) -> Callable[[Command], Command]:
    """Give a list its ``--limit``."""
    return click.option(
        "--limit",
        type=click.IntRange(min=0),
        default=default,
        show_default=True,
        help=f"at most so many; {EVERYTHING}: all",
    )


def _contexts() -> Contexts:
    return read_contexts(context_path())
