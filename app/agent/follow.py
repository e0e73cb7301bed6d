"""What becomes of the bindings: the broker's feed of changes, read from its beginning once a term and then followed.

The feed has every binding once, at the place of its last change, and never skips one: read to its end it says how all
of them stand, and what comes after that is told as it happens.
"""

import threading
from collections.abc import Callable, Collection, Sequence
from typing import Final

import structlog

from app.agent.broker_api import BrokerApi
from app.agent.deciding.reports import Report, report_of
from app.agent.errors import CallFailed, CallRefused, CallTemporary, NotLeading
from app.agent.leadership import Leadership
from app.agent.mark import Gates
from app.agent.note import Notes
from app.agent.pauses import Pauses
from app.agent.view import View

log = structlog.get_logger(__name__)

WAIT_SECONDS: Final = 25
"""How long one request waits for a change; the broker's limit is 30 s."""

LOOK_SECONDS: Final = 1.0
BEGIN_SECONDS: Final = 0.02
PAGES_BETWEEN_TIDYING: Final = 100


class Follower:
    """Reads the feed for gates and Events, and tells a new leader what former ones told the broker."""

    def __init__(
        self,
        broker: BrokerApi,
        leadership: Leadership,
        view: View,
        gates: Gates,
        notes: Notes,
        namespaces: Collection[str],
        on_known: Callable[[int, Sequence[Report]], None],
    ) -> None:
        """``on_known`` is told once a term, with its number, of all live bindings in ``namespaces`` (none: all)."""
        self._broker = broker
        self._leadership = leadership
        self._view = view
        self._gates = gates
        self._notes = notes
        self._namespaces = namespaces
        self._on_known = on_known
        self._term = 0
        self._cursor: str | None = None
        self._at_end = False
        self._live: dict[str, Report] = {}
        self._pages = 0
        self._pauses = Pauses()
        self._told: str | None = None

    def run(self, stopped: threading.Event) -> None:
        """Follow until ``stopped``, while this agent leads."""
        while not stopped.is_set():
            leads = self._leadership.wait_until_leading(LOOK_SECONDS)
            if not leads or self._gates.term != self._leadership.term:
                stopped.wait(BEGIN_SECONDS)  # the teller begins each term, when everything was listed
                continue
            pause = self.run_once()
            if pause:
                stopped.wait(pause)

    def run_once(self, wait_seconds: int = WAIT_SECONDS) -> float:
        """Read one page; how many seconds to pause after it."""
        if self._gates.term != self._term:
            self._begin(self._gates.term)
        try:
            page = self._broker.changes(self._cursor, wait_seconds if self._at_end else 0)
        except NotLeading:
            return 0.0
        except CallFailed as error:
            return self._failed(error)
        self._well()
        self._take([report for raw in page.items if (report := report_of(raw)) is not None], at_end=not page.items)
        self._cursor = page.next_cursor
        return 0.0

    def _begin(self, term: int) -> None:
        self._term, self._cursor, self._at_end = term, None, False
        self._live.clear()

    def _take(self, reports: list[Report], *, at_end: bool) -> None:
        beginning = not self._at_end
        if beginning:
            self._collect(reports)
        first_end = beginning and at_end
        # Of pods that are gone and bindings that ended, nothing needs to be kept.
        uids = self._view.pod_uids() if beginning else set()
        kept = [each for each in reports if not beginning or each.live or each.pod_uid in uids]
        news = self._gates.reported(self._term, kept, complete=first_end)
        self._notes.reports(news, all_news=not beginning)
        if first_end:
            self._at_end = True
            self._on_known(self._term, list(self._live.values()))
            self._live.clear()
        self._tidy()

    def _collect(self, reports: list[Report]) -> None:
        for each in reports:
            service = each.service
            ours = service is not None and (not self._namespaces or service.namespace in self._namespaces)
            if each.live and ours:
                self._live[each.binding_id] = each
            else:
                self._live.pop(each.binding_id, None)

    def _tidy(self) -> None:
        self._pages += 1
        if self._at_end and self._pages >= PAGES_BETWEEN_TIDYING:
            self._pages = 0
            uids = self._view.pod_uids()
            self._gates.keep_only(uids)
            self._notes.keep_only(uids, {each.key for each in self._view.services()})

    def _failed(self, error: CallFailed) -> float:
        if isinstance(error, CallRefused) and error.status == 422:
            self._begin(self._term)  # not a cursor of this broker (any more): from the beginning
        if str(error) != self._told:
            self._told = str(error)
            log.warning("changes not read", error=str(error))
        return self._pauses.next(error.retry_after if isinstance(error, CallTemporary) else None)

    def _well(self) -> None:
        self._pauses.reset()
        if self._told is not None:
            self._told = None
            log.info("changes read again")
