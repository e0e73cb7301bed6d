"""A history to seal, a sealer, and somebody with all rights on the database."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.broker.seal_history import MOST_AT_ONCE, end_sealing, seal_history
from app.broker.sign_checkpoints import CheckpointTerms, sign_checkpoints
from app.broker.verify_history import Verified, verify_history
from app.domain.journal import Action, Entry
from app.domain.seal import Checkpoint
from app.ledger import journal, leases
from app.ledger.connection import Ledger
from app.ledger.leases import LeaseSubject
from app.planning.chain import Fault, Finding
from app.signing import SigningKey

MINUTE = timedelta(minutes=1)
ACCOUNT = "default"
KEY = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))


def tell(ledger: Ledger, many: int = 1, account_id: str = ACCOUNT, **said: Any) -> None:
    """So many entries, in one transaction."""
    with ledger.begin() as connection:
        number = journal.accounts(connection).get(account_id, 0)
        entries = [
            Entry(Action.BINDING_MOVED, account_id=account_id, detail=f"what happened at {number + each}", **said)
            for each in range(1, many + 1)
        ]
        journal.add(connection, "worker:w-1", entries)


def seal(ledger: Ledger, account_id: str = ACCOUNT) -> int:
    """Seal an account as a worker does; how many entries that were."""
    with ledger.begin() as connection:
        leases.offer(connection, account_id, LeaseSubject.SEAL, account_id)
    with ledger.begin() as connection:
        taken = leases.take(connection, LeaseSubject.SEAL, "w-1", MINUTE, 10)
    done = 0
    for lease in taken:
        while (step := seal_history(ledger, lease, MINUTE)).entries:
            assert step.entries <= MOST_AT_ONCE
            done += step.entries
        end_sealing(ledger, lease)
    return done


class Signer:
    """The test's key."""

    key_id = KEY.verifying.key_id

    def sign(self, statement: bytes) -> bytes:
        return KEY.sign(statement)


def sign(ledger: Ledger) -> list[Checkpoint]:
    """Sign what is sealed; what was exported."""
    exported: list[Checkpoint] = []
    sign_checkpoints(ledger, CheckpointTerms(Signer(), timedelta(0), exported.append))
    return exported


def verified(ledger: Ledger, given: Sequence[Checkpoint] = ()) -> dict[str, Verified]:
    """What the verifier says, by account."""
    return {each.account_id: each for each in verify_history(ledger, given, KEY.verifying)}


def fault(ledger: Ledger, given: Sequence[Checkpoint] = (), account_id: str = ACCOUNT) -> tuple[Fault, int, int] | None:
    """The first fault of an account and where it is, or none."""
    found = verified(ledger, given)[account_id].found
    return (found.fault, found.sequence, found.last) if isinstance(found, Finding) else None


def superuser(url: str, *statements: str) -> None:
    """Do this with all rights, in one transaction."""
    with psycopg.connect(url) as connection:
        for statement in statements:
            connection.execute(statement)  # type: ignore[call-overload]
