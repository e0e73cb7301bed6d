"""Answers as tables for people, as JSON or CSV for machines."""

import csv
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from typing import Any, Final

import click
from tabulate import tabulate

ROWS_AT_ONCE: Final = 1000
"""A table has one width for so many rows: a longer list is shown in parts, and none is kept whole."""

FORMULA_SIGNS: Final = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a cell that begins so for a formula (OWASP, CSV Injection)."""


class Output(StrEnum):
    """How an answer is shown."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: its title, and the way to its value in an item, dots between the steps."""

    title: str
    path: str

    def of(self, item: Any) -> Any:
        """The value in ``item``; None where a step leads nowhere."""
        for step in self.path.split("."):
            item = item.get(step) if isinstance(item, dict) else None
        return item


def columns(**paths: str) -> tuple[Column, ...]:
    """Columns by title, in this order; ``_`` in a title is a space."""
    return tuple(Column(title.replace("_", " "), path) for title, path in paths.items())


def show_items(items: Iterable[dict[str, Any]], shown: Sequence[Column], output: Output) -> None:
    """Show a list: the columns of each item, or for JSON the items whole, one line each."""
    if output is Output.JSON:
        for item in items:
            click.echo(json.dumps(item, ensure_ascii=False))
    elif output is Output.CSV:
        _write_csv(items, shown)
    else:
        _write_table(items, shown)


def show_item(item: dict[str, Any], output: Output) -> None:
    """Show one thing whole: its fields one below the other, or as JSON or CSV."""
    if output is Output.JSON:
        click.echo(json.dumps(item, ensure_ascii=False, indent=2))
        return
    rows = [{"field": name, "value": value} for name, value in _flat(item, "")]
    show_items(rows, columns(field="field", value="value"), output)


def _flat(value: Any, path: str) -> list[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        return list(
            chain.from_iterable(_flat(each, f"{path}.{name}" if path else name) for name, each in value.items())
        )
    return [(path, value)]


def _write_table(items: Iterable[dict[str, Any]], shown: Sequence[Column]) -> None:
    titles = [column.title.upper() for column in shown]
    rows: list[list[str]] = []
    empty = True
    for item in items:
        rows.append([_printable(_text(column.of(item))) for column in shown])
        empty = False
        if len(rows) == ROWS_AT_ONCE:
            click.echo(tabulate(rows, titles, tablefmt="plain", disable_numparse=True))
            rows = []
    if rows or empty:
        click.echo(tabulate(rows, titles, tablefmt="plain", disable_numparse=True))


def _write_csv(items: Iterable[dict[str, Any]], shown: Sequence[Column]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([column.title for column in shown])
    for item in items:
        writer.writerow([_cell(_text(column.of(item))) for column in shown])


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _printable(text: str) -> str:
    """Without what would move a terminal's cursor: names come from clusters."""
    return "".join(character if character.isprintable() else " " for character in text)


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA_SIGNS) else text
