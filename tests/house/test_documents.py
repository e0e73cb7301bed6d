"""What the documents name is there: a page that leads nowhere is worse than none."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("helm/*/README.md"), *ROOT.glob("tests/**/*.md")]
)
PATH = re.compile(r"`((?:app|benchmarks|docs|examples|helm|migrations|requirements|tests)/[\w./*-]+)`")


def _named(document: Path) -> set[str]:
    return set(PATH.findall(document.read_text(encoding="utf-8")))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_path_that_a_document_names_is_there(document: Path) -> None:
    missing = {name for name in _named(document) if not list(ROOT.glob(name.rstrip("/")))}
    assert missing == set()


def test_paths_are_found_in_documents() -> None:
    assert {"app/planning/reception.py", "docs/ownership.md"} <= _named(ROOT / "README.md")
