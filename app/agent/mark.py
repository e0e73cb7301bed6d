"""Readiness gates: what the broker reports of a pod's targets, as a condition of the pod."""

import threading
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import structlog

from app.agent.deciding.objects import GATE, Condition, ObjectKey, Pod
from app.agent.deciding.readiness import expectation, gate_condition
from app.agent.deciding.reading import pod_of
from app.agent.deciding.reports import Report, Reports
from app.agent.deciding.targets import ServiceDecision
from app.agent.errors import Conflict, ObjectMissing
from app.agent.kubernetes_api import Json, KubernetesApi
from app.agent.view import View
from app.agent.writes import Writes

log = structlog.get_logger(__name__)


class Gates:
    """What decides about gates: decisions about Services and the broker's reports. For any number of threads.

    Nothing is written before both are whole in this term, so that a new leader takes no pod out of its Service for not
    knowing yet what another one knew.
    """

    def __init__(self, api: KubernetesApi, writes: Writes) -> None:
        self._api = api
        self._writes = writes
        self._lock = threading.Lock()
        self._view: View | None = None
        self._reports = Reports()
        self._decisions: dict[ObjectKey, ServiceDecision] = {}
        self._decided = False
        self.term = 0
        """The term that it works for."""

    def attach(self, view: View) -> None:
        """Where pods are looked up. To be called once, before anything else."""
        self._view = view

    def begin(self, term: int) -> None:
        """A new term: nothing is known. What is reported before belongs to the former one."""
        with self._lock:
            self._reports, self._decisions, self._decided = Reports(), {}, False
            self.term = term
        self._writes.clear()

    def look_at(self, pod: ObjectKey) -> None:
        """The pod, its Services or its bindings are others than before."""
        self._writes.put(pod, lambda: self.mark(pod))

    def decided(self, decisions: Iterable[tuple[ServiceDecision, Iterable[ObjectKey]]], *, whole: bool) -> None:
        """The newest decisions, each with the pods that it is about; ``whole``: every Service was decided now."""
        pods: set[ObjectKey] = set()
        with self._lock:
            for decision, members in decisions:
                self._decisions[decision.service] = decision
                pods.update(members)
            first = whole and not self._decided
            self._decided = self._decided or whole
        self._look_at_all(pods, everything=first)

    def forget(self, services: Iterable[ObjectKey]) -> None:
        """Services that are no more."""
        with self._lock:
            for key in services:
                self._decisions.pop(key, None)

    def reported(self, term: int, reports: Sequence[Report], *, complete: bool) -> tuple[Report, ...]:
        """Take what the broker reports; what of it is new. ``complete``: all bindings of the cluster were read now.

        What was read in another term is not taken: that term may have known more or less.
        """
        with self._lock:
            if term != self.term:
                return ()
            first = complete and not self._reports.complete
            self._reports.complete = self._reports.complete or complete
            news = self._reports.take(reports)
        self._look_at_all({each.pod for each in news}, everything=first)
        return news

    def keep_only(self, pod_uids: set[str]) -> None:
        """Forget reports on pods that are gone."""
        with self._lock:
            self._reports.keep_only(pod_uids)

    def mark(self, key: ObjectKey) -> None:
        """Write a pod's condition if it is to be another one. Raises `NotLeading`, `CallFailed`."""
        view = self._view
        pod = view.pod(key) if view is not None else None
        if view is None or pod is None or not pod.gated:
            return
        condition = self._condition_of(pod, view)
        if condition is None:
            return
        try:
            written = self._api.patch_pod_condition(key.namespace, key.name, pod.uid, _patch(pod, condition))
        except (ObjectMissing, Conflict):
            return  # it is gone, or another one by now, which the watch will tell
        view.put_pod_back(pod_of(written))
        log.info("gate marked", pod=str(key), status=condition.status, reason=condition.reason)

    def _condition_of(self, pod: Pod, view: View) -> Condition | None:
        services = view.services(pod.key.namespace)
        with self._lock:
            if not (self._decided and self._reports.complete):
                return None
            decisions = [self._decisions[each.key] for each in services if each.key in self._decisions]
            expected = expectation(pod, services, decisions)
            return gate_condition(pod, expected, self._reports.of(pod.uid), complete=True)

    def _look_at_all(self, pods: set[ObjectKey], *, everything: bool) -> None:
        if everything and self._view is not None:
            pods = pods | set(self._view.gated_pods())
        for pod in pods:
            self.look_at(pod)


def _patch(pod: Pod, condition: Condition) -> Json:
    """The condition as the API has it. When it last changed is told when it changes: left out, it stays."""
    found = {"type": GATE, "status": condition.status, "reason": condition.reason, "message": condition.message}
    if pod.condition is None or pod.condition.status != condition.status:
        found["lastTransitionTime"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return found
