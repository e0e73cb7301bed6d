"""``clb-broker audit`` says in one line and by its exit code whether history is as it was sealed."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from app.cli import main
from app.ledger.connection import Ledger
from app.worker.keep_history import export_checkpoint
from tests.broker.sealing import KEY, seal, sign, superuser, tell


@pytest.fixture
def place(tmp_path: Path, ledger: Ledger, ledger_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the key, its public half and exported checkpoints of a history of five entries."""
    monkeypatch.setenv("CLB_BROKER_DATABASE_URL", ledger_url)
    pem = KEY.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.pem").write_bytes(pem)
    (tmp_path / "public.pem").write_text(audit("public-key", "--key", str(tmp_path / "key.pem")).stdout)
    tell(ledger, 5)
    seal(ledger)
    for made in sign(ledger):
        export_checkpoint(tmp_path / "checkpoints", made)
    return tmp_path


def audit(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["audit", *arguments])


def verify(place: Path) -> Result:
    return audit("verify", "--checkpoint", str(place / "checkpoints"), "--public-key", str(place / "public.pem"))


def test_a_whole_history_is_0(place: Path) -> None:
    found = verify(place)
    assert found.exit_code == 0
    assert found.stdout.startswith(
        "account default: whole: sealed to entry 5, 0 later ones not sealed yet; 2 checkpoints"
    )


def test_without_a_key_it_says_that_no_signature_was_checked(place: Path) -> None:
    found = audit("verify")
    assert found.exit_code == 0
    assert "signatures not checked" in found.stdout


def test_a_history_that_was_changed_is_1_and_the_entry_is_named(place: Path, ledger_url: str) -> None:
    superuser(ledger_url, "UPDATE journal SET actor = 'worker:w-2' WHERE sequence = 3")
    found = verify(place)
    assert found.exit_code == 1
    assert found.stdout == "account default: altered: entry 3: it does not say what was sealed\n"


def test_a_checkpoint_of_another_key_is_1(place: Path) -> None:
    other = Ed25519PrivateKey.generate()
    (place / "key.pem").write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (place / "public.pem").write_text(audit("public-key", "--key", str(place / "key.pem")).stdout)
    found = verify(place)
    assert found.exit_code == 1
    assert "checkpoint-forged: entry 5" in found.stdout


@pytest.mark.parametrize("content", ["", "{", '{"format": "another"}', "[]", "not even JSON", "\udcff"])
def test_a_file_that_is_no_checkpoint_is_2(place: Path, content: str) -> None:
    (place / "checkpoints" / "x.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    found = verify(place)
    assert found.exit_code == (2 if content else 0)
    assert "x.json" in found.stderr or not content


def test_a_key_that_is_none_is_2(place: Path) -> None:
    (place / "public.pem").write_text("-----BEGIN NOTHING-----")
    assert verify(place).exit_code == 2


def test_a_ledger_that_does_not_answer_is_2(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLB_BROKER_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    found = verify(place)
    assert found.exit_code == 2
    assert found.stderr.startswith("not verified: ")


def test_nothing_is_let_go_without_a_setting(place: Path) -> None:
    assert "all of history is kept" in audit("retain").stdout
    assert audit("retain", "--months", "1").stdout == ""
