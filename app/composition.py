"""The only place that builds everything: settings in, running parts out."""

import os
import time
import uuid
from datetime import timedelta
from functools import lru_cache
from threading import Semaphore
from urllib.parse import urlsplit

from flask import Flask

from app.api.application import create_application
from app.api.context import ApiContext
from app.cloud.client import Account, Budget, Client
from app.credentials import Credential
from app.domain.errors import CloudCredentialRefused
from app.ledger import call_budget
from app.ledger.connection import Ledger
from app.ledger.embedded import start_embedded
from app.settings import Settings
from app.worker.loops import Worker
from app.worker.workshop import CloudFor, Periods, Workshop

MOST_CLIENTS = 256
"""Most (account, region) pairs with an open client at once."""

WORKER_CONNECTIONS = 36
"""One per hand of a worker, and a few for its look-out."""


def database_url(settings: Settings) -> str:
    """Where the ledger is; starts the embedded Postgres when no other is named."""
    return settings.database_url or start_embedded(settings.data_dir)


def build_api(settings: Settings, url: str) -> Flask:
    """The API on the ledger at ``url``. It knows no cloud credential."""
    ledger = Ledger(url, pool_size=settings.api_threads)
    places = Semaphore(max(1, settings.api_threads // 2))
    return create_application(ApiContext(ledger, settings.admin_token, settings.drain_seconds, places))


def build_worker(settings: Settings, url: str) -> tuple[Worker, Workshop]:
    """A worker on the ledger at ``url``, with an incarnation of its own."""
    ledger = Ledger(url, pool_size=WORKER_CONNECTIONS)
    periods = Periods(
        lease=timedelta(seconds=settings.lease_seconds),
        sweep=timedelta(seconds=settings.sweep_seconds),
        reverify=timedelta(seconds=settings.reverify_seconds),
        topology=timedelta(seconds=settings.topology_seconds),
        cloud_timeout=timedelta(seconds=settings.cloud_timeout_seconds),
        health=timedelta(seconds=settings.health_seconds),
    )
    workshop = Workshop(ledger, _clouds(settings, ledger), uuid.uuid4().hex, periods)
    return Worker(workshop), workshop


def _clouds(settings: Settings, ledger: Ledger) -> CloudFor:
    for account in settings.accounts.values():
        _reach_loopback_directly(account.endpoint)

    credentials = {name: Credential(name, account) for name, account in settings.accounts.items()}

    # A rotated credential makes new clients; those of a few earlier ones are let go.
    @lru_cache(maxsize=MOST_CLIENTS)
    def client(account_id: str, region: str, secret_id: str, secret_key: str) -> Client:
        kept = settings.accounts[account_id]
        account = Account(account_id, secret_id, secret_key, kept.endpoint, float(settings.cloud_timeout_seconds))
        return Client(account, region, _budget(ledger, kept.calls_per_second))

    def cloud_for(account_id: str, region: str) -> Client:
        if account_id not in credentials:
            raise CloudCredentialRefused("NoCredential", f"this worker has no credential for account {account_id}")
        return client(account_id, region, *credentials[account_id].current())

    return cloud_for


def _budget(ledger: Ledger, per_second: int) -> Budget:
    def wait_for_slot(account_id: str, region: str, action: str) -> None:
        while True:
            with ledger.begin() as connection:
                pause = call_budget.reserve(connection, account_id, region, action, per_second).total_seconds()
            due = time.monotonic() + pause
            if pause:
                time.sleep(pause)
            # Who slept for longer, a process that was stopped say, has missed the slot: others call now.
            if time.monotonic() - due < call_budget.LATEST.total_seconds():
                return

    return wait_for_slot


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
