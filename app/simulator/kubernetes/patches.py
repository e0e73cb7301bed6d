"""The three kinds of patch: JSON merge (RFC 7386), JSON patch (RFC 6902), and Kubernetes' strategic merge.

Strategic merge is as good as the objects served here need it: lists are merged by the key in `MERGE_KEYS`, elements are
deleted with `$patch: delete`, all other lists are replaced.
"""

import copy
from collections.abc import Callable, Mapping
from typing import Any

from app.simulator.kubernetes.errors import Refusal, bad_request, invalid

MERGE_KEYS: Mapping[str, tuple[str, ...]] = {
    "conditions": ("type",),
    "containers": ("name",),
    "initContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "imagePullSecrets": ("name",),
    "ownerReferences": ("uid",),
    "podIPs": ("ip",),
    "ports": ("containerPort", "port"),
    "webhooks": ("name",),
}
"""Fields whose lists are merged, and what tells their elements apart; the first that an element has."""


def patched(content: Any, patch: Any, media_type: str) -> Any:
    """A changed copy. Raises Refusal: 400 and 422 for a wrong patch, 415 for an unknown kind of it."""
    kinds: dict[str, Callable[[Any, Any], Any]] = {
        "application/merge-patch+json": _merged,
        "application/strategic-merge-patch+json": _strategic,
        "application/json-patch+json": json_patched,
    }
    if media_type not in kinds:
        raise Refusal(415, "UnsupportedMediaType", f"the body of the request was in an unknown format: {media_type}")
    if isinstance(patch, list) is not (media_type == "application/json-patch+json"):
        raise bad_request("the patch is not of the kind that its Content-Type says")
    return kinds[media_type](copy.deepcopy(content), copy.deepcopy(patch))


def json_patched(content: Any, steps: Any) -> Any:
    """Applies an RFC 6902 patch to `content` itself and returns it. Raises Refusal (400, 422)."""
    for step in steps:
        if not isinstance(step, dict) or step.get("op") not in _STEPS or not str(step.get("path", "")).startswith("/"):
            raise bad_request(f"not a step of a JSON patch: {step!r}")
        try:
            _STEPS[step["op"]](content, step)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise invalid(f"the JSON patch cannot be applied: {step['op']} {step['path']}: {error!r}") from None
    return content


def _merged(content: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    content = content if isinstance(content, dict) else {}
    for key, value in patch.items():
        if value is None:
            content.pop(key, None)
        else:
            content[key] = _merged(content.get(key), value)
    return content


def _strategic(content: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    content = content if isinstance(content, dict) else {}
    if patch.pop("$patch", None) == "replace":
        return patch
    for key, value in patch.items():
        if key.startswith("$"):
            continue  # directives about the order of lists: the order is no part of what is served here
        if value is None:
            content.pop(key, None)
        elif isinstance(value, list) and _merge_key(key, value):
            content[key] = _merged_list(content.get(key) or [], value, _merge_key(key, value))
        else:
            content[key] = _strategic(content.get(key), value)
    return content


def _merge_key(field: str, elements: list[Any]) -> str:
    if not all(isinstance(each, dict) for each in elements):
        return ""
    return next((key for key in MERGE_KEYS.get(field, ()) if all(key in each for each in elements)), "")


def _merged_list(elements: list[Any], patch: list[Any], key: str) -> list[Any]:
    found = {each.get(key): each for each in elements}
    for each in patch:
        if each.get("$patch") == "delete":
            found.pop(each[key], None)
        else:
            found[each[key]] = _strategic(found.get(each[key]), each)
    return list(found.values())


def _parts(path: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]


def _found(content: Any, parts: list[str]) -> Any:
    for part in parts:
        content = content[int(part)] if isinstance(content, list) else content[part]
    return content


def _add(content: Any, path: str, value: Any) -> None:
    *way, last = _parts(path)
    holder = _found(content, way)
    if not isinstance(holder, list):
        holder[last] = value
    elif last == "-":
        holder.append(value)
    elif int(last) > len(holder):
        raise IndexError(last)
    else:
        holder.insert(int(last), value)


def _taken(content: Any, path: str) -> Any:
    *way, last = _parts(path)
    holder = _found(content, way)
    return holder.pop(int(last) if isinstance(holder, list) else last)


def _replace(content: Any, step: dict[str, Any]) -> None:
    _taken(content, step["path"])
    _add(content, step["path"], step["value"])


def _test(content: Any, step: dict[str, Any]) -> None:
    if _found(content, _parts(step["path"])) != step["value"]:
        raise ValueError("the test failed")


_STEPS: dict[str, Callable[[Any, dict[str, Any]], None]] = {
    "add": lambda content, step: _add(content, step["path"], step["value"]),
    "remove": lambda content, step: _taken(content, step["path"]),
    "replace": _replace,
    "test": _test,
    "copy": lambda content, step: _add(content, step["path"], copy.deepcopy(_found(content, _parts(step["from"])))),
    "move": lambda content, step: _add(content, step["path"], _taken(content, step["from"])),
}
