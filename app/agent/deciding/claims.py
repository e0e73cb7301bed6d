"""Which Service, and which pod, a target belongs to when several ask for it.

Two Services may ask for one target of one pod: the elder Service keeps it, whatever order they come in. Two pods of one
address cannot both be alive: one of them is gone, and its end not seen yet. The younger pod has the target then.
"""

from collections.abc import Iterable
from operator import itemgetter

from app.agent.deciding.objects import ObjectKey
from app.agent.deciding.targets import TargetName, Wanted
from app.agent.deciding.words import SubjectKey

_Place = tuple[TargetName, str]


class Claims:
    """What each Service wants. It answers who has each (pod uid, target), and changes nothing else."""

    def __init__(self) -> None:
        self._by_service: dict[ObjectKey, dict[SubjectKey, Wanted]] = {}
        self._by_subject: dict[SubjectKey, dict[ObjectKey, Wanted]] = {}
        self._by_place: dict[_Place, set[SubjectKey]] = {}
        self._shared: set[SubjectKey] = set()

    def replace(self, service: ObjectKey, wanted: Iterable[Wanted]) -> list[SubjectKey]:
        """Take what ``service`` wants now. The answer names whatever may have another holder than before."""
        before = self._by_service.pop(service, {})
        after = {(want.pod_uid, want.target): want for want in wanted}
        if after:
            self._by_service[service] = after
        touched: dict[SubjectKey, None] = {}
        for subject, want in before.items():
            now = after.get(subject)
            if now != want:
                touched |= self._around(subject, want)
                self._remove(service, subject, want)
        for subject, want in after.items():
            changed = want != before.get(subject)
            self._by_subject.setdefault(subject, {})[service] = want
            if changed:
                self._by_place.setdefault((want.target, want.ip), set()).add(subject)
                touched |= self._around(subject, want)
                self._mark_shared(subject)
        return list(touched)

    def of(self, service: ObjectKey) -> Iterable[Wanted]:
        """What the Service wants, held by it or not."""
        return tuple(self._by_service.get(service, {}).values())

    def asked_for(self, subject: SubjectKey) -> bool:
        """Whether any Service wants it."""
        return subject in self._by_subject

    def holder(self, subject: SubjectKey) -> Wanted | None:
        """What is wanted of ``subject``, by the Service that keeps it; None: nothing, or another pod has the place."""
        want = self._first(subject)
        if want is None:
            return None
        others = self._by_place[want.target, want.ip] - {subject}
        rivals = [rival for rival in map(self._first, others) if rival is not None and rival.ip == want.ip]
        outdone = any((rival.pod_born, rival.pod_uid) > (want.pod_born, want.pod_uid) for rival in rivals)
        return None if outdone else want

    def lost(self) -> dict[ObjectKey, list[tuple[Wanted, ObjectKey]]]:
        """By Service, the targets that it asks for and that another one keeps, and which one does."""
        found: dict[ObjectKey, list[tuple[Wanted, ObjectKey]]] = {}
        for subject in self._shared:
            first = self._first(subject)
            for service, want in self._by_subject[subject].items():
                if first is not None and service != first.service:
                    found.setdefault(service, []).append((want, first.service))
        return found

    def _first(self, subject: SubjectKey) -> Wanted | None:
        wants = self._by_subject.get(subject)
        if not wants:
            return None
        return min(wants.values(), key=lambda want: (want.service_born, want.service))

    def _around(self, subject: SubjectKey, want: Wanted) -> dict[SubjectKey, None]:
        return dict.fromkeys([subject, *sorted(self._by_place.get((want.target, want.ip), ()), key=itemgetter(0))])

    def _remove(self, service: ObjectKey, subject: SubjectKey, want: Wanted) -> None:
        wants = self._by_subject[subject]
        del wants[service]
        if not wants:
            del self._by_subject[subject]
        if all(other.ip != want.ip for other in wants.values()):
            subjects = self._by_place[want.target, want.ip]
            subjects.discard(subject)
            if not subjects:
                del self._by_place[want.target, want.ip]
        self._mark_shared(subject)

    def _mark_shared(self, subject: SubjectKey) -> None:
        if len(self._by_subject.get(subject, ())) > 1:
            self._shared.add(subject)
        else:
            self._shared.discard(subject)
