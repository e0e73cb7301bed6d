"""What is to be told to the broker: the difference between what is wanted and what the broker acknowledged.

Per (pod uid, target) nothing but the newest word is kept, and it is due only while the broker has not acknowledged it;
so nothing queues up, and nothing is lost while the broker is away. Its revision never goes back.

What was *seen* to happen is told by events. What is only *missing* after a start or a gap is left out of the Service's
snapshot instead, which the broker's guard judges: a list that is empty by mistake removes little.

A word, and how it moves::

    wanted anew, or otherwise   -> due, a bind
    no longer wanted            -> forgotten, when no bind can have reached the broker
                                -> due, an unbind, when that was seen
                                -> missing, when it is not: the next snapshot leaves it out, and it is forgotten
    accepted, unchanged         -> a bind is settled, an unbind forgotten, unless the word has changed since
    rejected                    -> likewise: it is not told again until something changes, or by a snapshot
    stale                       -> due again, once the view is newer than the word: the view is what this rests on now
    no answer                   -> due
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from app.agent.deciding.claims import Claims
from app.agent.deciding.objects import ObjectKey
from app.agent.deciding.problems import Problem, Reason, Subject
from app.agent.deciding.reports import Report
from app.agent.deciding.targets import ServiceDecision, Wanted
from app.agent.deciding.told import Kept, Told
from app.agent.deciding.words import Answer, Snapshot, SubjectKey, Word, answer_of, fits_one_snapshot

__all__ = ["Answer", "Memory", "answer_of"]


class Memory(Told):
    """What one leader has decided and told. A new leader begins with a new one. For one thread.

    It holds what is wanted, and unbinds that were not acknowledged: no more.
    """

    def __init__(self) -> None:
        super().__init__()
        self._claims = Claims()
        self._before: dict[ObjectKey, dict[SubjectKey, Wanted]] = {}
        self._gaps: set[ObjectKey] = set()
        self._uids: dict[ObjectKey, str] = {}

    def inherit(self, reports: Iterable[Report]) -> None:
        """Take what the broker has from former leaders; then every Service is to be decided again, as after a gap.

        So pods that are seen to leave are unbound by events, and words are never older than what the broker knows.
        """
        for report in reports:
            if report.wanted and report.service is not None and report.subject not in self._kept:
                self._kept[report.subject] = Kept(Word(report.as_wanted(report.service), report.revision), stands=True)
                self._leave_out(report.subject)

    def want(self, decision: ServiceDecision, *, gap: bool) -> None:
        """Take the newest decision for a Service.

        ``gap``: the view was listed anew since the Service's last decision, or this is the first: what is only missing
        is then left to the snapshot. While a Service cannot be read, what it wanted before stays wanted.
        """
        service = decision.service
        gap = gap or service in self._gaps
        wanted = decision.wanted if decision.readable else self._as_before(decision, gap=gap)
        if decision.readable:
            self._before.pop(service, None)
        if decision.readable or not gap:
            self._gaps.discard(service)
        else:
            self._gaps.add(service)
        if wanted:
            self._uids[service] = decision.uid
        else:
            self._uids.pop(service, None)
        missing = _in_order(self._missing.get(service, ()))
        for subject in dict.fromkeys([*self._claims.replace(service, wanted), *missing]):
            self._turn(subject, decision, gap=gap)

    def snapshot(self, service: ObjectKey, revision: int) -> Snapshot | None:
        """The full truth for ``service``; empty when it wants nothing. ``revision`` is the view's greatest.

        None when there must be none: its annotations cannot be read, or it has more targets than one request holds;
        all its words are then due again as events, and what is missing is unbound by events.
        """
        if service in self._before:
            return None
        kept = [
            self._kept[want.pod_uid, want.target] for want in self._claims.of(service) if self._holds(service, want)
        ]
        left_out = [self._kept[subject].word.revision for subject in self._missing.get(service, ())]
        revision = max([revision, *left_out, *(each.word.revision for each in kept)])
        words = tuple(Word(each.word.wanted, revision) for each in kept)
        if fits_one_snapshot(words):
            return Snapshot(service, revision, words)
        self._tell_by_events(service, words, revision)
        return None

    def sending_snapshot(self, snapshot: Snapshot) -> bool:
        """To be called before a snapshot goes out; False when it is outdated, and must not be sent."""
        kept = [self._kept.get(word.subject) for word in snapshot.words]
        same = [
            each is not None and each.word.bind and each.word.wanted == word.wanted
            for each, word in zip(kept, snapshot.words, strict=True)
        ]
        if not all(same):
            return False
        for word in snapshot.words:
            each = self._kept[word.subject]
            each.word, each.outdone = word, False
            self._reaches(word)
        return True

    def take_snapshot_answer(self, snapshot: Snapshot, answers: Sequence[Answer]) -> None:
        """Take the results of a snapshot. What it left out is the broker's to judge now, and forgotten here.

        Raises ``ValueError`` when there are more or fewer results than targets.
        """
        self.take_answers(snapshot.words, answers)
        named = {word.subject for word in snapshot.words}
        for subject in list(self._missing.get(snapshot.service, ())):
            if subject not in named and self._kept[subject].word.revision <= snapshot.revision:
                self._forget(subject)

    def left_out(self) -> tuple[ObjectKey, ...]:
        """The Services of which something is missing that only a snapshot can remove, in order."""
        return tuple(sorted(service for service in self._missing if service not in self._before))

    def duplicates(self) -> dict[ObjectKey, Problem]:
        """The Services of which another one keeps a target, each with its problem."""
        return {service: self._duplicate(service, lost) for service, lost in self._claims.lost().items()}

    def _as_before(self, decision: ServiceDecision, *, gap: bool) -> tuple[Wanted, ...]:
        """What a Service wanted when it could be read last, but for pods that are gone or must not be bound now."""
        service, members = decision.service, decision.members
        if service not in self._before:
            self._before[service] = {(want.pod_uid, want.target): want for want in self._claims.of(service)}
        before = self._before[service]
        for subject in [subject for subject in before if subject[0] not in members and not gap]:
            del before[subject]
        return tuple(
            replace(want, revision=max(want.revision, decision.revision))
            for want in before.values()
            if want.pod_uid not in members or members[want.pod_uid].obstacle is None
        )

    def _turn(self, subject: SubjectKey, decision: ServiceDecision, *, gap: bool) -> None:
        """Bring the word on ``subject`` in line with who claims it."""
        held = self._claims.holder(subject)
        if held is not None:
            # A Service that inherits the target from another one rests on the other's end, too.
            other = decision.revision if held.service != decision.service else 0
            self._bind(subject, held, max(held.revision, other))
        elif self.wanted(subject):
            if self._seen(subject, decision, gap=gap):
                self._unbind(subject, decision.revision)
            else:
                self._leave_out(subject)

    def _seen(self, subject: SubjectKey, decision: ServiceDecision, *, gap: bool) -> bool:
        """Whether something speaks against the bind, and it is not only that nothing speaks for it."""
        if self._claims.asked_for(subject):
            return True  # another pod has its address
        member = decision.members.get(subject[0])
        if member is None:
            return not gap and not self._is_missing(subject)
        return member.obstacle is not None or decision.readable

    def _holds(self, service: ObjectKey, want: Wanted) -> bool:
        holder = self._claims.holder((want.pod_uid, want.target))
        return holder is not None and holder.service == service

    def _tell_by_events(self, service: ObjectKey, words: Iterable[Word], revision: int) -> None:
        for word in words:
            self._kept[word.subject].word = word
            self._due[word.subject] = None
        for subject in _in_order(self._missing.get(service, ())):
            self._unbind(subject, revision)

    def _duplicate(self, service: ObjectKey, lost: Sequence[tuple[Wanted, ObjectKey]]) -> Problem:
        target, keeper = min((str(want.target), keeper) for want, keeper in lost)
        message = f"{target}: Service {keeper} is older and keeps this target"
        return Problem(Subject("Service", service, self._uids.get(service, "")), Reason.DUPLICATE_TARGET, message)


def _in_order(subjects: Iterable[SubjectKey]) -> list[SubjectKey]:
    return sorted(subjects, key=lambda subject: (subject[0], str(subject[1])))
