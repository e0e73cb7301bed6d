"""The two annotations that hold JSON: the listeners of a Service's ports, and weights.

``clb-broker.io/rules`` is ours: of each Service port, by name or number, the listener or listeners it is bound to::

    {"https": {"protocol": "HTTPS", "listener_port": 443, "domain": "a.example", "url": "/"}, "81": [{...}, {...}]}

``service.cloud.tencent.com/lb-rs-weight`` is TKE's (custom weights, TKE documentation)::

    {"defaultWeight": 10, "groups": [{"key": {"proto": "TCP", "port": 80}, "statefulSets": [
        {"name": "web", "weights": [{"weight": 0, "podIndexes": [0, 2]}]}]}]}

Everything else in them is an error: a wish that is understood by half is worse than one that is refused.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

LAYER_7: Final = frozenset({"HTTP", "HTTPS"})
PROTOCOLS: Final = frozenset({"TCP", "UDP", "TCP_SSL", "QUIC"}) | LAYER_7
"""What the broker takes as a listener's protocol."""

MAX_WEIGHT: Final = 100
LONGEST_DOMAIN: Final = 80
LONGEST_URL: Final = 200
"""The cloud's limits (CLB API, RegisterTargets and CreateRule)."""


class Unreadable(ValueError):
    """An annotation that cannot be understood; the message says where and why."""


@dataclass(frozen=True, slots=True, order=True)
class Listener:
    """A listener by protocol and port; ``domain`` and ``url`` name the rule of a layer-7 one."""

    protocol: str
    port: int
    domain: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights of targets, 0 to 100: of pods of StatefulSets by Service port, else ``default``, else None.

    ``special`` has them by (protocol, Service port, StatefulSet, pod's ordinal).
    """

    default: int | None = None
    special: Mapping[tuple[str, int, str, int], int] = field(default_factory=dict)

    def of(self, protocol: str, port: int, stateful_set: str | None, ordinal: int | None) -> int | None:
        """The weight of a pod at a Service port; ``stateful_set`` and ``ordinal`` are None for other pods."""
        if stateful_set is None or ordinal is None:
            return self.default
        return self.special.get((protocol, port, stateful_set, ordinal), self.default)


def rules_of(text: str) -> dict[str, tuple[Listener, ...]]:
    """Listeners by the name or number of a Service port. Raises `Unreadable`."""
    return {port: _listeners(given, port) for port, given in _object(_json(text), "rules").items()}


def weights_of(text: str) -> Weights:
    """The weights. Raises `Unreadable`."""
    whole = _object(_json(text), "weights", {"defaultWeight", "groups"})
    special: dict[tuple[str, int, str, int], int] = {}
    for number, group in enumerate(_list(whole.get("groups", []), "groups")):
        special |= _group(group, f"groups[{number}]")
    default = whole.get("defaultWeight")
    return Weights(None if default is None else _whole(default, 0, MAX_WEIGHT, "defaultWeight"), special)


def _group(group: Any, where: str) -> dict[tuple[str, int, str, int], int]:
    _object(group, where, {"key", "statefulSets"})
    key = _object(group.get("key"), f"{where}.key", {"proto", "port"})
    protocol = _one_of(key.get("proto"), PROTOCOLS, f"{where}.key.proto")
    port = _whole(key.get("port"), 1, 65535, f"{where}.key.port")
    found = {}
    for number, each in enumerate(_list(group.get("statefulSets", []), f"{where}.statefulSets")):
        here = f"{where}.statefulSets[{number}]"
        _object(each, here, {"name", "weights"})
        name = _text(each.get("name"), 253, f"{here}.name")
        for ordinal, weight in _ordinals(each.get("weights"), f"{here}.weights"):
            found[protocol, port, name, ordinal] = weight
    return found


def _ordinals(weights: Any, where: str) -> Iterable[tuple[int, int]]:
    for number, each in enumerate(_list(weights, where)):
        here = f"{where}[{number}]"
        _object(each, here, {"weight", "podIndexes"})
        weight = _whole(each.get("weight"), 0, MAX_WEIGHT, f"{here}.weight")
        for ordinal in _list(each.get("podIndexes"), f"{here}.podIndexes"):
            yield _whole(ordinal, 0, 2**31, f"{here}.podIndexes"), weight


def _listeners(given: Any, port: str) -> tuple[Listener, ...]:
    each = given if isinstance(given, list) else [given]
    if not each:
        raise Unreadable(f"{shown(port)}: no listener is named")
    return tuple(_listener(one, shown(port)) for one in each)


def _listener(given: Any, where: str) -> Listener:
    _object(given, where, {"protocol", "listener_port", "domain", "url"})
    protocol = _one_of(given.get("protocol"), PROTOCOLS, f"{where}.protocol")
    port = _whole(given.get("listener_port"), 1, 65535, f"{where}.listener_port")
    domain, url = given.get("domain"), given.get("url")
    if domain is not None:
        _text(domain, LONGEST_DOMAIN, f"{where}.domain")
    if url is not None:
        _text(url, LONGEST_URL, f"{where}.url")
    if (protocol in LAYER_7) != (domain is not None or url is not None):
        need = "needs a domain or url" if protocol in LAYER_7 else "has no domain and no url"
        raise Unreadable(f"{where}: a listener of protocol {protocol} {need}")
    return Listener(protocol, port, domain, url)


def _json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_without_repeats)
    except Unreadable:
        raise
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise Unreadable(f"not JSON: {reason}") from error


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise Unreadable(f"{shown(next(name for name in names if names.count(name) > 1))}: given more than once")
    return found


def _object(given: Any, where: str, fields: Iterable[str] | None = None) -> Mapping[str, Any]:
    if not isinstance(given, dict):
        raise Unreadable(f"{where}: not a JSON object")
    unknown = sorted(set(given) - set(fields)) if fields is not None else []
    if unknown:
        raise Unreadable(f"{where}: unknown field {shown(unknown[0])}")
    return given


def _list(given: Any, where: str) -> list[Any]:
    if not isinstance(given, list):
        raise Unreadable(f"{where}: not a JSON list")
    return given


def _whole(given: Any, least: int, most: int, where: str) -> int:
    if not isinstance(given, int) or isinstance(given, bool) or not least <= given <= most:
        raise Unreadable(f"{where}: not a whole number from {least} to {most}")
    return given


def _text(given: Any, most: int, where: str) -> str:
    if not isinstance(given, str) or not 1 <= len(given) <= most or not given.isprintable():
        raise Unreadable(f"{where}: not a text of 1 to {most} printable characters")
    return given


def _one_of(given: Any, choices: Iterable[str], where: str) -> str:
    if given not in (known := sorted(choices)):
        raise Unreadable(f"{where}: not one of {', '.join(known)}")
    return str(given)


def shown(text: str) -> str:
    """A text that somebody made up, as a message can hold it: short and printable."""
    short = text if len(text) <= 64 else f"{text[:64]}..."
    return short if short.isprintable() else ascii(short)[1:-1]
