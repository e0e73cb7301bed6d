"""Tables for people, JSON and CSV for machines; what clusters name moves no cursor and makes no formula."""

import json

import pytest

from app.console.output import ROWS_AT_ONCE, Output, columns, show_item, show_items

SHOWN = columns(name="pod.name", weight="weight", missing="missing")


def test_a_table_has_a_line_for_each_item(capsys: pytest.CaptureFixture[str]) -> None:
    show_items([{"pod": {"name": "web"}, "weight": 0, "missing": False}, {"pod": None}], SHOWN, Output.TABLE)
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["NAME", "WEIGHT", "MISSING"],
        ["web", "0", "no"],
        [],
    ]


def test_a_long_list_is_shown_in_parts(capsys: pytest.CaptureFixture[str]) -> None:
    show_items(({"weight": number} for number in range(ROWS_AT_ONCE + 1)), columns(weight="weight"), Output.TABLE)
    lines = capsys.readouterr().out.split()
    assert lines.count("WEIGHT") == 2
    assert lines[-1] == str(ROWS_AT_ONCE)


def test_json_is_the_item_whole_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    item = {"pod": {"name": "web\n网"}, "other": [1]}
    show_items([item, item], SHOWN, Output.JSON)
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line) for line in lines] == [item, item]


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_a_csv_cell_is_no_formula(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    show_items([{"pod": {"name": name}}], columns(name="pod.name"), Output.CSV)
    assert capsys.readouterr().out.split("\n", 1)[1].lstrip('"').startswith("'")


def test_a_tables_cell_moves_no_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    show_items([{"pod": {"name": "a\x1b[2Jb\nc"}}], columns(name="pod.name"), Output.TABLE)
    assert capsys.readouterr().out.splitlines()[1:] == ["a [2Jb c"]


def test_one_thing_is_shown_field_by_field(capsys: pytest.CaptureFixture[str]) -> None:
    show_item({"a": {"b": 1, "c": {}}, "d": None}, Output.CSV)
    assert capsys.readouterr().out.splitlines() == ["field,value", "a.b,1", "a.c,{}", "d,"]
