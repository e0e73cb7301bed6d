"""Make known whose keys are to be read for people: the issuers of the settings that name a place for them."""

from collections.abc import Sequence

from app.domain.trust import PeopleIssuer, Trust, trust_id_of_people
from app.ledger import leases, trusts
from app.ledger.connection import Ledger
from app.ledger.leases import LeaseSubject


def trust_people(ledger: Ledger, issuers: Sequence[PeopleIssuer]) -> None:
    """Let workers read the keys of ``issuers``, and of no others. Raises `LedgerUnavailable`.

    The worker that started last says which they are, so all are to have the same settings.
    """
    wanted = {trust_id_of_people(each.name): each for each in issuers if each.jwks_uri is not None}
    with ledger.begin() as connection:
        for trust_id in sorted(trusts.ids_of_people(connection) - wanted.keys()):
            trusts.remove(connection, trust_id)
        for trust_id in sorted(wanted):
            each = wanted[trust_id]
            trusts.put(
                connection, trusts.NO_ACCOUNT, None, trust_id, Trust(each.issuer, each.audience, (), each.jwks_uri)
            )
            leases.offer(connection, trusts.NO_ACCOUNT, LeaseSubject.KEYS, trust_id)
