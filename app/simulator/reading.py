"""Reading descriptions strictly: every field is asked for by name and type, and nothing may be left over.

The same readers serve the world file, edits by hand, fault orders and parameters, so that one mistake is worded in
one way: `load_balancers[2].listeners[0].port: 70000 is not between 1 and 65535`.
"""

import ipaddress
import json
from collections.abc import Container, Iterable, Mapping
from typing import Any, TypeVar

from app.simulator.errors import WorldError

Nothing = TypeVar("Nothing", str, None)
Noun = TypeVar("Noun")


class Item:
    """One mapping of a description, with its place in the whole. Fields that were read are crossed out.

    `end` refuses the rest.
    """

    def __init__(self, content: Any, place: str) -> None:
        self._place = place
        if not isinstance(content, Mapping):
            raise WorldError(f"{place or 'world'}: a mapping is needed, not {_kind(content)}")
        self._content = dict(content)
        self._read: set[str] = set()

    def at(self, key: str) -> str:
        """The place of the field `key` in the whole."""
        return f"{self._place}.{key}" if self._place else key

    def wrong(self, key: str, why: str) -> WorldError:
        """The error to raise about the field `key`; `why` is the rest of the sentence."""
        return WorldError(f"{self.at(key)}: {why}")

    def has(self, key: str) -> bool:
        """Whether the field is there and not null. Asking makes it a known one."""
        self._read.add(key)
        return self._content.get(key) is not None

    def new(self, key: str, taken: Container[str]) -> str:
        """An id that nothing has yet."""
        value = self.text(key)
        if value in taken:
            raise self.wrong(key, f"{value!r} is there already")
        return value

    def known(self, key: str, by_id: Mapping[str, Noun], word: str) -> Noun:
        """What a field names by its id; `word` says what kind of thing that is."""
        value = self.text(key)
        if value not in by_id:
            raise self.wrong(key, f"there is no {word} {value!r}")
        return by_id[value]

    def text(self, key: str, default: str | None = None) -> str:
        """A text that is not empty; required when there is no default."""
        value = self._take(key, default)
        if not isinstance(value, str) or not value:
            raise self.wrong(key, f"a text is needed, not {_kind(value)}")
        return value

    def text_or_none(self, key: str) -> str | None:
        """A text, or None when the field is absent or null."""
        return self.text(key) if self.has(key) else self._nothing(key, None)

    def plain(self, key: str) -> str:
        """A text that may be empty; absent means empty."""
        return self.text(key) if self._content.get(key) not in (None, "") else self._nothing(key, "")

    def choice(self, key: str, choices: Iterable[str], default: str | None = None) -> str:
        """One of the given words."""
        value = self.text(key, default)
        known = sorted(choices)
        if value not in known:
            raise self.wrong(key, f"{value!r} is none of {', '.join(known)}")
        return value

    def integer(self, key: str, low: int, high: int, default: int | None = None) -> int:
        """A whole number between `low` and `high`, both included."""
        value = self._take(key, default)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.wrong(key, f"a whole number is needed, not {_kind(value)}")
        if not low <= value <= high:
            raise self.wrong(key, f"{value} is not between {low} and {high}")
        return value

    def integer_or_none(self, key: str, low: int, high: int) -> int | None:
        """A whole number, or None when the field is absent or null."""
        return self.integer(key, low, high) if self.has(key) else self._nothing(key, None)

    def number(self, key: str, default: float | None = None, *, negative: bool = False) -> float:
        """A number, not negative unless allowed."""
        value = self._take(key, default)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise self.wrong(key, f"a number is needed, not {_kind(value)}")
        if value < 0 and not negative:
            raise self.wrong(key, f"{value} is negative")
        return float(value)

    def flag(self, key: str, *, default: bool | None = None) -> bool:
        """True or false."""
        value = self._take(key, default)
        if not isinstance(value, bool):
            raise self.wrong(key, f"true or false is needed, not {_kind(value)}")
        return value

    def address(self, key: str) -> str:
        """An IPv4 or IPv6 address as text, in its shortest form."""
        value = self.text(key)
        try:
            return str(ipaddress.ip_address(value))
        except ValueError:
            raise self.wrong(key, f"{value!r} is not an IP address") from None

    def cidr(self, key: str) -> str:
        """An address block, host bits zero."""
        value = self.text(key)
        self._check_cidr(key, value)
        return value

    def cidr_or_empty(self, key: str) -> str:
        """An address block, or "" when the field is absent, null or empty."""
        return self.cidr(key) if self.plain(key) else ""

    def cidrs(self, key: str) -> list[str]:
        """Address blocks; absent means none."""
        values = self.texts(key)
        for value in values:
            self._check_cidr(key, value)
        return values

    def texts(self, key: str) -> list[str]:
        """Texts; absent means none."""
        values = self.things(key)
        for index, value in enumerate(values):
            if not isinstance(value, str):
                raise self.wrong(f"{key}[{index}]", f"a text is needed, not {_kind(value)}")
        return values

    def things(self, key: str) -> list[Any]:
        """A list of anything; absent means empty."""
        value = self._take(key, [])
        if not isinstance(value, list):
            raise self.wrong(key, f"a list is needed, not {_kind(value)}")
        return value

    def items(self, key: str) -> "list[Item]":
        """A list of mappings; absent means empty."""
        return [Item(value, f"{self.at(key)}[{index}]") for index, value in enumerate(self.things(key))]

    def item(self, key: str) -> "Item":
        """A mapping within; absent means an empty one."""
        return Item(self._take(key, {}), self.at(key))

    def json(self, key: str) -> dict[str, Any]:
        """A mapping to any JSON values, null included, copied; absent means empty."""
        value = self._take(key, {})
        if not isinstance(value, Mapping):
            raise self.wrong(key, f"a mapping is needed, not {_kind(value)}")
        try:
            copied: dict[str, Any] = json.loads(json.dumps(dict(value)))
        except (TypeError, ValueError) as error:
            raise self.wrong(key, f"cannot be written as JSON: {error}") from None
        return copied

    def rates(self, key: str) -> dict[str, int]:
        """A mapping from a name to a whole number of calls per second; absent means empty."""
        inner = self.item(key)
        return {name: inner.integer(name, 0, 1_000_000) for name in inner.names()}

    def names(self) -> list[str]:
        """The names of all fields, as given."""
        return [str(name) for name in self._content]

    def end(self) -> None:
        """Refuse fields that nobody asked for: a misspelt one must not pass for an absent one."""
        for name in self._content:
            if name not in self._read:
                raise self.wrong(str(name), f"unknown field; known here are {', '.join(sorted(self._read))}")

    def _take(self, key: str, default: Any) -> Any:
        self._read.add(key)
        value = self._content.get(key)
        if value is None:
            value = default
        if value is None:
            raise self.wrong(key, "is missing")
        return value

    def _check_cidr(self, key: str, value: str) -> None:
        try:
            ipaddress.ip_network(value)
        except ValueError as error:
            raise self.wrong(key, str(error)) from None

    def _nothing(self, key: str, nothing: Nothing) -> Nothing:
        self._read.add(key)
        return nothing


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    return {dict: "a mapping", list: "a list", str: "a text", bool: "true or false"}.get(type(value), repr(value))
