"""Which Kubernetes Events are to be written, each once per change.

What a pod's bindings do is said of the pod, and of its Service as well when it is the first of its pods of which it is
true at a target. What stays as it is is not said again; what ends is said anew when it comes back.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from app.agent.deciding.objects import ObjectKey
from app.agent.deciding.problems import Problem, Reason, Subject
from app.agent.deciding.reports import Report
from app.agent.deciding.targets import TargetName, Wanted
from app.agent.deciding.words import Answer, SubjectKey, Word

UNKNOWN: Final = frozenset({"listener-not-found", "load-balancer-not-found"})
"""The broker's codes for a listener that is not there."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A Kubernetes Event to write; ``warning`` False: of type Normal."""

    about: Subject
    reason: Reason
    message: str
    warning: bool = True


FINE: Final = frozenset({Reason.BOUND, Reason.UNBOUND})
"""Reasons of Events of type Normal."""

_Said = tuple[Reason, str | None]
_UNBOUND: Final[_Said] = (Reason.UNBOUND, None)
_Stand = tuple[TargetName, Reason, str | None]


@dataclass(frozen=True, slots=True)
class _About:
    subject: SubjectKey
    pod: ObjectKey
    service: ObjectKey | None


class Notices:
    """What was said of each object, so that nothing is said twice in a row. For one thread."""

    def __init__(self) -> None:
        self._problems: dict[ObjectKey, frozenset[Problem]] = {}
        self._said: dict[SubjectKey, _Said] = {}
        self._standing: dict[ObjectKey, dict[_Stand, set[SubjectKey]]] = {}
        self._uids: dict[ObjectKey, str] = {}
        self._out: set[ObjectKey] = set()

    def of_problems(self, service: ObjectKey, problems: Sequence[Problem], service_uid: str = "") -> tuple[Notice, ...]:
        """What is new among all the problems of a Service and its pods.

        ``service_uid`` is kept for what is to be said of the Service later on: a report knows it by name only.
        """
        if service_uid:
            self._uids[service] = service_uid
        before = self._problems.pop(service, frozenset())
        if problems:
            self._problems[service] = frozenset(problems)
        new = dict.fromkeys(problem for problem in problems if problem not in before)
        return tuple(Notice(each.about, each.reason, each.message) for each in new)

    def of_reports(self, reports: Sequence[Report]) -> tuple[Notice, ...]:
        """What new reports are worth: bound, unbound, refused with code and detail, held."""
        return tuple(notice for report in reports for notice in self._of_report(report))

    def of_refusals(self, words: Sequence[Word], answers: Sequence[Answer]) -> tuple[Notice, ...]:
        """What rejected words are worth; ``answers`` are in the order of ``words``."""
        found: list[Notice] = []
        for word, answer in zip(words, answers, strict=True):
            if answer.outcome == "rejected":
                found += self._refused(word.wanted, answer)
        return tuple(found)

    def of_broker(self, services: Sequence[Subject], *, trouble: str | None) -> tuple[Notice, ...]:
        """Say once per Service that the broker cannot be reached, by ``trouble``; None: it can."""
        if trouble is None:
            self._out.clear()
            return ()
        new = [service for service in services if service.key not in self._out]
        self._out.update(service.key for service in new)
        message = f"the broker does not take what changes, and what is bound stays bound: {trouble}"
        return tuple(Notice(service, Reason.BROKER_UNAVAILABLE, message) for service in new)

    def keep_only(self, pod_uids: Collection[str], services: Collection[ObjectKey]) -> None:
        """Forget objects that are gone."""
        for subject in [subject for subject in self._said if subject[0] not in pod_uids]:
            del self._said[subject]
        for standing in self._standing.values():
            for stand, subjects in list(standing.items()):
                subjects -= {subject for subject in subjects if subject[0] not in pod_uids}
                if not subjects:
                    del standing[stand]
        for kept in (self._problems, self._standing, self._uids):
            for service in [service for service in kept if service not in services]:
                del kept[service]
        self._out.intersection_update(services)

    def _of_report(self, report: Report) -> tuple[Notice, ...]:
        about = _About(report.subject, report.pod, report.service)
        if report.state == "bound":
            return self._turn(about, (Reason.BOUND, None), f"bound at {report.target}")
        if report.state == "released":
            if self._said.get(report.subject, _UNBOUND) == _UNBOUND:
                return ()  # it was never said to be there
            return self._turn(about, _UNBOUND, f"no longer bound at {report.target}" + _why(report.reason, None))
        if report.state == "rejected":
            reason = Reason.BIND_REFUSED
        elif report.state == "held":
            reason = Reason.UNKNOWN_LISTENER if report.reason in UNKNOWN else Reason.BIND_HELD
        else:
            return ()
        message = f"{report.state} at {report.target}" + _why(report.reason, report.detail)
        return self._turn(about, (reason, report.reason), message)

    def _refused(self, wanted: Wanted, answer: Answer) -> tuple[Notice, ...]:
        about = _About((wanted.pod_uid, wanted.target), wanted.pod, wanted.service)
        message = f"refused at {wanted.target}" + _why(answer.code, answer.detail)
        return self._turn(about, (Reason.BIND_REFUSED, answer.code), message)

    def _turn(self, about: _About, said: _Said, message: str) -> tuple[Notice, ...]:
        before = self._said.get(about.subject)
        if before == said:
            return ()
        self._said[about.subject] = said
        warning = said[0] not in FINE
        notice = Notice(Subject("Pod", about.pod, about.subject[0]), said[0], message, warning)
        if about.service is None or not self._first(about.service, about.subject, before, said):
            return (notice,)
        service = Subject("Service", about.service, self._uids.get(about.service, ""))
        return notice, Notice(service, said[0], f"{message} (pod {about.pod.name})", warning)

    def _first(self, service: ObjectKey, subject: SubjectKey, before: _Said | None, now: _Said) -> bool:
        """Note what is said of ``subject``; whether it is the first of its Service at this target to have it said."""
        standing = self._standing.setdefault(service, {})
        if before is not None and (former := standing.get((subject[1], *before))) is not None:
            former.discard(subject)
            if not former:
                del standing[subject[1], *before]
        first = (subject[1], *now) not in standing and now != _UNBOUND
        if now != _UNBOUND:
            standing.setdefault((subject[1], *now), set()).add(subject)
        if not standing:
            del self._standing[service]
        return first


def _why(code: str | None, detail: str | None) -> str:
    return "".join(f": {each}" for each in (code, detail) if each)
