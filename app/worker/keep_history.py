"""What history needs from time to time: months made ahead, and signed checkpoints of what is sealed."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from app.broker.make_months import make_months
from app.broker.sign_checkpoints import CheckpointTerms, sign_checkpoints
from app.domain.seal import Checkpoint
from app.ledger.connection import Ledger
from app.metrics import count_checkpoint
from app.signing import SigningKey
from app.worker.beside import every

log = structlog.get_logger(__name__)

MONTHS_SECONDS: Final = 3600.0
"""How often a worker looks whether the next months are there."""

CHECKPOINT_LOOK_SECONDS: Final = 5.0
"""How often it looks whether a checkpoint is due: a few statements for each account."""


@dataclass(frozen=True, slots=True)
class Sealing:
    """How checkpoints are made: the key (None: none are), how often, and the folder that they are exported to."""

    key: SigningKey | None = None
    every: timedelta = timedelta(seconds=300)
    folder: Path | None = None


@contextmanager
def keeping_history(ledger: Ledger, sealing: Sealing) -> Iterator[None]:
    """Do both for as long as this lasts. Whatever happens to them, the work goes on."""
    with ExitStack() as stack:
        stack.enter_context(every(MONTHS_SECONDS, "months of history", lambda _: _months(ledger)))
        if sealing.key is None:
            log.warning("history is sealed without signatures: CLB_BROKER_SEAL_KEY_FILE is not set")
        else:
            sign = partial(_checkpoints, ledger, sealing.key, sealing)
            seconds = min(CHECKPOINT_LOOK_SECONDS, sealing.every.total_seconds())
            stack.enter_context(every(seconds, "checkpoints", lambda _: sign()))
        yield


def export_checkpoint(folder: Path | None, made: Checkpoint) -> None:
    """Write a checkpoint to a file of its own, which no later one touches. Raises `OSError`.

    ``folder/ACCOUNT/YYYY-MM/SEQUENCE-TIME.json``; ``-`` stands for the entries of no account. Plain enough for a
    mounted object store: a file is made, written once, and never named, linked or opened again.
    """
    if folder is None:
        return
    place = folder / (made.account_id or "-") / f"{made.signed_at:%Y-%m}"
    place.mkdir(parents=True, exist_ok=True)
    with (place / f"{made.sequence:015}-{made.signed_at:%Y%m%dT%H%M%S%f}.json").open("x", encoding="utf-8") as file:
        file.write(made.text + "\n")
        file.flush()
        os.fsync(file.fileno())


def _months(ledger: Ledger) -> None:
    for month in make_months(ledger):
        log.info("a month of history was made", month=f"{month:%Y-%m}")


def _checkpoints(ledger: Ledger, key: SigningKey, sealing: Sealing) -> None:
    terms = CheckpointTerms(_Signer(key), sealing.every, partial(export_checkpoint, sealing.folder))
    try:
        signed = sign_checkpoints(ledger, terms)
    except OSError as error:
        count_checkpoint("not-exported")
        log.error("a checkpoint was not exported", folder=str(sealing.folder), error=str(error))  # noqa: TRY400 (no trace)
        return
    for made in signed:
        count_checkpoint("signed")
        log.info("checkpoint", account=made.account_id, sequence=made.sequence, hash=made.hash.hex())


@dataclass(frozen=True, slots=True)
class _Signer:
    key: SigningKey

    @property
    def key_id(self) -> str:
        return self.key.verifying.key_id

    def sign(self, statement: bytes) -> bytes:
        return self.key.sign(statement)
