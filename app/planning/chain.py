"""Whether the history of an account is as it was sealed, and which entry is the first that is not.

Entries and hashes are read one after the other, so that any length needs the same memory. Where the first entry does
not fit its hash, the ones that follow are tried at its place, and it at theirs: that tells what was moved from what was
changed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any, Final, Protocol

from app.domain.seal import HASH_BYTES, Link, sealed

WINDOW: Final = 1000
"""How many entries further one is looked for that is not at its place."""


class Fault(StrEnum):
    """What was done to an entry, or to what proves it."""

    ALTERED = "altered"
    REMOVED = "removed"
    INSERTED = "inserted"
    REORDERED = "reordered"
    SEAL_ALTERED = "seal-altered"
    SEAL_REMOVED = "seal-removed"
    REWRITTEN = "rewritten"
    FORGED = "checkpoint-forged"


@dataclass(frozen=True, slots=True)
class Finding:
    """The first fault of an account: which, at which entry, to which last one it reaches, and a sentence for people."""

    fault: Fault
    sequence: int
    last: int
    detail: str


@dataclass(frozen=True, slots=True)
class Whole:
    """A history without a fault: how far it is sealed, and how many entries came after that."""

    sealed: Link
    unsealed: int


class Written(Protocol):
    """An entry as it is in the ledger."""

    @property
    def columns(self) -> Mapping[str, Any]:
        """Its columns."""

    @property
    def sequence(self) -> int:
        """Its number."""


class Hashes(Protocol):
    """The hashes of the entries ``first`` to ``last``."""

    @property
    def first(self) -> int:
        """The first entry's number."""

    @property
    def last(self) -> int:
        """The last entry's number."""

    @property
    def hashes(self) -> bytes:
        """One after the other."""


class SealFault(Exception):
    """The seals themselves have a fault."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.detail)
        self.finding = finding


Content = Callable[[Written], bytes]
Note = Callable[[Link], Finding | None]
"""Told of each link in order; a finding ends the look."""


class Chain:
    """One look along the history of an account, from ``start`` on."""

    def __init__(
        self, start: Link, entries: Iterable[Written], batches: Iterable[Hashes], content: Content, note: Note
    ) -> None:
        self._at = start
        self._entries = _Ahead(iter(entries))
        self._hashes = _Ahead(_links(start.sequence, batches))
        self._content = content
        self._note = note

    def verdict(self, least: int, most: Callable[[], int]) -> Whole | Finding:
        """The first fault, or none.

        ``least`` is the last number that had been handed out when the look began, ``most`` says which it is at its end:
        an entry may come meanwhile.
        """
        try:
            finding = self._sealed()
        except SealFault as fault:
            return fault.finding
        return finding or self._tail(least, most)

    def _sealed(self) -> Finding | None:
        while (link := self._hashes.peek()) is not None:
            finding = self._step(link)
            if finding is not None:
                return finding
        return None

    def _step(self, link: Link) -> Finding | None:
        entry = self._entries.peek()
        if entry is None or entry.sequence > link.sequence:
            return self._missing(link.sequence, entry)
        if entry.sequence < link.sequence:
            return _one(Fault.INSERTED, entry.sequence, "a second entry of this number")
        if sealed(self._at.hash, self._read(entry)) != link.hash:
            return self._misfit(link)
        self._at = link
        self._entries.take()
        self._hashes.take()
        return self._note(link)

    def _missing(self, first: int, entry: Written | None) -> Finding:
        if entry is not None:
            return _span(Fault.REMOVED, first, entry.sequence - 1, "the seals know it, the journal does not")
        rest = first
        while (link := self._hashes.peek()) is not None:
            rest = link.sequence
            self._hashes.take()
        return _span(Fault.REMOVED, first, rest, "the seals know it, the journal ends before it")

    def _misfit(self, link: Link) -> Finding:
        """Which of the faults it is, when the entry at hand does not have the hash that it was sealed with."""
        number = link.sequence
        entries, links = self._entries.window(WINDOW), self._hashes.window(WINDOW)
        if any(each.sequence == number for each in entries[1:2]):
            return _one(Fault.INSERTED, number, "two entries of this number; one was not sealed")
        found = self._elsewhere(entries, links)
        if found is not None:
            return found
        mine = sealed(self._at.hash, self._read(entries[0]))
        if len(links) > 1 and len(entries) > 1 and sealed(mine, self._read(entries[1])) == links[1].hash:
            return _one(
                Fault.SEAL_ALTERED, number, "the entries after it were sealed over what it says; its hash was not"
            )
        return _one(Fault.ALTERED, number, "it does not say what was sealed")

    def _elsewhere(self, entries: list[Written], links: list[Link]) -> Finding | None:
        """Where the entry at hand was recorded, or where the one is now that was recorded here."""
        number, here = links[0].sequence, entries[0]
        links = [self._at, *links]
        for ahead in range(1, len(links) - 1):
            if not self._fits(here, links, ahead, entries):
                continue
            if len(entries) == 1 or self._fits(entries[1], links, ahead + 1, entries):
                return _span(Fault.REMOVED, number, number + ahead - 1, "what was recorded after it has its number now")
            return _one(Fault.REORDERED, number, f"in its place stands what was recorded as entry {number + ahead}")
        for ahead in range(1, len(entries)):
            if not self._fits(entries[ahead], links, 0, entries):
                continue
            if len(entries) == ahead + 1 or self._fits(entries[ahead + 1], links, 1, entries):
                detail = f"what was recorded there is entry {number + ahead} now"
                return _span(Fault.INSERTED, number, number + ahead - 1, detail)
            return _one(Fault.REORDERED, number, f"it stands at entry {number + ahead} now")
        return None

    def _fits(self, entry: Written, links: list[Link], ahead: int, entries: list[Written]) -> bool:
        """Whether ``entry`` was sealed as the link so many places on, with its own time or that of what is there."""
        if ahead + 1 >= len(links):
            return False
        times = {each.columns["recorded_at"] for each in (entry, *entries[ahead : ahead + 1])}
        sequence, link = links[ahead + 1].sequence, links[ahead + 1]
        moved = (_Moved({**entry.columns, "sequence": sequence, "recorded_at": at}) for at in times)
        return any(sealed(links[ahead].hash, self._read(each)) == link.hash for each in moved)

    def _read(self, entry: Written) -> bytes:
        try:
            return self._content(entry)
        except (ValueError, TypeError):
            return b""  # nobody could have written that: it fits no hash

    def _tail(self, least: int, most: Callable[[], int]) -> Whole | Finding:
        """What is not sealed yet: numbers alone tell of it."""
        expected = self._at.sequence + 1
        while (entry := self._entries.peek()) is not None:
            if entry.sequence < expected:
                return _one(Fault.INSERTED, entry.sequence, "a second entry of this number")
            if entry.sequence > expected:
                return _span(
                    Fault.REMOVED, expected, entry.sequence - 1, "its number is missing; it was not sealed yet"
                )
            self._entries.take()
            expected += 1
        if expected <= least:
            return _span(Fault.REMOVED, expected, least, "its number was handed out; it was not sealed yet")
        if expected - 1 > (handed_out := most()):
            first = max(handed_out, self._at.sequence) + 1
            return _span(Fault.INSERTED, first, expected - 1, f"the last number that was handed out is {handed_out}")
        return Whole(self._at, expected - 1 - self._at.sequence)


@dataclass(frozen=True, slots=True)
class _Moved:
    columns: Mapping[str, Any]

    @property
    def sequence(self) -> int:
        number: int = self.columns["sequence"]
        return number


class _Ahead:
    """Things one after the other, with a look at those to come."""

    def __init__(self, source: Iterator[Any]) -> None:
        self._source = source
        self._seen: list[Any] = []
        self._fault: SealFault | None = None

    def peek(self) -> Any:
        self._fill(1)
        if not self._seen and self._fault is not None:
            raise self._fault
        return self._seen[0] if self._seen else None

    def take(self) -> None:
        self._seen.pop(0)

    def window(self, most: int) -> list[Any]:
        self._fill(most)
        return list(self._seen)

    def _fill(self, many: int) -> None:
        """A fault of the seals counts when they are come to, not when they are looked ahead to."""
        try:
            self._seen.extend(islice(self._source, max(0, many - len(self._seen))))
        except SealFault as fault:
            self._fault = fault


def _links(after: int, batches: Iterable[Hashes]) -> Iterator[Link]:
    """The hashes, each with the number of its entry. Raises `SealFault`."""
    expected = after + 1
    for batch in batches:
        if batch.first > expected:
            raise SealFault(_span(Fault.SEAL_REMOVED, expected, batch.first - 1, "its seal is gone"))
        if batch.first < expected or len(batch.hashes) != HASH_BYTES * (batch.last - batch.first + 1):
            raise SealFault(_span(Fault.SEAL_ALTERED, batch.first, batch.last, "its seal is not what a sealer writes"))
        for number in range(batch.first, batch.last + 1):
            at = HASH_BYTES * (number - batch.first)
            yield Link(number, batch.hashes[at : at + HASH_BYTES])
        expected = batch.last + 1


def _one(fault: Fault, sequence: int, detail: str) -> Finding:
    return _span(fault, sequence, sequence, detail)


def _span(fault: Fault, first: int, last: int, detail: str) -> Finding:
    return Finding(fault, first, last, detail)
