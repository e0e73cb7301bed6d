"""Events received, each with its first answer: a repeat gets that one again, word for word."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, Text, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY

from app.domain.codes import Code
from app.domain.event import Outcome, Result
from app.ledger.rows import insert_rows
from app.ledger.tables import events as table
from app.planning.known import Answer

# One statement however many ids there are: one parameter for each would be made and prepared anew for each batch.
_OF_IDS = select(table).where(
    table.c.cluster_id == bindparam("of"), table.c.event_id == any_(bindparam("ids", type_=ARRAY(Text)))
)


def answers(connection: Connection, cluster_id: str, event_ids: Collection[str]) -> dict[str, Answer]:
    """The first answers to those of ``event_ids`` that were received before."""
    return {
        row.event_id: Answer(
            row.digest,
            Result(
                row.event_id, Outcome(row.outcome), row.binding_id, Code(row.code) if row.code else None, row.detail
            ),
        )
        for row in connection.execute(_OF_IDS, {"of": cluster_id, "ids": list(event_ids)})
    }


def add(
    connection: Connection,
    account_id: str,
    cluster_id: str,
    given: Mapping[str, Answer],
    contents: Mapping[str, Any],
) -> None:
    """Keep new events. ``contents`` are the events as sent, for those that could be read."""
    rows = [
        {
            "account_id": account_id,
            "cluster_id": cluster_id,
            "event_id": event_id,
            "digest": answer.digest,
            "outcome": answer.result.outcome,
            "binding_id": answer.result.binding_id,
            "code": answer.result.code,
            "detail": answer.result.detail,
            "content": contents.get(event_id),
        }
        for event_id, answer in given.items()
    ]
    insert_rows(connection, table, rows)
