"""A worker seals what is told, keeps months ahead and signs checkpoints, whatever happens to one of these."""

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from structlog.testing import capture_logs

from app.broker.verify_history import verify_history
from app.domain.journal import month_name
from app.domain.seal import checkpoint_of
from app.ledger import journal_months
from app.metrics import WORKER
from app.planning.chain import Whole
from app.signing import SigningKey
from app.worker import keep_history
from app.worker.keep_history import Sealing, keeping_history
from app.worker.loops import Worker
from tests.broker.sealing import superuser, tell
from tests.ledger.building import execute, wait_until
from tests.worker.yard import Yard, pod_event

KEY = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(32)))
SOON = timedelta(milliseconds=50)


@pytest.fixture
def yard(yard: Yard) -> Yard:
    """With a worker that seals, which others leave aside."""
    yard.worker = Worker(yard.workshop("keeper"))
    return yard


def test_what_a_worker_does_is_sealed_by_it(yard: Yard) -> None:
    yard.set_the_table("cls-a")
    yard.say("cls-a", pod_event(1))
    while yard.worker.run_once():
        pass
    yard.worker.run_once()
    found = {each.account_id: each.found for each in verify_history(yard.ledger)}
    whole = found["default"]
    assert isinstance(whole, Whole)
    assert (whole.sealed.sequence > 3, whole.unsealed) == (True, 0)


def test_months_are_there_and_checkpoints_are_written_while_a_worker_lives(
    yard: Yard, ledger_url: str, tmp_path: Path
) -> None:
    yard.set_the_table("cls-a")
    with yard.ledger.begin() as connection:
        last = journal_months.months(connection)[-1]
    superuser(ledger_url, f"DROP TABLE {month_name(last)}")
    yard.worker.run_once()
    with keeping_history(yard.ledger, Sealing(KEY, SOON, tmp_path)):
        wait_until(lambda: list(tmp_path.rglob("*.json")))
        wait_until(lambda: execute(yard.ledger, "SELECT FROM checkpoints"))
    made = checkpoint_of(next(tmp_path.rglob("*.json")).read_text())
    assert KEY.verifying.signed(made.statement, made.signature)
    with yard.ledger.begin() as connection:
        assert journal_months.months(connection)[-1] == last


def test_a_checkpoint_that_cannot_be_written_is_told_of_and_tried_again(yard: Yard, tmp_path: Path) -> None:
    yard.set_the_table("cls-a")
    yard.worker.run_once()
    folder = tmp_path / "full"
    folder.write_text("a file where the folder should be")
    before = WORKER.get_sample_value("clb_broker_checkpoints_total", {"outcome": "not-exported"}) or 0.0

    def failed() -> float:
        return (WORKER.get_sample_value("clb_broker_checkpoints_total", {"outcome": "not-exported"}) or 0.0) - before

    with capture_logs() as lines, keeping_history(yard.ledger, Sealing(KEY, SOON, folder)):
        wait_until(lambda: failed() >= 2)
        assert execute(yard.ledger, "SELECT count(*) FROM checkpoints") == [0]
        folder.unlink()
        wait_until(lambda: execute(yard.ledger, "SELECT FROM checkpoints"))
    assert {line["event"] for line in lines if line["log_level"] == "error"} == {"a checkpoint was not exported"}
    assert len(list(folder.rglob("*.json"))) == 1


def test_without_a_key_history_is_sealed_and_a_warning_says_that_it_is_not_signed(yard: Yard) -> None:
    yard.set_the_table("cls-a")
    with capture_logs() as lines, keeping_history(yard.ledger, Sealing()):
        yard.worker.run_once()
    assert ["CLB_BROKER_SEAL_KEY_FILE" in line["event"] for line in lines] == [True]
    assert execute(yard.ledger, "SELECT count(*) FROM seals") == [1]
    assert execute(yard.ledger, "SELECT count(*) FROM checkpoints") == [0]


def test_a_look_that_breaks_off_is_told_of_and_the_next_one_is_made(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []

    def look(_: object) -> list[object]:
        looks.append(1)
        if len(looks) == 1:
            raise ZeroDivisionError
        return []

    monkeypatch.setattr(keep_history, "make_months", look)
    monkeypatch.setattr(keep_history, "MONTHS_SECONDS", 0.01)
    with capture_logs() as lines, keeping_history(yard.ledger, Sealing(KEY, SOON)):
        wait_until(lambda: len(looks) > 1)
    assert [line["what"] for line in lines if line["event"] == "broke off"] == ["months of history"]


def test_an_account_with_more_than_one_step_of_entries_is_sealed_in_one_go(yard: Yard) -> None:
    yard.set_the_table("cls-a")
    tell(yard.ledger, 6000)
    yard.worker.run_once()
    assert execute(yard.ledger, "SELECT count(*) > 1, max(last_sequence) >= 6000 FROM seals") == [(True, True)]
