"""Label and field selectors, as in the query of a list or watch and in a `labelSelector` object."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from app.simulator.kubernetes.errors import bad_request
from app.simulator.kubernetes.resources import EVENTS, PODS, Object, Resource

Test = Callable[[Object], bool]

_TERMS = re.compile(r",(?![^()]*\))")
_SET = re.compile(r"(?P<key>[^\s!=,()]+)\s+(?P<verb>in|notin)\s+\((?P<values>[^()]*)\)")
_EQUAL = re.compile(r"(?P<key>[^\s!=,()]+)\s*(?P<verb>==|=|!=)\s*(?P<value>[^\s!=,()]*)")
_EXISTS = re.compile(r"(?P<absent>!?)\s*(?P<key>[^\s!=,()]+)")
_FIELDS: Mapping[Resource, tuple[str, ...]] = {
    PODS: ("spec.nodeName", "spec.restartPolicy", "status.phase", "status.podIP"),
    EVENTS: (
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "reason",
        "type",
    ),
}
_ALWAYS = ("metadata.name", "metadata.namespace")


def by_labels(selector: str) -> Test:
    """Reads `a=b,c!=d,e,!f,g in (h,i)`. Raises Refusal (400)."""
    tests = [_label_test(term.strip()) for term in _TERMS.split(selector) if term.strip()]
    return lambda content: all(test(labels_of(content)) for test in tests)


def by_fields(selector: str, resource: Resource) -> Test:
    """Reads `metadata.name=a,spec.nodeName!=b`. Raises Refusal (400) for fields that the API cannot select by."""
    tests = []
    for term in filter(None, (each.strip() for each in selector.split(","))):
        found = _EQUAL.fullmatch(term)
        if not found:
            raise bad_request(f"invalid field selector: {term!r}")
        path = found["key"]
        if path not in (*_ALWAYS, *_FIELDS.get(resource, ())):
            raise bad_request(f"field label not supported: {path}")
        tests.append((path.split("."), found["value"], found["verb"] == "!="))
    return lambda content: all((_field(content, path) == value) is not negated for path, value, negated in tests)


def by_object(selector: Mapping[str, Any] | None) -> Test:
    """Reads a `labelSelector` object; none selects everything."""
    terms = [f"{key}={value}" for key, value in (selector or {}).get("matchLabels", {}).items()]
    for each in (selector or {}).get("matchExpressions", ()):
        terms.append(_expression(each))
    return by_labels(",".join(terms))


def labels_of(content: Mapping[str, Any]) -> Mapping[str, str]:
    """An object's labels."""
    return content["metadata"].get("labels") or {}


def _expression(expression: Mapping[str, Any]) -> str:
    key, values = expression["key"], ",".join(expression.get("values") or ())
    forms = {"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})", "Exists": key, "DoesNotExist": f"!{key}"}
    if expression["operator"] not in forms:
        raise bad_request(f"not a valid selector operator: {expression['operator']!r}")
    return str(forms[expression["operator"]])


def _label_test(term: str) -> Callable[[Mapping[str, str]], bool]:
    if found := _SET.fullmatch(term):
        values, key = {each.strip() for each in found["values"].split(",")}, found["key"]
        wanted = found["verb"] == "in"
        return lambda labels: (labels.get(key) in values) is wanted
    if found := _EQUAL.fullmatch(term):
        key, value, negated = found["key"], found["value"], found["verb"] == "!="
        return lambda labels: (labels.get(key) == value) is not negated
    if found := _EXISTS.fullmatch(term):
        key, absent = found["key"], bool(found["absent"])
        return lambda labels: (key in labels) is not absent
    raise bad_request(f"unable to parse requirement: {term!r}")


def _field(content: Object, path: list[str]) -> str:
    found: Any = content
    for part in path:
        found = found.get(part) if isinstance(found, dict) else None
    return "" if found is None else str(found)
