"""Credentials are rotated by replacing their files, while the worker runs."""

from pathlib import Path

import pytest

from app.credentials import Credential
from app.settings import AccountSettings


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """The files of a credential, as they are at the start."""
    paths = (tmp_path / "id", tmp_path / "key")
    for path in paths:
        path.write_text(f"old-{path.name}\n")
    return paths


@pytest.fixture
def credential(files: tuple[Path, Path]) -> Credential:
    names = (str(files[0]), str(files[1]))
    return Credential("default", AccountSettings("old-id", "old-key", None, 18, names))


def replace(path: Path, content: str) -> None:
    """As secrets are replaced: a new file takes the place of the old one."""
    fresh = path.with_suffix(".new")
    fresh.write_text(content)
    fresh.rename(path)


def test_a_credential_is_what_it_was_while_its_files_stay(credential: Credential) -> None:
    assert [credential.current() for _ in range(2)] == [("old-id", "old-key")] * 2


def test_replaced_files_are_read_again(credential: Credential, files: tuple[Path, Path]) -> None:
    for path in files:
        replace(path, f"new-{path.name}\n")
    assert credential.current() == ("new-id", "new-key")


def test_files_behind_a_link_that_is_swapped_are_read_again(tmp_path: Path) -> None:
    for version in ("one", "two"):
        (tmp_path / version).mkdir()
        for name in ("id", "key"):
            (tmp_path / version / name).write_text(f"{version}-{name}")
    link = tmp_path / "current"
    link.symlink_to(tmp_path / "one")
    mounted = Credential("a", AccountSettings("one-id", "one-key", None, 18, (str(link / "id"), str(link / "key"))))
    link.unlink()
    link.symlink_to(tmp_path / "two")
    assert mounted.current() == ("two-id", "two-key")


@pytest.mark.parametrize("content", [None, "", " \n"], ids=["gone", "empty", "blank"])
def test_a_file_that_says_nothing_for_a_moment_changes_nothing(
    credential: Credential, files: tuple[Path, Path], content: str | None
) -> None:
    if content is None:
        files[1].unlink()
    else:
        replace(files[1], content)
    assert credential.current() == ("old-id", "old-key")
    replace(files[1], "new-key")
    assert credential.current() == ("old-id", "new-key")


def test_a_credential_without_files_stays() -> None:
    assert Credential("default", AccountSettings("id", "key", None, 18)).current() == ("id", "key")
