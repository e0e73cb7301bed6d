"""What is done last in a transaction, right before its commit, whatever else is asked of it in between.

Entries of history take their numbers under a lock that a whole account shares: taken last and held for one statement
and the commit, it keeps nobody waiting for longer than that.
"""

from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import Connection

Ending = Callable[[Connection, list[Any]], None]
"""What is done with the things that were gathered for it."""

_KEY: Final = "clb_broker_endings"


def begin_gathering(connection: Connection) -> None:
    """A transaction begins: nothing is gathered yet."""
    connection.info[_KEY] = {}


def at_the_end(connection: Connection, ending: Ending) -> list[Any]:
    """Where to put what ``ending`` is to be done with; a connection without a transaction of ours raises."""
    gathered: dict[Ending, list[Any]] = connection.info[_KEY]
    return gathered.setdefault(ending, [])


def end(connection: Connection) -> None:
    """Do what was asked for, in the order in which it was first asked for."""
    for ending, gathered in connection.info.pop(_KEY).items():
        ending(connection, gathered)
