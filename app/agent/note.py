"""Kubernetes Events: what people see with ``kubectl describe`` of a Service or a pod.

An Event's name follows from what it says, so that the same said again, even by a later process, is the same Event.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from typing import Final

import structlog

from app.agent.deciding.changes import Answer
from app.agent.deciding.notices import Notice, Notices
from app.agent.deciding.objects import ObjectKey
from app.agent.deciding.problems import Problem, Subject
from app.agent.deciding.reports import Report
from app.agent.deciding.words import Word
from app.agent.errors import Conflict
from app.agent.kubernetes_api import Json, KubernetesApi
from app.agent.writes import Writes

log = structlog.get_logger(__name__)

COMPONENT: Final = "clb-broker-agent"
LONGEST_MESSAGE: Final = 1024
"""Of an Event's message (Kubernetes API, Event v1 core)."""

LONGEST_NAME: Final = 200
COUNTED: Final = 2048
"""Events whose count is remembered."""


class Notes:
    """What is to be said of objects, and its writing. For any number of threads."""

    def __init__(self, api: KubernetesApi, writes: Writes, identity: str) -> None:
        self._api = api
        self._writes = writes
        self._identity = identity
        self._lock = threading.Lock()
        self._notices = Notices()
        self._counts: OrderedDict[str, int] = OrderedDict()

    def begin(self) -> None:
        """A new term: nothing was said yet."""
        with self._lock:
            self._notices = Notices()

    def problems(self, service: ObjectKey, problems: Sequence[Problem], service_uid: str) -> None:
        """All that is wrong with a Service and its pods now."""
        self._say(lambda notices: notices.of_problems(service, problems, service_uid))

    def reports(self, reports: Sequence[Report], *, all_news: bool) -> None:
        """What the broker said of bindings; only what is wrong unless ``all_news``: the rest was said before."""
        self._say(lambda notices: [each for each in notices.of_reports(reports) if all_news or each.warning])

    def refusals(self, words: Sequence[Word], answers: Sequence[Answer]) -> None:
        """What the broker answered to words."""
        self._say(lambda notices: notices.of_refusals(words, answers))

    def broker(self, services: Sequence[Subject], *, trouble: str | None) -> None:
        """That the broker does not hear us, by ``trouble``; None: it does."""
        self._say(lambda notices: notices.of_broker(services, trouble=trouble))

    def keep_only(self, pod_uids: Collection[str], services: Collection[ObjectKey]) -> None:
        """Forget what was said of objects that are gone."""
        with self._lock:
            self._notices.keep_only(pod_uids, services)

    def _say(self, ask: Callable[[Notices], Sequence[Notice]]) -> None:
        with self._lock:
            found = ask(self._notices)
        for notice in found:
            # Several things may be wrong with one object for one reason; each is an Event of its own.
            self._writes.put(("event", _name(notice)), lambda notice=notice: self._write(notice))  # type: ignore[misc]

    def _write(self, notice: Notice) -> None:
        name, now = _name(notice), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        namespace = notice.about.key.namespace
        try:
            self._api.create_event(namespace, _event(notice, name, now, self._identity))
        except Conflict:
            again = self._counts.get(name, 1) + 1
            self._api.patch_event(namespace, name, {"lastTimestamp": now, "count": again})
        self._counts[name] = self._counts.pop(name, 0) + 1
        if len(self._counts) > COUNTED:
            self._counts.popitem(last=False)


def _name(notice: Notice) -> str:
    said = f"{notice.about.kind}/{notice.about.uid}/{notice.reason}/{notice.message}"
    digest = hashlib.sha256(said.encode()).hexdigest()[:16]
    return f"{notice.about.key.name[:LONGEST_NAME].rstrip('.-')}.{digest}"


def _event(notice: Notice, name: str, now: str, identity: str) -> Json:
    about = notice.about
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": about.key.namespace},
        "involvedObject": {
            "apiVersion": "v1",
            "kind": about.kind,
            "namespace": about.key.namespace,
            "name": about.key.name,
            "uid": about.uid,
        },
        "reason": str(notice.reason),
        "message": notice.message[:LONGEST_MESSAGE],
        "type": "Warning" if notice.warning else "Normal",
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "reportingInstance": identity[:128],
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
