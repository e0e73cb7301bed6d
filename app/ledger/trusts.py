"""Whom clusters' and people's tokens are believed by, and the public keys that are theirs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, null, or_, select, true, update
from sqlalchemy.dialects.postgresql import insert

from app.domain.trust import KeptTrust, PublicKey, Trust, trust_id_of_cluster
from app.ledger.tables import trusted_keys as keys_table
from app.ledger.tables import trusts as table

NO_ACCOUNT: Final = ""
"""Where the account stands for those that have none: people's issuers."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the keys of a trust are read. ``cluster_id`` None: people's. ``error`` is that of the last time, if any."""

    trust_id: str
    account_id: str
    cluster_id: str | None
    jwks_uri: str | None
    error: str | None


@dataclass(frozen=True, slots=True)
class KeyChange:
    """What became of a trust's keys: the names of those that came and of those that left, and how many there were."""

    came: tuple[str, ...]
    left: tuple[str, ...]
    before: int

    @property
    def replaced_all(self) -> bool:
        """Whether none of the keys of before is among the new ones."""
        return bool(self.came) and 0 < self.before == len(self.left)


_LASTS: Final = or_(keys_table.c.ends_at.is_(None), keys_table.c.ends_at > func.now())


def put(connection: Connection, account_id: str, cluster_id: str | None, trust_id: str, trust: Trust) -> None:
    """Keep a trust; where its keys are to be read from somewhere, that is due at once.

    Keys of another place than before are no longer believed: an operator said so.
    """
    values: dict[str, Any] = {
        "issuer": trust.issuer,
        "audience": trust.audience,
        "subjects": list(trust.subjects),
        "jwks_uri": trust.jwks_uri,
        "due_at": func.now() if trust.jwks_uri is not None else None,
    }
    before = connection.execute(select(table.c.jwks_uri).where(table.c.trust_id == trust_id).with_for_update()).first()
    if before is not None and before.jwks_uri != trust.jwks_uri:
        values |= {"read_at": None, "error": None, "failing_since": None}
        connection.execute(delete(keys_table).where(keys_table.c.trust_id == trust_id))
    added = insert(table).values(account_id=account_id, trust_id=trust_id, cluster_id=cluster_id, **values)
    connection.execute(added.on_conflict_do_update(constraint="trusts_pkey", set_=values))


def remove(connection: Connection, trust_id: str) -> bool:
    """Believe nobody by this trust any more; whether there was one."""
    connection.execute(delete(keys_table).where(keys_table.c.trust_id == trust_id))
    return connection.execute(delete(table).where(table.c.trust_id == trust_id)).rowcount > 0


def put_keys(
    connection: Connection, account_id: str, trust_id: str, keys: Sequence[PublicKey], grace: timedelta | None
) -> KeyChange | None:
    """These are the keys of a trust now; None: one of them is another's, and nothing is to be kept of this.

    Those that are no longer among them are believed for ``grace`` more, None: no longer. Why is this safe? The index of
    thumbprints decides whose a key is: a second one waits for the first to commit, and then finds it taken.
    """
    mine = keys_table.c.trust_id == trust_id
    current = select(keys_table).where(mine, keys_table.c.ends_at.is_(None))
    before = {row.thumbprint: _key(row) for row in connection.execute(current)}
    given = {key.thumbprint: key for key in keys}
    for thumbprint in sorted(given):  # in one order, or two that give the same keys would wait for each other
        if not _put_key(connection, account_id, trust_id, given[thumbprint]):
            return None
    gone = and_(mine, keys_table.c.thumbprint.not_in(list(given)))
    if grace is None:
        connection.execute(delete(keys_table).where(gone))
    else:
        connection.execute(delete(keys_table).where(gone, keys_table.c.ends_at <= func.now()))
        ends = func.now() + grace
        connection.execute(update(keys_table).where(gone, keys_table.c.ends_at.is_(None)).values(ends_at=ends))
    return KeyChange(_names(given, before), _names(before, given), len(before))


def lock(connection: Connection, trust_id: str) -> Source | None:
    """Where the keys of a trust are read, if there is such a trust; locked until the end of the transaction."""
    row = connection.execute(select(table).where(table.c.trust_id == trust_id).with_for_update()).one_or_none()
    if row is None:
        return None
    return Source(row.trust_id, row.account_id, row.cluster_id, row.jwks_uri, row.error)


def read_again(connection: Connection, trust_id: str, error: str | None, again_after: timedelta) -> None:
    """The keys were read, or not (``error``), and are to be read again after a while."""
    failing: ColumnElement[Any] = func.coalesce(table.c.failing_since, func.clock_timestamp()) if error else null()
    values = {"due_at": func.now() + again_after, "error": error, "failing_since": failing}
    if error is None:
        values["read_at"] = func.now()
    connection.execute(update(table).where(table.c.trust_id == trust_id).values(values))


def of_clusters(connection: Connection, cluster_ids: Collection[str]) -> dict[str, KeptTrust]:
    """The trusts of these clusters, where they have one."""
    trust_ids = [trust_id_of_cluster(each) for each in cluster_ids]
    return {row.cluster_id: kept for row, kept in _found(connection, table.c.trust_id.in_(trust_ids))}


def everything(connection: Connection) -> dict[str, tuple[str | None, KeptTrust]]:
    """All trusts by their ids, each with its cluster, None for people's."""
    return {row.trust_id: (row.cluster_id, kept) for row, kept in _found(connection, true())}


def ids_of_people(connection: Connection) -> set[str]:
    """The ids of the trusts in people's issuers."""
    return set(connection.execute(select(table.c.trust_id).where(table.c.cluster_id.is_(None))).scalars())


def _found(connection: Connection, which: ColumnElement[bool]) -> list[tuple[Row[Any], KeptTrust]]:
    """In one statement, so that no trust is read with the keys of another moment."""
    joined = table.outerjoin(keys_table, and_(keys_table.c.trust_id == table.c.trust_id, _LASTS))
    columns = (*table.c, keys_table.c.thumbprint, keys_table.c.jwk, keys_table.c.algorithms)
    statement = select(*columns).select_from(joined).where(which).order_by(table.c.trust_id, keys_table.c.thumbprint)
    found = [list(rows) for _, rows in groupby(connection.execute(statement), attrgetter("trust_id"))]
    return [(rows[0], _kept(rows[0], [_key(row) for row in rows if row.thumbprint is not None])) for rows in found]


def _kept(row: Row[Any], keys: Sequence[PublicKey]) -> KeptTrust:
    trust = Trust(row.issuer, row.audience, tuple(row.subjects), row.jwks_uri)
    return KeptTrust(trust, tuple(keys), row.read_at, row.error, row.failing_since)


def _key(row: Row[Any]) -> PublicKey:
    return PublicKey(row.thumbprint, row.jwk.get("kid"), tuple(row.algorithms), row.jwk)


def _names(these: Mapping[str, PublicKey], without: Mapping[str, PublicKey]) -> tuple[str, ...]:
    return tuple(sorted(these[thumbprint].name for thumbprint in these.keys() - without.keys()))


def _put_key(connection: Connection, account_id: str, trust_id: str, key: PublicKey) -> bool:
    owner = {"account_id": account_id, "trust_id": trust_id}
    values = {**owner, "jwk": dict(key.jwk), "algorithms": list(key.algorithms), "ends_at": None}
    added = insert(keys_table).values(thumbprint=key.thumbprint, **values)
    free = or_(keys_table.c.trust_id == trust_id, keys_table.c.ends_at <= func.now())
    kept = added.on_conflict_do_update(constraint="trusted_keys_belong_to_one", set_=values, where=free)
    return connection.execute(kept.returning(keys_table.c.thumbprint)).first() is not None
