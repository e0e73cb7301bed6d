"""The rules of the house that a reader relies on."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.agent.deciding.problems import Reason

HOUSE = Path(__file__).parents[2]
MODULES = sorted(path for folder in ("app", "migrations", "benchmarks") for path in (HOUSE / folder).rglob("*.py"))
LONGEST_MODULE = 300
LONGEST_FUNCTION = 45
EMPTY_WORDS = {"manager", "helper", "helpers", "util", "utils", "common", "handler", "data", "info", "process", "misc"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def _name(path: Path) -> str:
    return str(path.relative_to(HOUSE))


def _functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, Function):
            yield node


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_a_module_is_short_and_says_what_it_is(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= LONGEST_MODULE
    assert ast.get_docstring(ast.parse(text)) is not None


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_functions_are_short_and_the_public_ones_say_what_they_mean(path: Path) -> None:
    if "versions" in path.parts:
        return
    tree = ast.parse(path.read_text())
    lengths = {node.name: (node.end_lineno or 0) - node.lineno + 1 for node in _functions(path)}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION} == {}
    public = [node for node in tree.body if isinstance(node, (*Function.__args__, ast.ClassDef))]
    silent = [node.name for node in public if not node.name.startswith("_") and not ast.get_docstring(node)]
    assert silent == []


def test_no_name_of_a_module_is_an_empty_word() -> None:
    parts = {part for path in MODULES for part in path.relative_to(HOUSE).with_suffix("").parts}
    assert {part for part in parts if EMPTY_WORDS & set(part.split("_"))} == set()


def test_every_requirement_is_pinned_with_a_hash() -> None:
    for name in ("runtime.txt", "development.txt"):
        text = (HOUSE / "requirements" / name).read_text()
        pinned = re.findall(r"^[a-z0-9_.\-\[\]]+==\S+(?: ; .*)? \\\n    --hash=sha256:", text, re.MULTILINE)
        named = re.findall(r"^[a-zA-Z]", text, re.MULTILINE)
        assert len(pinned) == len(named) > 20


def test_the_readme_names_both_commands_and_every_example() -> None:
    readme = (HOUSE / "README.md").read_text()
    examples = [f"examples/{path.name}" for path in (HOUSE / "examples").iterdir()]
    assert len(examples) > 4
    assert [word for word in ("make demo", "make test", *examples) if word not in readme] == []


def test_every_setting_is_in_the_operators_table() -> None:
    operations = (HOUSE / "docs" / "operations.md").read_text()
    files = (HOUSE / "app" / "settings.py", HOUSE / "app" / "agent" / "settings.py")
    settings = "".join(path.read_text() for path in files)
    names = set(re.findall(r'reader\.(?:text|number|secret|names|needed)\("([A-Z_]+)"', settings))
    assert len(names) > 10
    assert {name for name in names if f"CLB_BROKER_{name}" not in operations} == set()


def test_every_code_is_in_the_glossary_of_codes() -> None:
    from app.domain.codes import Code

    codes = (HOUSE / "docs" / "codes.md").read_text()
    assert {code.value for code in Code if f"`{code.value}`" not in codes} == set()


def test_every_ownership_check_is_in_the_table_for_people_with_its_codes() -> None:
    from app.ownership.checks import CHECKS

    text = (HOUSE / "docs" / "ownership.md").read_text()
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| [^|]+ \| ([^|]+) \|.*\|$", text, re.MULTILINE))
    assert list(rows) == [check.name for check in CHECKS]
    assert {name: re.findall(r"`([a-z-]+)`", codes) for name, codes in rows.items()} == {
        check.name: [code.value for code in check.codes] for check in CHECKS
    }


def test_every_reason_of_an_event_is_in_the_agents_page() -> None:
    page = (HOUSE / "docs/agent.md").read_text(encoding="utf-8")
    assert [reason for reason in Reason if f"`{reason}`" not in page] == []
