"""Read the keys that an issuer publishes, and keep them. While it is away, those that are known are still believed."""

from typing import Final

import structlog

from app.broker.record_keys import KeyOfAnother, end_lease, find_source, record_keys, record_unread_keys
from app.domain.trust import PublicKey
from app.identity.key_set import read_key_set
from app.identity.refusal import KeySetRefused
from app.ledger.leases import Lease
from app.ledger.trusts import Source
from app.metrics import count_key_set
from app.planning.pacing import pause_after
from app.worker.fetch_key_set import NotFetched, fetch_key_set
from app.worker.workshop import Workshop

log = structlog.get_logger(__name__)

FAILURES: Final = 5
"""The pause after a failure is that after so many: about eight seconds. An issuer that restarts is back by then."""


def refresh_keys(workshop: Workshop, lease: Lease) -> None:
    """Read one trust's keys. Raises `LeaseLost`, `LedgerUnavailable`."""
    source = find_source(workshop.ledger, lease)
    if source is None:
        end_lease(workshop.ledger, lease)
        return
    try:
        _keep(workshop, lease, source, _read(workshop, source))
    except NotFetched as error:
        _note(workshop, lease, source, "unread", str(error))
    except KeySetRefused as error:
        _note(workshop, lease, source, "refused", str(error))
    except KeyOfAnother:
        _note(workshop, lease, source, "refused", "a key of this set is trusted for another already")


def _read(workshop: Workshop, source: Source) -> tuple[PublicKey, ...]:
    return read_key_set(fetch_key_set(source.jwks_uri or "", workshop.keys_ca_file), strict=False)


def _keep(workshop: Workshop, lease: Lease, source: Source, keys: tuple[PublicKey, ...]) -> None:
    change = record_keys(workshop.ledger, lease, source, keys, workshop.periods.keys)
    if change is None:
        return
    if source.error is not None:
        log.info("key set read again", trust_id=source.trust_id)
    outcome = "replaced" if change.replaced_all else "changed" if change.came or change.left else "unchanged"
    count_key_set(outcome)
    if change.replaced_all:
        log.warning("all keys of a key set were replaced", trust_id=source.trust_id, came=change.came, left=change.left)


def _note(workshop: Workshop, lease: Lease, source: Source, outcome: str, error: str) -> None:
    count_key_set(outcome)
    if error != source.error:
        log.warning("key set not read", trust_id=source.trust_id, error=error)
    again_after = min(workshop.periods.keys, pause_after(FAILURES, workshop.jitter()))
    record_unread_keys(workshop.ledger, lease, source, error, again_after)
