"""All settings, read once from the environment, each documented at `Settings`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from app.domain.errors import SettingError
from app.domain.trust import PeopleIssuer
from app.environment import PREFIX, Reader, address, read_secret, service_url, url_parts, whole_number
from app.people import read_people

DEFAULT_ACCOUNT: Final = "default"

WORKER_PARTS: Final = ("all", "passes", "all-but-passes")
"""What a worker may be told to do; the first is what it does when it is told nothing."""


@dataclass(frozen=True, slots=True)
class AccountSettings:
    """One cloud account: its credential, where its services are, and its call budget.

    ``files`` are those of secret id and secret key, None where the value was given itself; read again when they change.
    """

    secret_id: str = field(repr=False)
    secret_key: str = field(repr=False)
    endpoint: str | None
    calls_per_second: int
    files: tuple[str | None, str | None] = field(default=(None, None), compare=False)


@dataclass(frozen=True, slots=True)
class Settings:
    """The broker's settings; names in the environment are these in capitals with the prefix ``CLB_BROKER_``.

    ``database_url``          libpq URI of the ledger; None: an embedded real Postgres under ``data_dir``
    ``data_dir``              where the embedded Postgres keeps its data (default: ``./data``)
    ``listen``                address of the API, ``HOST:PORT``
    ``worker_listen``         address of a worker's metrics, ``HOST:PORT``; None: it has none
    ``worker_part``           what a worker does of all there is to do: one of `WORKER_PARTS`
    ``api_processes``         processes of one ``serve``; ``api_threads`` threads in each
    ``admin_token``           the first administrator's bearer token; None: nobody is administrator by it
    ``accounts``              cloud accounts by name
    ``drain_seconds``         how long a target that leaves gets no new connections before it is taken off
    ``lease_seconds``         how long a dead worker's load balancer waits for its heir
    ``sweep_seconds``         how often a quiet load balancer is read again
    ``reverify_seconds``      how often proofs are looked at again
    ``topology_seconds``      how often the networks of clusters and the listeners are read again
    ``health_seconds``        how often the health of targets is read where not all are healthy
    ``silent_seconds``        how long an agent may be quiet before its cluster counts as silent
    ``cloud_timeout_seconds`` how long one call to the cloud may take
    ``requests_per_second``   how many requests a token may send to one process of the API; 0: as many as it likes
    ``events_per_second``     how many pod events, likewise
    ``people``                whom people are known by, and what they may do; from the file ``CLB_BROKER_PEOPLE_FILE``
    ``keys_seconds``          how often the keys of issuers are read again
    ``keys_ca_file``          certificates that those places are known by; None: the usual ones
    ``seal_key_file``         private key (Ed25519, PEM) that a worker signs checkpoints of history with; None: unsigned
    ``checkpoint_seconds``    how often it does; ``checkpoint_dir`` where it exports them to, None: nowhere
    ``history_months``        how many whole months of history ``audit retain`` leaves; 0: all
    """

    database_url: str | None = field(repr=False)
    data_dir: Path
    listen: str
    worker_listen: str | None
    worker_part: str
    api_processes: int
    api_threads: int
    admin_token: str | None = field(repr=False)
    accounts: Mapping[str, AccountSettings]
    drain_seconds: int
    lease_seconds: int
    sweep_seconds: int
    reverify_seconds: int
    topology_seconds: int
    health_seconds: int
    silent_seconds: int
    cloud_timeout_seconds: int
    requests_per_second: int
    events_per_second: int
    people: tuple[PeopleIssuer, ...]
    keys_seconds: int
    keys_ca_file: str | None
    seal_key_file: str | None
    checkpoint_seconds: int
    checkpoint_dir: Path | None
    history_months: int


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings in ``environment`` (None: the process's own). Raises `SettingError`, which names the wrong one."""
    reader = Reader(environment)
    return Settings(
        database_url=_database_url(reader.text("DATABASE_URL")),
        data_dir=Path(reader.text("DATA_DIR") or "data"),
        listen=address(reader.text("LISTEN") or "127.0.0.1:8080", "LISTEN"),
        worker_listen=address(where, "WORKER_LISTEN") if (where := reader.text("WORKER_LISTEN")) else None,
        worker_part=reader.choice("WORKER_PART", WORKER_PARTS),
        api_processes=reader.number("API_PROCESSES", 1, 1, 64),
        api_threads=reader.number("API_THREADS", 16, 1, 256),
        admin_token=reader.secret("ADMIN_TOKEN"),
        accounts=_accounts(reader),
        drain_seconds=reader.number("DRAIN_SECONDS", 30, 0, 3600),
        lease_seconds=reader.number("LEASE_SECONDS", 15, 1, 600),
        sweep_seconds=reader.number("SWEEP_SECONDS", 60, 1, 86400),
        reverify_seconds=reader.number("REVERIFY_SECONDS", 60, 1, 86400),
        topology_seconds=reader.number("TOPOLOGY_SECONDS", 60, 1, 86400),
        health_seconds=reader.number("HEALTH_SECONDS", 10, 1, 3600),
        silent_seconds=reader.number("SILENT_SECONDS", 300, 1, 86400),
        cloud_timeout_seconds=reader.number("CLOUD_TIMEOUT_SECONDS", 15, 1, 120),
        requests_per_second=reader.number("REQUESTS_PER_SECOND", 1000, 0, 1_000_000),
        events_per_second=reader.number("EVENTS_PER_SECOND", 20_000, 0, 100_000_000),
        people=read_people(reader.text("PEOPLE_FILE")),
        keys_seconds=reader.number("KEYS_SECONDS", 300, 1, 86400),
        keys_ca_file=_readable(reader.text("KEYS_CA_FILE"), f"{PREFIX}KEYS_CA_FILE"),
        seal_key_file=_readable(reader.text("SEAL_KEY_FILE"), f"{PREFIX}SEAL_KEY_FILE"),
        checkpoint_seconds=reader.number("CHECKPOINT_SECONDS", 300, 1, 86400),
        checkpoint_dir=Path(where) if (where := reader.text("CHECKPOINT_DIR")) else None,
        history_months=reader.number("HISTORY_MONTHS", 0, 0, 1200),
    )


def _readable(path: str | None, name: str) -> str | None:
    if path is not None:
        try:
            Path(path).read_bytes()
        except OSError as error:
            raise SettingError(f"{name}: {path} cannot be read: {type(error).__name__}") from error
    return path


def _database_url(text: str | None) -> str | None:
    parts = url_parts(text or "postgresql://")
    if parts is None or parts.scheme not in {"postgresql", "postgres"}:
        raise SettingError(f"{PREFIX}DATABASE_URL: it is no URI like postgresql://USER@HOST:PORT/NAME")
    return text


def _accounts(reader: Reader) -> dict[str, AccountSettings]:
    calls = reader.number("CALLS_PER_SECOND", 18, 1, 1000)
    endpoint = service_url(reader.text("TENCENT_ENDPOINT"), f"{PREFIX}TENCENT_ENDPOINT")
    accounts: dict[str, AccountSettings] = {}
    path = reader.text("ACCOUNTS_FILE")
    if path:
        accounts |= _accounts_file(path, endpoint, calls)
    secret_id, secret_key = reader.secret("TENCENT_SECRET_ID"), reader.secret("TENCENT_SECRET_KEY")
    if (secret_id is None) != (secret_key is None):
        raise SettingError(f"{PREFIX}TENCENT_SECRET_ID and {PREFIX}TENCENT_SECRET_KEY go together")
    if secret_id is not None and secret_key is not None:
        files = (reader.text("TENCENT_SECRET_ID_FILE"), reader.text("TENCENT_SECRET_KEY_FILE"))
        accounts[DEFAULT_ACCOUNT] = AccountSettings(secret_id, secret_key, endpoint, calls, files)
    return accounts


def _accounts_file(path: str, endpoint: str | None, calls: int) -> dict[str, AccountSettings]:
    name = f"{PREFIX}ACCOUNTS_FILE"
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingError(f"{name}: {path} cannot be read: {type(error).__name__}") from error
    listed = content.get("accounts") if isinstance(content, dict) else None
    if not isinstance(listed, dict) or not all(isinstance(entry, dict) for entry in listed.values()):
        raise SettingError(f"{name}: {path} has no mapping `accounts` of names to mappings")
    return {str(account): _account(entry, f"{name}: {account}", endpoint, calls) for account, entry in listed.items()}


def _account(entry: Mapping[str, Any], name: str, endpoint: str | None, calls: int) -> AccountSettings:
    unknown = set(entry) - {"secret_id_file", "secret_key_file", "endpoint", "calls_per_second"}
    if unknown:
        raise SettingError(f"{name}: unknown {', '.join(sorted(map(str, unknown)))}")
    for key in ("secret_id_file", "secret_key_file"):
        if not isinstance(entry.get(key), str):
            raise SettingError(f"{name}: {key} is missing")
    return AccountSettings(
        read_secret(entry["secret_id_file"], f"{name}.secret_id_file"),
        read_secret(entry["secret_key_file"], f"{name}.secret_key_file"),
        service_url(entry.get("endpoint"), f"{name}.endpoint") or endpoint,
        whole_number(entry.get("calls_per_second", calls), f"{name}.calls_per_second", 1, 1000),
        (entry["secret_id_file"], entry["secret_key_file"]),
    )
