"""The keys that tokens are checked with, in this process's memory: all clusters' and people's, seconds old at the most.

They are read from the ledger in the background and never for a request, so that no token, however strange, costs a
query or a fetch. While the ledger does not answer the last ones stay. Nobody is believed by a key that is said to be
two's.
"""

import os
import threading
import weakref
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import structlog

from app.broker import look_up
from app.domain.errors import LedgerUnavailable
from app.domain.trust import Believed, KeptTrust, PeopleIssuer, PublicKey, trust_id_of_people
from app.identity.key_ring import KeyRing, make_ring
from app.ledger.connection import Ledger

log = structlog.get_logger(__name__)

RELOAD_SECONDS: Final = 3.0
"""How long a trust that another process took back is still believed here."""

FIRST_SECONDS: Final = 5.0
"""How long a process that has just begun lets the first tokens wait for the keys."""


class TrustedKeys:
    """The ring of keys, kept up to date by a thread of its own that begins when the first token comes."""

    def __init__(self, people: Sequence[PeopleIssuer] = (), seconds: float = RELOAD_SECONDS) -> None:
        self._people = people
        self._seconds = seconds
        self._lock = threading.Lock()
        self._known: object = None
        self._ring = KeyRing()
        self._loaded = threading.Event()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._process = 0

    def ring(self, ledger: Ledger) -> KeyRing:
        """The keys as last read. Raises `LedgerUnavailable` when they could never be read yet."""
        self.start(ledger)
        if not self._loaded.wait(FIRST_SECONDS):
            raise LedgerUnavailable("the trusted keys are not read yet")
        return self._ring

    def start(self, ledger: Ledger) -> None:
        """Begin to read, unless that goes on already in this very process: threads do not survive a fork."""
        if self._process == os.getpid():
            return
        with self._lock:
            if self._process != os.getpid():
                self._process = os.getpid()
                given = (weakref.ref(self), ledger, self._stopped, self._seconds)
                self._thread = threading.Thread(target=_keep_reading, args=given, name="trusted-keys", daemon=True)
                self._thread.start()

    def reload(self, ledger: Ledger) -> None:
        """Read the keys now. Raises `LedgerUnavailable`; the ones known stay then."""
        with self._lock:
            found = look_up.all_trusts(ledger)
            if found != self._known:
                self._ring = make_ring(_believed(found, self._people), self._ring)
                self._known = found
                for thumbprint in sorted(self._ring.refused):
                    log.error("a key is said to be two issuers'; nobody is believed by it", thumbprint=thumbprint)
        self._loaded.set()

    def reload_soon(self, ledger: Ledger) -> None:
        """Read the keys now, where any are in use here; if the ledger does not answer, the thread does it later."""
        if self._loaded.is_set():
            try:
                self.reload(ledger)
            except LedgerUnavailable as error:
                log.warning("trusted keys not read, the known ones stay", error=str(error))

    def close(self) -> None:
        """End the thread."""
        self._stopped.set()
        if self._thread is not None and self._process == os.getpid():
            self._thread.join()


def _keep_reading(keys: "weakref.ref[TrustedKeys]", ledger: Ledger, stopped: threading.Event, seconds: float) -> None:
    """Until stopped, or nobody has the keys any more."""
    while not stopped.is_set():
        kept = keys()
        if kept is None:
            return
        try:
            kept.reload(ledger)
        except LedgerUnavailable as error:
            log.warning("trusted keys not read, the known ones stay", error=str(error))
        except Exception:
            log.exception("trusted keys not read, the known ones stay")
        del kept
        stopped.wait(seconds)


def _believed(found: Mapping[str, tuple[str | None, KeptTrust]], people: Sequence[PeopleIssuer]) -> Iterable[Believed]:
    for cluster_id, kept in found.values():
        if cluster_id is not None:
            trust = kept.trust
            yield Believed(trust.issuer, trust.audience, kept.keys, cluster_id, frozenset(trust.subjects))
    for each in people:
        yield Believed(each.issuer, each.audience, each.keys or _read_for(each, found), people=each)


def _read_for(issuer: PeopleIssuer, found: Mapping[str, tuple[str | None, KeptTrust]]) -> tuple[PublicKey, ...]:
    """The keys that workers read for it; none when they read those of another place than these settings name."""
    kept = found.get(trust_id_of_people(issuer.name))
    return kept[1].keys if kept is not None and kept[1].trust.jwks_uri == issuer.jwks_uri else ()
