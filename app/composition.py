"""The only place that builds everything: settings in, running parts out."""

import gc
import os
import sys
import uuid
from datetime import timedelta
from functools import lru_cache, partial
from threading import Semaphore
from typing import Final
from urllib.parse import urlsplit

from flask import Flask

from app.api.application import create_application
from app.api.context import ApiContext
from app.api.rates import Limits
from app.api.trusted_keys import TrustedKeys
from app.cloud.client import Account, Client
from app.credentials import Credential
from app.domain.errors import CloudCredentialRefused
from app.ledger.connection import Ledger
from app.ledger.embedded import start_embedded
from app.metrics import tell_budget
from app.settings import Settings
from app.signing import read_signing_key
from app.spans import ENDPOINTS, asked_for, keep_spans
from app.worker.call_turns import CallTurns
from app.worker.crowding import Crowding
from app.worker.keep_history import Sealing
from app.worker.loops import PARTS, Worker, hands
from app.worker.workshop import CloudFor, Periods, Workshop

MOST_CLIENTS = 256
"""Most (account, region) pairs with an open client at once."""

LOOK_OUT_CONNECTIONS: Final = 4
"""A worker has one connection per hand, and a few for its look-out."""


def database_url(settings: Settings) -> str:
    """Where the ledger is; starts the embedded Postgres when no other is named."""
    return settings.database_url or start_embedded(settings.data_dir)


SWITCH_SECONDS: Final = 0.001
"""How long a thread computes while others want to. A pass waits for the database twenty times, and for its turn after
each: with Python's own 5 ms that would be a tenth of a second beside a large batch."""


COLLECT_AFTER: Final = 50_000
"""Objects made since the last collection of garbage until the next. A batch makes tens of thousands that nothing refers
to in a circle, so they go by themselves; looking for circles after each 700, Python's own number, costs a fifth of the
processor time of a roll-out."""


def build_api(settings: Settings, url: str) -> Flask:
    """The API on the ledger at ``url``. It knows no cloud credential."""
    _suit_interpreter()
    ledger = Ledger(url, pool_size=settings.api_threads)
    places = Semaphore(max(1, settings.api_threads // 2))
    silent_after = timedelta(seconds=settings.silent_seconds)
    application = create_application(
        ApiContext(
            ledger,
            settings.admin_token,
            settings.drain_seconds,
            silent_after,
            waiting_places=places,
            trusted_keys=TrustedKeys(settings.people),
            limits=Limits(settings.requests_per_second, settings.events_per_second, max(1, settings.api_threads // 4)),
        )
    )
    _keep_what_is_loaded()
    return application


def build_worker(settings: Settings, url: str) -> tuple[Worker, Workshop]:
    """A worker on the ledger at ``url``, with an incarnation of its own."""
    _suit_interpreter()
    loops = PARTS[settings.worker_part]
    ledger = Ledger(url, pool_size=hands(loops) + LOOK_OUT_CONNECTIONS)
    periods = Periods(
        lease=timedelta(seconds=settings.lease_seconds),
        sweep=timedelta(seconds=settings.sweep_seconds),
        reverify=timedelta(seconds=settings.reverify_seconds),
        topology=timedelta(seconds=settings.topology_seconds),
        cloud_timeout=timedelta(seconds=settings.cloud_timeout_seconds),
        health=timedelta(seconds=settings.health_seconds),
        silent=timedelta(seconds=settings.silent_seconds),
        keys=timedelta(seconds=settings.keys_seconds),
    )
    crowding = Crowding()
    clouds = _clouds(settings, ledger, crowding)
    workshop = Workshop(
        ledger,
        clouds,
        uuid.uuid4().hex,
        periods,
        crowding=crowding,
        keys_ca_file=settings.keys_ca_file,
        people=settings.people,
    )
    worker = Worker(workshop, loops)
    _keep_what_is_loaded()
    return worker, workshop


def _keep_what_is_loaded() -> None:
    """Let the garbage collector pass over what is loaded by now: it lasts as long as the process, and to look through
    it again and again takes an eighth of the time that a large batch takes."""
    gc.collect()
    gc.freeze()


def _suit_interpreter() -> None:
    """What is set for the whole process, since it serves many threads with batches."""
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.set_threshold(COLLECT_AFTER, *gc.get_threshold()[1:])


def sealing(settings: Settings) -> Sealing:
    """How checkpoints of history are made. Raises `SettingError`."""
    path = settings.seal_key_file
    key = read_signing_key(path, "CLB_BROKER_SEAL_KEY_FILE") if path else None
    return Sealing(key, timedelta(seconds=settings.checkpoint_seconds), settings.checkpoint_dir)


def _clouds(settings: Settings, ledger: Ledger, crowding: Crowding) -> CloudFor:
    for name, account in settings.accounts.items():
        _reach_loopback_directly(account.endpoint)
        tell_budget(name, account.calls_per_second)

    turns = CallTurns(ledger, crowding)
    credentials = {name: Credential(name, account) for name, account in settings.accounts.items()}

    # A rotated credential makes new clients; those of a few earlier ones are let go.
    @lru_cache(maxsize=MOST_CLIENTS)
    def client(account_id: str, region: str, secret_id: str, secret_key: str) -> Client:
        kept = settings.accounts[account_id]
        account = Account(account_id, secret_id, secret_key, kept.endpoint, float(settings.cloud_timeout_seconds))
        wait, lower = partial(turns.wait, kept.calls_per_second), partial(turns.lower, kept.calls_per_second)
        return Client(account, region, wait, lower)

    def cloud_for(account_id: str, region: str) -> Client:
        if account_id not in credentials:
            raise CloudCredentialRefused("NoCredential", f"this worker has no credential for account {account_id}")
        return client(account_id, region, *credentials[account_id].current())

    return cloud_for


def export_spans(service: str) -> None:
    """Send spans of this process, as ``service``, to the collector that the environment names; nothing without one."""
    if asked_for():
        from app.span_export import Export

        for name in ENDPOINTS:
            _reach_loopback_directly(os.environ.get(name))
        keep_spans(Export(service))


def _reach_loopback_directly(endpoint: str | None) -> None:
    """The SDK asks HTTP_PROXY's proxy even for loopback, unless NO_PROXY holds the host with and without its port.

    Both spellings are set: the SDK looks at the upper one first, and requests, which sends for it, at the lower one.
    """
    if endpoint is None:
        return
    url = urlsplit(endpoint)
    if url.hostname in {"127.0.0.1", "localhost", "::1"}:
        spellings = ("NO_PROXY", "no_proxy")
        listed = [name for spelling in spellings for name in os.environ.get(spelling, "").split(",") if name]
        for spelling in spellings:
            os.environ[spelling] = ",".join(dict.fromkeys([*listed, url.hostname, url.netloc]))
