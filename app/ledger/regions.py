"""Accounts in their regions: how they are billed, and the addresses of their load balancers."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert

from app.ledger.rows import GIVEN, recordset
from app.ledger.tables import regions as table
from app.ledger.tables import vips
from app.ownership.evidence import Vip


@dataclass(frozen=True, slots=True)
class Region:
    """An account in a region.

    ``account_type`` is STANDARD (bill-by-IP) or LEGACY, ``target_quota`` the most targets of one listener or rule; None
    until they were read.
    """

    account_type: str | None
    read_at: datetime | None
    vips_read_at: datetime | None = None
    target_quota: int | None = None


_QUOTA = select(table.c.target_quota).where(
    table.c.account_id == bindparam("of_account"), table.c.region == bindparam("of_region")
)


def offer(connection: Connection, account_id: str, region: str) -> None:
    """Make a region known, so that workers read it."""
    statement = insert(table).values(account_id=account_id, region=region)
    connection.execute(statement.on_conflict_do_nothing(constraint="regions_pkey"))


def find(connection: Connection, account_id: str, region: str) -> Region:
    """The region as last read."""
    row = connection.execute(select(table).where(_is(account_id, region))).one_or_none()
    return (
        Region(None, None) if row is None else Region(row.account_type, row.read_at, row.vips_read_at, row.target_quota)
    )


def target_quota(connection: Connection, account_id: str, region: str) -> int | None:
    """The most targets of one listener or rule there; None: not known."""
    quota: int | None = connection.execute(_QUOTA, {"of_account": account_id, "of_region": region}).scalar_one_or_none()
    return quota


def record_account_type(
    connection: Connection, account_id: str, region: str, account_type: str, read_at: datetime
) -> None:
    """How the account is billed."""
    values = {"account_type": account_type, "read_at": read_at}
    connection.execute(update(table).where(_is(account_id, region)).values(values))


def record_target_quota(connection: Connection, account_id: str, region: str, quota: int) -> bool:
    """The most targets that one listener or rule may have; whether that is another number than before."""
    another = table.c.target_quota.is_distinct_from(quota)
    changed = update(table).where(_is(account_id, region), another).values(target_quota=quota)
    return connection.execute(changed).rowcount > 0


def read_again(connection: Connection, account_id: str, region: str, after: timedelta, error: str | None) -> None:
    """When the region is due to be read again, and why it could not be read now."""
    values: dict[str, Any] = {"due_at": func.now() + after, "error": error}
    connection.execute(update(table).where(_is(account_id, region)).values(values))


def replace_vips(
    connection: Connection, account_id: str, region: str, found: Mapping[str, Sequence[Vip]], read_at: datetime
) -> None:
    """The load balancers of the region had these addresses then. Rows that stay as they are are not written."""
    _lock(connection, account_id, region)
    connection.execute(update(table).where(_is(account_id, region)).values(vips_read_at=read_at))
    mine = and_(vips.c.account_id == account_id, vips.c.region == region)
    before = {(row.ip, row.load_balancer_id, row.vpc_id) for row in connection.execute(select(vips).where(mine))}
    now = {(ip, each.load_balancer_id, each.vpc_id) for ip, holders in found.items() for each in holders}
    for ip, load_balancer_id, _ in sorted(before - now):
        gone = and_(mine, vips.c.ip == ip, vips.c.load_balancer_id == load_balancer_id)
        connection.execute(vips.delete().where(gone))
    _add(connection, account_id, region, now - before)


def add_vips(
    connection: Connection, account_id: str, region: str, load_balancer_id: str, vpc_id: str, ips: Collection[str]
) -> None:
    """A load balancer has these addresses; those that it no longer has go when the region is read."""
    mine = and_(vips.c.account_id == account_id, vips.c.load_balancer_id == load_balancer_id)
    known = {(row.ip, row.vpc_id) for row in connection.execute(select(vips).where(mine))}
    if any((ip, vpc_id) not in known for ip in ips):
        _lock(connection, account_id, region)
        connection.execute(vips.delete().where(mine))
        _add(connection, account_id, region, {(ip, load_balancer_id, vpc_id) for ip in ips})


def vips_at(connection: Connection, ips: Collection[str]) -> dict[str, tuple[Vip, ...]]:
    """The load balancers, of any account, that have these addresses."""
    found: dict[str, tuple[Vip, ...]] = {}
    for row in connection.execute(select(vips).where(vips.c.ip.in_(ips)).order_by(vips.c.load_balancer_id)):
        found[row.ip] = (*found.get(row.ip, ()), Vip(row.load_balancer_id, row.vpc_id))
    return found


def _add(connection: Connection, account_id: str, region: str, rows: Collection[tuple[str, str, str]]) -> None:
    names = ("ip", "load_balancer_id", "vpc_id")
    whole = [{"account_id": account_id, "region": region, **dict(zip(names, row, strict=True))} for row in sorted(rows)]
    if whole:
        # Another worker may read the same load balancer at this moment, and both are right.
        statement = insert(vips).from_select(list(whole[0]), select(*recordset(vips, *whole[0]).c))
        connection.execute(statement.on_conflict_do_nothing(constraint="vips_pkey"), {GIVEN: whole})


def _lock(connection: Connection, account_id: str, region: str) -> None:
    """Whoever changes the addresses of a region holds its row, or two that change the same ones wait for each other."""
    connection.execute(select(table.c.region).where(_is(account_id, region)).with_for_update(key_share=True))


def _is(account_id: str, region: str) -> Any:
    return and_(table.c.account_id == account_id, table.c.region == region)
