"""How much of history waits for its seal."""

from typing import Final

from sqlalchemy import func, select

from app.ledger.tables import journal_boundaries, journal_numbers, seals

_LAST_SEAL = (
    select(seals.c.last_sequence)
    .where(seals.c.account_id == journal_numbers.c.account_id)
    .order_by(seals.c.first_sequence.desc())
    .limit(1)
    .correlate(journal_numbers)
    .scalar_subquery()
)
_BOUNDARY = (
    select(func.max(journal_boundaries.c.sequence))
    .where(journal_boundaries.c.account_id == journal_numbers.c.account_id)
    .correlate(journal_numbers)
    .scalar_subquery()
)

SEALED_TO: Final = func.coalesce(_LAST_SEAL, _BOUNDARY, 0)
"""The last sealed entry of an account in `journal_numbers`; 0 when none is."""
