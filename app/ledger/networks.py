"""Cloud Connect Networks and security groups as last read, shared by all workers."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, select
from sqlalchemy.dialects.postgresql import insert

from app.ledger.rows import fields_of
from app.ledger.tables import ccns, security_groups, vpcs
from app.ownership.evidence import Attachment, Ccn, Policy
from app.ownership.routes import Route, RouteTable


@dataclass(frozen=True, slots=True)
class KeptNetwork:
    """The networks that a VPC is attached to: when the oldest part was read, and in how many calls."""

    ccns: tuple[Ccn, ...]
    read_at: datetime
    calls: int


def find(connection: Connection, account_id: str, vpc_id: str) -> KeptNetwork | None:
    """The networks of a VPC as last read; None when one of them was not."""
    statement = select(vpcs).where(vpcs.c.account_id == account_id, vpcs.c.vpc_id == vpc_id)
    row = connection.execute(statement).one_or_none()
    if row is None:
        return None
    of_vpc = select(ccns).where(ccns.c.account_id == account_id, ccns.c.ccn_id.in_(row.ccn_ids))
    found = connection.execute(of_vpc.order_by(ccns.c.ccn_id)).all()
    if len(found) < len(set(row.ccn_ids)):
        return None
    read_at = min([row.read_at, *(each.read_at for each in found)])
    return KeptNetwork(tuple(map(_ccn, found)), read_at, 1 + sum(each.pages for each in found))


def keep(
    connection: Connection, account_id: str, vpc_id: str, found: Mapping[str, tuple[Ccn, int]], read_at: datetime
) -> list[str]:
    """Keep what was read of a VPC's networks, with the number of calls it took; the ids of those that changed.

    A network that the VPC has joined or left has changed too. What was read later, by another worker, stays.
    """
    vpc = select(vpcs).where(vpcs.c.account_id == account_id, vpcs.c.vpc_id == vpc_id, vpcs.c.read_at <= read_at)
    last = connection.execute(vpc).one_or_none()
    moved = set() if last is None else set(last.ccn_ids) ^ set(found)
    _put(connection, vpcs, {"account_id": account_id, "vpc_id": vpc_id}, {"ccn_ids": sorted(found), "read_at": read_at})
    before = select(ccns).where(ccns.c.account_id == account_id, ccns.c.ccn_id.in_(found))
    known = {row.ccn_id: _ccn(row) for row in connection.execute(before) if row.read_at <= read_at}
    for ccn_id, (ccn, calls) in sorted(found.items()):
        values: dict[str, Any] = {"pages": calls, "read_at": read_at}
        values["attachments"] = [fields_of(each) for each in ccn.attachments]
        values["routes"] = [
            [each.destination, each.instance_type, each.instance_id, each.enabled] for each in ccn.routes.routes
        ]
        _put(connection, ccns, {"account_id": account_id, "ccn_id": ccn_id}, values)
    changed = {ccn_id for ccn_id, (ccn, _) in found.items() if ccn_id in known and not _same(known[ccn_id], ccn)}
    return sorted(moved | changed)


def policies(
    connection: Connection, account_id: str, group_ids: Collection[str]
) -> dict[str, tuple[tuple[Policy, ...], datetime]]:
    """Security groups as last read, with the time of that."""
    statement = select(security_groups).where(
        security_groups.c.account_id == account_id, security_groups.c.security_group_id.in_(group_ids)
    )
    return {
        row.security_group_id: (tuple(Policy(**each) for each in row.policies), row.read_at)
        for row in connection.execute(statement)
    }


def keep_policies(
    connection: Connection, account_id: str, found: Mapping[str, Sequence[Policy]], read_at: datetime
) -> None:
    """Keep the rules of security groups."""
    for group_id, rules in sorted(found.items()):
        key = {"account_id": account_id, "security_group_id": group_id}
        _put(connection, security_groups, key, {"policies": [fields_of(each) for each in rules], "read_at": read_at})


def _put(connection: Connection, table: Table, key: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    statement = insert(table).values(**key, **values)
    newer = {name: statement.excluded[name] for name in values}
    connection.execute(
        statement.on_conflict_do_update(
            constraint=table.primary_key, set_=newer, where=table.c.read_at <= statement.excluded.read_at
        )
    )


def _ccn(row: Any) -> Ccn:
    attachments = tuple(
        Attachment(each["ccn_id"], each["vpc_id"], each["state"], tuple(each["cidrs"])) for each in row.attachments
    )
    return Ccn(row.ccn_id, attachments, RouteTable(Route(row.ccn_id, *each) for each in row.routes))


def _same(one: Ccn, other: Ccn) -> bool:
    return frozenset(one.attachments) == frozenset(other.attachments) and one.routes == other.routes
