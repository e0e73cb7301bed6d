"""Which of the modules that are installed here the image does not have."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Final

PINNED: Final = Path(__file__).resolve().parents[2] / "requirements" / "image.txt"
OWN: Final = "clb-broker"


@cache
def absent_modules() -> tuple[str, ...]:
    """The top-level modules of packages that the image's requirements do not name."""
    return absent(packages_distributions(), pinned(PINNED.read_text(encoding="utf-8")))


def absent(distributions: Mapping[str, Sequence[str]], present: Iterable[str]) -> tuple[str, ...]:
    """The modules all of whose distributions are others than those present, and than the broker itself."""
    there = {*present, OWN}
    return tuple(sorted(name for name, owners in distributions.items() if not there & set(map(_plain, owners))))


def pinned(requirements: str) -> set[str]:
    """The names of the packages that a file of requirements pins."""
    return {_plain(name) for name in re.findall(r"^([\w.-]+)(?:\[[^\]]*\])?==", requirements, re.MULTILINE)}


def _plain(name: str) -> str:
    """As PEP 503 compares names."""
    return re.sub(r"[-_.]+", "-", name).lower()
