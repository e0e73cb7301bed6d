"""What the broker says of each pod's bindings."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from sys import intern
from typing import Any, Final

from app.agent.deciding.network import NetworkMode
from app.agent.deciding.objects import ObjectKey
from app.agent.deciding.targets import TargetName, Wanted
from app.agent.deciding.words import SubjectKey

ENDED: Final = frozenset({"rejected", "released"})
LEAVING: Final = frozenset({"draining", "removing"})
"""States of a binding, as section 5 of the broker's contract names them."""


@dataclass(frozen=True, slots=True)
class Report:
    """The newest that the broker said of a pod at a target; the fields are those of its API.

    ``at_cloud``: the binding was bound at some time, and has not been taken off since as far as it says.
    """

    binding_id: str
    pod: ObjectKey
    pod_uid: str
    target: TargetName
    service: ObjectKey | None
    ip: str
    network_mode: NetworkMode
    state: str
    reason: str | None
    detail: str | None
    health: str
    revision: int
    created_at: datetime
    at_cloud: bool

    @property
    def subject(self) -> SubjectKey:
        """What it is about."""
        return self.pod_uid, self.target

    @property
    def live(self) -> bool:
        """Whether the binding can still move."""
        return self.state not in ENDED

    @property
    def wanted(self) -> bool:
        """Whether the broker still wants the pod there."""
        return self.live and self.state not in LEAVING

    @property
    def order(self) -> tuple[int, datetime, str]:
        """Of two bindings of one pod at one target the greater is the later one."""
        return self.revision, self.created_at, self.binding_id

    def as_wanted(self, service: ObjectKey) -> Wanted:
        """The binding as something that was told once, as far as it says what was told."""
        return Wanted(
            target=self.target,
            pod=self.pod,
            pod_uid=self.pod_uid,
            ip=self.ip,
            node=None,
            service=service,
            workload=None,
            network_mode=self.network_mode,
            revision=self.revision,
        )


def report_of(raw: Mapping[str, Any]) -> Report | None:
    """The report in an item of ``GET .../changes`` or ``GET /v1/bindings``.

    None for a binding whose listener was named by its id: no agent told it.
    """
    target, pod, service = raw["target"], raw["pod"], raw["service"]
    if target["protocol"] is None or target["listener_port"] is None:
        return None
    return Report(
        binding_id=raw["binding_id"],
        pod=ObjectKey(intern(pod["namespace"]), pod["name"]),
        pod_uid=pod["uid"],
        target=TargetName(
            load_balancer_id=intern(target["load_balancer_id"]),
            protocol=intern(target["protocol"]),
            listener_port=target["listener_port"],
            port=target["port"],
            domain=target["domain"],
            url=target["url"],
        ),
        service=ObjectKey(intern(service["namespace"]), intern(service["name"])) if service else None,
        ip=target["ip"],
        network_mode=NetworkMode(raw["network_mode"]),
        state=intern(raw["state"]),
        reason=intern(raw["reason"]) if raw["reason"] else None,
        detail=raw["detail"],
        health=intern(raw["health"]),
        revision=raw["revision"],
        created_at=datetime.fromisoformat(raw["created_at"]),
        at_cloud=raw["bound_at"] is not None,
    )


class Reports:
    """The newest report per (pod uid, target). For one thread.

    ``complete``: all bindings of the cluster were read once; before that, what is not here is unknown.
    """

    def __init__(self) -> None:
        self._by_pod: dict[str, dict[TargetName, Report]] = {}
        self.complete = False

    def take(self, reports: Iterable[Report]) -> tuple[Report, ...]:
        """Keep those that are no older than what is known, and answer with those, in their order.

        A pod may have had several bindings at one target: the latest counts, whatever becomes of former ones.
        """
        news = []
        for report in reports:
            known = self._by_pod.get(report.pod_uid, {}).get(report.target)
            if known is not None and (known == report or known.order > report.order):
                continue
            self._by_pod.setdefault(report.pod_uid, {})[report.target] = report
            news.append(report)
        return tuple(news)

    def of(self, pod_uid: str) -> tuple[Report, ...]:
        """What is known of a pod's bindings."""
        return tuple(self._by_pod.get(pod_uid, {}).values())

    def all(self) -> tuple[Report, ...]:
        """What is known of all bindings."""
        return tuple(report for reports in self._by_pod.values() for report in reports.values())

    def keep_only(self, pod_uids: Collection[str]) -> None:
        """Forget the bindings of pods that are gone, once they have ended."""
        for uid in [uid for uid in self._by_pod if uid not in pod_uids]:
            live = {target: report for target, report in self._by_pod[uid].items() if report.live}
            if live:
                self._by_pod[uid] = live
            else:
                del self._by_pod[uid]


def vanished(
    reports: Iterable[Report], services: Collection[ObjectKey], namespaces: Collection[str]
) -> tuple[ObjectKey, ...]:
    """The Services that have bindings which the broker wants, and that are not among ``services``, in order.

    ``services`` are the direct-access ones that there are. ``namespaces`` are those that are watched (empty: all); what
    is bound in others is somebody else's.
    """
    found = {
        report.service
        for report in reports
        if report.wanted
        and report.service is not None
        and report.service not in services
        and (not namespaces or report.service.namespace in namespaces)
    }
    return tuple(sorted(found))
