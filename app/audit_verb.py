"""``clb-broker audit``: verify that nobody rewrote history, and let go of what is old. It reads the ledger directly."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from app.domain.errors import BrokerError, LedgerUnavailable, SettingError
from app.logs import configure_logs

if TYPE_CHECKING:
    from app.broker.verify_history import Verified
    from app.domain.seal import Checkpoint
    from app.ledger.connection import Ledger

WHOLE: Final = 0
TAMPERED: Final = 1
UNKNOWN: Final = 2
"""Exit codes of ``verify``: all is as it was sealed; something is not; it could not be found out."""


@click.group()
def audit() -> None:
    """History that can be trusted: verify it, and let go of what is old."""


@audit.command()
@click.option(
    "--checkpoint",
    "checkpoints",
    type=click.Path(path_type=Path, exists=True),
    multiple=True,
    help="an exported checkpoint, a file of several, or a folder of them; several times",
)
@click.option(
    "--public-key", type=click.Path(path_type=Path, dir_okay=False), help="PEM; without it no signature counts"
)
def verify(checkpoints: tuple[Path, ...], public_key: Path | None) -> None:
    """Walk the whole chain of seals; exit 0: whole, 1: tampered with, 2: not known."""
    configure_logs()
    try:
        faults = _verify(checkpoints, public_key)
    except (SettingError, LedgerUnavailable, BrokerError) as error:
        click.echo(f"not verified: {error}", err=True)
        raise SystemExit(UNKNOWN) from error
    raise SystemExit(TAMPERED if faults else WHOLE)


@audit.command()
@click.option(
    "--months", type=click.IntRange(1, 1200), help="whole months to leave  [default: CLB_BROKER_HISTORY_MONTHS]"
)
def retain(months: int | None) -> None:
    """Detach the months of history that are older than those to leave; needs the owner of the tables."""
    configure_logs()
    from app.broker.retain_history import retain_history
    from app.settings import read_settings

    wanted = read_settings().history_months if months is None else months
    if wanted == 0:
        click.echo("retain: CLB_BROKER_HISTORY_MONTHS is not set: all of history is kept")
        return
    ledger = _ledger(role=None)
    for each in retain_history(ledger, wanted):
        click.echo(
            f"retain: {each} is detached: a table of its own from now on, to be kept elsewhere and dropped by you"
        )
    ledger.close()


@audit.command("public-key")
@click.option("--key", type=click.Path(path_type=Path, dir_okay=False), required=True, help="the private key, PEM")
def public_key(key: Path) -> None:
    """Print the public key that belongs to a private one, for those who verify."""
    from app.signing import read_signing_key

    click.echo(read_signing_key(str(key), "--key").verifying.pem, nl=False)


def _verify(checkpoints: tuple[Path, ...], public_key: Path | None) -> int:
    from app.broker.verify_history import verify_history
    from app.planning.chain import Finding
    from app.signing import read_verifying_key

    key = read_verifying_key(str(public_key), "--public-key") if public_key else None
    given = [each for path in checkpoints for each in _read(path)]
    ledger = _ledger()
    faults = 0
    for verified in verify_history(ledger, given, key):
        faults += isinstance(verified.found, Finding)
        click.echo(f"account {verified.account_id or '(none)'}: {_told(verified, signed=key is not None)}")
    ledger.close()
    return faults


def _ledger(**options: None) -> "Ledger":
    from app.composition import database_url
    from app.ledger.connection import Ledger
    from app.settings import read_settings

    return Ledger(database_url(read_settings()), pool_size=2, **options)


def _told(verified: "Verified", *, signed: bool) -> str:
    from app.planning.chain import Finding

    found = verified.found
    if isinstance(found, Finding):
        which = (
            f"entry {found.sequence}" if found.last == found.sequence else f"entries {found.sequence} to {found.last}"
        )
        return f"{found.fault}: {which}: {found.detail}"
    begins = f", detached up to entry {verified.begins_after}" if verified.begins_after else ""
    parts = [f"whole: sealed to entry {found.sealed.sequence}{begins}, {found.unsealed} later ones not sealed yet"]
    if verified.newest is not None:
        how = "signed" if signed else "signatures not checked: no --public-key"
        last = f"the last of entry {verified.newest.sequence}, {verified.newest.signed_at.isoformat()}"
        parts.append(f"{verified.checkpoints} checkpoints agree ({how}; {last})")
    else:
        parts.append("no checkpoint: who can write to the database could have sealed it anew")
    if verified.unchecked:
        parts.append(f"{verified.unchecked} checkpoints are older than what is kept and were not checked")
    return "; ".join(parts)


def _read(path: Path) -> Iterator["Checkpoint"]:
    from app.domain.seal import NotACheckpoint, checkpoint_of

    for file in sorted(path.rglob("*.json")) if path.is_dir() else [path]:
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
            yield from (checkpoint_of(line) for line in lines if line.strip())
        except (OSError, UnicodeDecodeError, NotACheckpoint) as error:
            raise SettingError(f"--checkpoint: {file}: {error}") from error
