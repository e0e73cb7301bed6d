"""Trust a cluster's own identity: tokens of an issuer's keys are its agent's from now on. Or do so no longer."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.errors import RequestRefused
from app.domain.journal import Action, Entry
from app.domain.trust import KeptTrust, PublicKey, Trust, trust_id_of_cluster
from app.ledger import leases, trusts
from app.ledger.connection import Connection
from app.ledger.leases import LeaseSubject


@dataclass(frozen=True, slots=True)
class GivenTrust:
    """A trust as an operator states it. ``keys`` is empty where a worker reads them."""

    trust: Trust
    keys: tuple[PublicKey, ...] = ()


def trust_cluster(
    connection: Connection, account_id: str, cluster_id: str, given: GivenTrust | None
) -> Sequence[Entry]:
    """Keep the trust, within the transaction that registers the cluster; what history says of it.

    Raises `RequestRefused` (409) for a key that another is trusted by: the cluster is found by the key.
    """
    before = trusts.of_clusters(connection, [cluster_id]).get(cluster_id)
    trust_id = trust_id_of_cluster(cluster_id)
    if given is None:
        taken = trusts.remove(connection, trust_id)
        return [Entry(Action.TRUST_TAKEN_BACK, account_id=account_id, cluster_id=cluster_id)] if taken else []
    trusts.put(connection, account_id, cluster_id, trust_id, given.trust)
    if given.trust.jwks_uri is not None:
        leases.offer(connection, account_id, LeaseSubject.KEYS, trust_id)
    elif trusts.put_keys(connection, account_id, trust_id, given.keys, None) is None:
        raise RequestRefused(409, "key-registered-elsewhere", "a key of this set is trusted for another already")
    if before is not None and _same(before, given):
        return []
    entry = Entry(Action.TRUST_GIVEN, account_id=account_id, cluster_id=cluster_id, detail=_detail(given))
    return [entry]


def _same(before: KeptTrust, given: GivenTrust) -> bool:
    keys = {key.thumbprint for key in before.keys}
    return before.trust == given.trust and (not given.keys or keys == {key.thumbprint for key in given.keys})


def _detail(given: GivenTrust) -> str:
    trust = given.trust
    where = trust.jwks_uri or f"{len(given.keys)} keys: {', '.join(sorted(key.name for key in given.keys))}"
    return f"issuer {trust.issuer}, audience {trust.audience}, subjects {', '.join(trust.subjects)}, {where}"
