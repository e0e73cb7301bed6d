"""The newest word on each (pod uid, target), and how much of it the broker acknowledged."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from app.agent.deciding.objects import ObjectKey
from app.agent.deciding.targets import Wanted
from app.agent.deciding.words import Answer, SubjectKey, Word


@dataclass(slots=True)
class Kept:
    """The newest word on a subject.

    ``stands``: a bind of it reached the broker, or may have. ``asked``: one was sent and not answered yet. ``outdone``:
    the broker knew a newer revision than this word's.
    """

    word: Word
    stands: bool = False
    asked: bool = False
    outdone: bool = False


class Told:
    """What one leader told, and has to tell; `app.agent.deciding.changes` says how a word moves. For one thread."""

    def __init__(self) -> None:
        self._kept: dict[SubjectKey, Kept] = {}
        self._due: dict[SubjectKey, None] = {}
        self._missing: dict[ObjectKey, set[SubjectKey]] = {}
        self._floor = 0

    def __len__(self) -> int:
        return len(self._kept)

    def wanted(self, subject: SubjectKey) -> bool:
        """Whether the newest word on ``subject`` is a bind."""
        kept = self._kept.get(subject)
        return kept is not None and kept.word.bind

    def due(self, view_revision: int) -> tuple[Word, ...]:
        """The words that the broker has not acknowledged, in the order in which they came up, but unbinds first.

        ``view_revision`` is the greatest resource version of the view: a word that was stale waits until it is newer.
        """
        ready = []
        for subject in self._due:
            kept = self._kept[subject]
            if kept.outdone and view_revision > kept.word.revision:
                kept.word, kept.outdone = replace(kept.word, revision=view_revision), False
            if not kept.outdone:
                ready.append(kept.word)
        return tuple(sorted(ready, key=lambda word: word.bind))

    def sending(self, words: Iterable[Word]) -> tuple[Word, ...]:
        """To be called before a request goes out: those of ``words`` that are still the newest, which are to be sent.

        From now on they may have reached the broker.
        """
        current = tuple(word for word in words if self._is_current(word))
        for word in current:
            self._reaches(word)
        return current

    def take_answers(self, words: Sequence[Word], answers: Sequence[Answer]) -> None:
        """Take the answers to ``words``, in the same order. Raises ``ValueError`` when their number differs."""
        for word, answer in list(zip(words, answers, strict=True)):
            self._take(word, answer)

    def _bind(self, subject: SubjectKey, wanted: Wanted, revision: int) -> None:
        """Make a bind the newest word, unless it is already; due when it is new, or was missing."""
        kept = self._kept.get(subject)
        returned = kept is not None and self._found_again(subject, kept)
        if kept is not None and kept.word.bind and kept.word.wanted == wanted and not returned:
            return
        if kept is None:
            self._kept[subject] = Kept(Word(wanted, max(revision, self._floor)))
        else:
            kept.word, kept.outdone = Word(wanted, max(revision, kept.word.revision)), False
        self._due[subject] = None

    def _unbind(self, subject: SubjectKey, revision: int) -> None:
        """Make an unbind the newest word, and due; none is needed where no bind can have reached the broker."""
        kept = self._kept[subject]
        if not (kept.stands or kept.asked):
            self._forget(subject)
            return
        self._found_again(subject, kept)
        kept.word, kept.outdone = Word(kept.word.wanted, max(revision, kept.word.revision), bind=False), False
        self._due[subject] = None

    def _leave_out(self, subject: SubjectKey) -> None:
        """Leave the subject to the next snapshot of its Service, which does not name it."""
        kept = self._kept[subject]
        if not (kept.stands or kept.asked):
            self._forget(subject)
            return
        self._due.pop(subject, None)
        self._missing.setdefault(kept.word.wanted.service, set()).add(subject)

    def _is_missing(self, subject: SubjectKey) -> bool:
        return subject in self._missing.get(self._kept[subject].word.wanted.service, ())

    def _found_again(self, subject: SubjectKey, kept: Kept) -> bool:
        service = kept.word.wanted.service
        missing = self._missing.get(service, set())
        if subject not in missing:
            return False
        missing.discard(subject)
        if not missing:
            del self._missing[service]
        return True

    def _forget(self, subject: SubjectKey) -> None:
        kept = self._kept[subject]
        self._found_again(subject, kept)
        del self._kept[subject]
        self._due.pop(subject, None)
        # Whatever is said of it later must not be older than what was said.
        self._floor = max(self._floor, kept.word.revision)

    def _is_current(self, word: Word) -> bool:
        kept = self._kept.get(word.subject)
        return kept is not None and kept.word == word and word.subject in self._due

    def _reaches(self, word: Word) -> None:
        kept = self._kept[word.subject]
        if word.bind:
            # One that was asked before and not answered may stand, whatever the answer to this one is.
            kept.stands = kept.stands or kept.asked
            kept.asked = True

    def _take(self, word: Word, answer: Answer) -> None:
        kept = self._kept.get(word.subject)
        if kept is None:
            return
        if word.bind:
            kept.asked = False
            kept.stands = kept.stands or answer.outcome != "rejected"
        elif answer.outcome in {"accepted", "unchanged"}:
            kept.stands = False
        if kept.word != word or self._is_missing(word.subject):
            return  # something else is to be told by now
        if answer.outcome == "stale":
            kept.outdone = True
            self._due[word.subject] = None
        elif word.bind:
            self._due.pop(word.subject, None)
        else:
            self._forget(word.subject)
