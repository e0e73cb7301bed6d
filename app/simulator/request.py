"""One call of an action, as its function sees it, and what the table of actions says about it."""

import datetime
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from app.simulator.errors import CloudError
from app.simulator.faults import Order
from app.simulator.records import Call
from app.simulator.world import World

Answer = dict[str, Any]
Noun = TypeVar("Noun")

VERSIONS = {"clb": "2018-03-17", "vpc": "2017-03-12", "cvm": "2017-03-12", "tke": "2018-05-25"}
FILTERS = [{"Name": str, "Values": [str]}]
MOST_PER_PAGE = 100
VPC_READS_PER_SECOND = 100


@dataclass
class Request:
    """A call that was let in. `asked` are its parameters, of the right types.

    `wait` sleeps for some seconds, or until closing.
    """

    action: "Action"
    world: World
    region: str
    request_id: str
    asked: Mapping[str, Any]
    record: Call
    wait: Callable[[float], None]
    order: Order | None = None

    def struck_by(self, kind: str) -> bool:
        """Whether a fault of this kind was ordered for this call."""
        return self.order is not None and self.order.kind == kind

    def texts(self, name: str) -> list[str]:
        """A parameter that is a list of texts; absent means empty."""
        return list(self.asked.get(name) or [])

    def seen(self, nouns: Iterable[Noun]) -> list[Noun]:
        """Those that are in the call's region."""
        return [noun for noun in nouns if getattr(noun, "region", None) == self.region]


@dataclass(frozen=True)
class Action:
    """One action.

    `shape` gives its parameters' types, `mode` is read, batch (a synchronous write) or task (an asynchronous one).
    """

    name: str
    service: str
    shape: Mapping[str, Any]
    run: Callable[[Request], Answer]
    required: tuple[str, ...] = ()
    mode: str = "read"
    rate: int | None = None
    """Calls per second where the documented figure is not the usual one."""

    def check(self, asked: Any) -> Mapping[str, Any]:
        """The parameters, when they are of the action's shape.

        Raises CloudError as the cloud does for unknown, missing or wrong ones.
        """
        if not isinstance(asked, Mapping):
            raise CloudError("InvalidParameter", "The request body is not a JSON object.")
        given = {name: value for name, value in asked.items() if value is not None}
        for name in self.required:
            if given.get(name) in (None, "", []):
                raise CloudError("MissingParameter", f"The request is missing a required parameter `{name}`.")
        _check(given, self.shape, "")
        return given


def _check(value: Any, shape: Any, place: str) -> None:
    if isinstance(shape, Mapping):
        _check_mapping(value, shape, place)
    elif isinstance(shape, list):
        if not isinstance(value, list):
            raise _wrong_type(place)
        for index, each in enumerate(value):
            _check(each, shape[0], f"{place}.{index}")
    elif not isinstance(value, shape) or (shape is int and isinstance(value, bool)):
        raise _wrong_type(place)


def _check_mapping(value: Any, shape: Mapping[str, Any], place: str) -> None:
    if not isinstance(value, Mapping):
        raise _wrong_type(place)
    for name, each in value.items():
        inner = f"{place}.{name}" if place else str(name)
        if name not in shape:
            raise CloudError("UnknownParameter", f"The parameter `{inner}` is not recognized.")
        if each is not None:
            _check(each, shape[name], inner)


def _wrong_type(place: str) -> CloudError:
    return CloudError("InvalidParameter", f"The value type of parameter `{place}` is not valid.")


def at_most(request: Request, name: str, most: int) -> list[Any]:
    """A list parameter. Raises InvalidParameterValue.Length when it is longer than documented."""
    values = list(request.asked.get(name) or [])
    if len(values) > most:
        raise CloudError(
            "InvalidParameterValue.Length", f"The length of `{name}` is {len(values)}, the limit is {most}."
        )
    return values


def page(request: Request, found: Sequence[Noun]) -> list[Noun]:
    """The page that Offset and Limit ask for; Limit is 20 when absent and 100 at most.

    Both may be texts where the shape says so.
    """
    offset, limit = _whole(request, "Offset", 0), _whole(request, "Limit", 20)
    if offset < 0 or not 0 < limit <= MOST_PER_PAGE:
        message = f"Offset {offset} or Limit {limit} is out of range: Limit is between 1 and {MOST_PER_PAGE}."
        raise CloudError("InvalidParameterValue.Range", message)
    return list(found[offset : offset + limit])


def _whole(request: Request, name: str, default: int) -> int:
    value = request.asked.get(name, default)
    try:
        return int(value)
    except ValueError:
        raise _wrong_type(name) from None


Filter = Callable[[Any, frozenset[str]], bool]


def filtered(request: Request, found: Iterable[Noun], known: Mapping[str, Filter]) -> list[Noun]:
    """Those that pass every filter of the call; the values of one filter are alternatives.

    Raises CloudError for a filter not in `known`.
    """
    remaining = list(found)
    for each in request.asked.get("Filters") or []:
        name, values = each.get("Name"), frozenset(each.get("Values") or [])
        if name not in known:
            raise CloudError("InvalidParameter.InvalidFilter", f"The filter `{name}` is not valid.")
        passes = known[name]
        remaining = [noun for noun in remaining if passes(noun, values)]
    return remaining


def by(attribute: str) -> Filter:
    """A filter by the exact value of an attribute."""
    return lambda noun, values: getattr(noun, attribute) in values


def ids_or_filters(request: Request, name: str) -> set[str]:
    """The ids that a VPC action names, at most 100.

    Raises InvalidParameter.Coexist when it gives filters too, as documented.
    """
    ids = set(at_most(request, name, MOST_PER_PAGE))
    if ids and request.asked.get("Filters"):
        raise CloudError("InvalidParameter.Coexist", f"The parameters `{name}` and `Filters` cannot be used together.")
    return ids


def moment(unix_seconds: float) -> str:
    """A time as the cloud writes it: local time of the region, UTC+8, without saying so."""
    zone = datetime.timezone(datetime.timedelta(hours=8))
    return datetime.datetime.fromtimestamp(unix_seconds, zone).strftime("%Y-%m-%d %H:%M:%S")
