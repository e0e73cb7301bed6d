"""Bearer tokens that were issued. Only their hashes are kept."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, func, insert, or_, select, update

from app.ledger.tables import tokens as table


@dataclass(frozen=True, slots=True)
class KeptToken:
    """A token that is neither revoked nor expired."""

    token_id: str
    secret_hash: str
    role: str
    name: str | None
    cluster_id: str | None


def add(connection: Connection, token: KeptToken, expires_at: datetime | None) -> None:
    """Keep a new token's hash."""
    connection.execute(
        insert(table).values(
            token_id=token.token_id,
            secret_hash=token.secret_hash,
            role=token.role,
            name=token.name,
            cluster_id=token.cluster_id,
            expires_at=expires_at,
        )
    )


def find_valid(connection: Connection, token_id: str) -> KeptToken | None:
    """The token of that id unless it is revoked or, by the database's clock, expired."""
    valid = and_(
        table.c.token_id == token_id,
        table.c.revoked_at.is_(None),
        or_(table.c.expires_at.is_(None), table.c.expires_at > func.now()),
    )
    row = connection.execute(select(table).where(valid)).one_or_none()
    if row is None:
        return None
    return KeptToken(row.token_id, row.secret_hash, row.role, row.name, row.cluster_id)


def end_older(connection: Connection, cluster_id: str, newest: int, grace: timedelta) -> list[str]:
    """Let a cluster's tokens beyond the ``newest`` end after ``grace``, if not before; the ids of those that will."""
    mine = and_(table.c.cluster_id == cluster_id, table.c.revoked_at.is_(None))
    kept = select(table.c.token_id).where(mine).order_by(table.c.created_at.desc(), table.c.token_id.desc())
    ends = func.now() + grace
    lasting = or_(table.c.expires_at.is_(None), table.c.expires_at > ends)
    older = and_(mine, table.c.token_id.not_in(kept.limit(newest)), lasting)
    ended = update(table).where(older).values(expires_at=ends).returning(table.c.token_id)
    return sorted(connection.execute(ended).scalars())


def revoke(connection: Connection, token_id: str) -> bool:
    """Revoke; whether there was such a token that was not revoked yet."""
    found = connection.execute(
        update(table).where(table.c.token_id == token_id, table.c.revoked_at.is_(None)).values(revoked_at=func.now())
    )
    return found.rowcount == 1
