"""RBAC: off, everybody may do everything; on, a bearer token may do what its Roles and ClusterRoles say, and no more.

What was used is kept, so that a test can show that rules are exactly as wide as needed.
"""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from app.simulator.kubernetes.errors import Refusal


@dataclass(frozen=True, slots=True)
class Right:
    """One verb on one resource of one group, in one namespace (empty: in all), of one name (empty: of all)."""

    group: str
    resource: str
    """With `/status` for the subresource."""
    verb: str
    namespace: str = ""
    name: str = ""

    def covers(self, asked: "Right") -> bool:
        """Whether who has this right may do what is asked; `*` covers everything of its part."""
        return (
            self.group in ("*", asked.group)
            and self.resource in ("*", asked.resource)
            and self.verb in ("*", asked.verb)
            and self.namespace in ("", asked.namespace)
            and self.name in ("", asked.name)
        )


def rights_of(role: Mapping[str, Any], namespace: str = "") -> list[Right]:
    """The rights in a Role or ClusterRole manifest; those of a Role hold in its namespace."""
    where = namespace or (role["metadata"].get("namespace", "default") if role.get("kind") == "Role" else "")
    return [
        Right(group, resource, verb, where, name)
        for rule in role.get("rules") or ()
        for group in rule.get("apiGroups", ())
        for resource in rule.get("resources", ())
        for verb in rule.get("verbs", ())
        for name in rule.get("resourceNames") or ("",)
    ]


class Permissions:
    """Who may do what. Off until the first token is given rights. Safe between threads."""

    def __init__(self) -> None:
        self._rights: dict[str, list[Right]] = {}
        self._used: dict[str, set[Right]] = {}
        self._denied: list[Right] = []
        self._lock = threading.Lock()

    def give(self, token: str, rights: Iterable[Right]) -> None:
        """Gives a bearer token these rights besides those it has; from now on a request needs a right."""
        with self._lock:
            self._rights.setdefault(token, []).extend(rights)

    def check(self, token: str | None, asked: Right) -> None:
        """Raises Refusal: 401 for a token that nobody has, 403 without the right."""
        with self._lock:
            if self._rights and token not in self._rights:
                raise Refusal(401, "Unauthorized", "Unauthorized")
            self._used.setdefault(token or "", set()).update(self._covering(token, asked))
            if self._rights and not self._covering(token, asked):
                self._denied.append(asked)
                where = f'in the namespace "{asked.namespace}"' if asked.namespace else "at the cluster scope"
                raise Refusal(
                    403,
                    "Forbidden",
                    f'cannot {asked.verb} resource "{asked.resource}" in API group "{asked.group}" {where}',
                )

    def used(self, token: str) -> set[Right]:
        """Which of the rights given to a token its requests have rested on."""
        with self._lock:
            return set(self._used.get(token, ()))

    def unused(self, token: str) -> set[Right]:
        """Which of the rights given to a token no request has rested on."""
        with self._lock:
            return set(self._rights.get(token, ())) - self._used.get(token, set())

    @property
    def denied(self) -> list[Right]:
        """What was asked for without the right, oldest first."""
        with self._lock:
            return list(self._denied)

    def _covering(self, token: str | None, asked: Right) -> set[Right]:
        return {right for right in self._rights.get(token or "", ()) if right.covers(asked)}
