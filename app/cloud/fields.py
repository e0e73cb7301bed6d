"""Single fields of answers: what may be null is read as empty, and what is of another type raises TypeError.

A value of the wrong type would go far before it does harm, so it is stopped where it comes in. Pure.
"""

from typing import Any


def text(value: Any) -> str:
    """A text, "" for null. Raises `TypeError` for anything else."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} where a text belongs")
    return value


def texts(value: Any) -> tuple[str, ...]:
    """A list of texts, () for null. Raises `TypeError` for anything else: a text is no list of its characters."""
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise TypeError(f"{type(value).__name__} where a list of texts belongs")
    return tuple(value)


def flag(value: Any) -> bool:
    """A flag, False for null. Raises `TypeError` for anything else: "false" is not true."""
    if value is not None and not isinstance(value, bool):
        raise TypeError(f"{type(value).__name__} where true or false belongs")
    return bool(value)
