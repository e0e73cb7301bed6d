"""The command line: one verb per process. Each says on one line what it works for, and ends on SIGTERM."""

import os
import queue
import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import click

from app.domain.errors import BrokerError, SettingError
from app.logs import configure_logs
from app.settings import read_settings


class _Verbs(click.Group):
    """Errors that the broker raises on purpose end a process with one line, not with a stack trace."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except SettingError as error:
            raise click.ClickException(str(error)) from error
        except BrokerError as error:
            raise click.ClickException(f"{type(error).__name__}: {error}") from error


@click.group(cls=_Verbs)
@click.version_option(package_name="clb-broker")
def main() -> None:
    """The CLB binding broker."""


@main.command()
def serve() -> None:
    """Serve the API under gunicorn."""
    configure_logs()
    settings = read_settings()
    if settings.api_processes > 1:
        os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", tempfile.mkdtemp(prefix="clb-broker-metrics-"))
    from app.composition import database_url
    from app.server import run_server

    run_server(settings, database_url(settings))


@main.command()
def worker() -> None:
    """Converge load balancers; the only holder of cloud credentials."""
    configure_logs()
    settings = read_settings()
    if not settings.accounts:
        raise SettingError("CLB_BROKER_TENCENT_SECRET_ID or CLB_BROKER_ACCOUNTS_FILE: a worker needs a cloud account")
    from app.composition import build_worker, database_url
    from app.worker.serve_metrics import serving_metrics
    from app.worker.watch_alarms import watching_alarms

    stopped = _stop_on_signals()
    with serving_metrics(settings.worker_listen) as url:
        built, workshop = build_worker(settings, database_url(settings))
        accounts = ", ".join(sorted(settings.accounts))
        told = f", metrics at {url}/metrics" if url else ""
        click.echo(f"worker: {workshop.incarnation} works for accounts {accounts}{told}")
        with watching_alarms(workshop):
            built.run(stopped)
    workshop.ledger.close()
    click.echo("worker: ended")


@main.command()
def migrate() -> None:
    """Bring the ledger's schema up to date; safe to run twice and by two at once."""
    configure_logs()
    from app.composition import database_url
    from app.ledger.schema import migrate_ledger

    click.echo(f"migrate: the ledger's schema is at {migrate_ledger(database_url(read_settings()))}")


@main.command()
@click.option("--world", type=click.Path(path_type=Path, dir_okay=False), required=True, help="world file in YAML")
@click.option("--listen", default="127.0.0.1:9900", show_default=True, help="HOST:PORT, loopback only")
def simulator(world: Path, listen: str) -> None:
    """Run a local Tencent Cloud that speaks the real wire protocol."""
    from app.simulator.server import run

    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit():
        raise click.ClickException(f"--listen: {listen!r} is not HOST:PORT")
    try:
        run(world, host, int(port))
    except (ValueError, OSError) as error:
        raise click.ClickException(f"simulator: {error}") from error


@main.command()
@click.option("--once", is_flag=True, help="end after the story")
def demo(once: bool) -> None:
    """Play the main job on this machine: Postgres, simulator, API, worker, two clusters' pod events."""
    from app.demo.story import play

    sys.exit(play(once=once))


@main.command()
def openapi() -> None:
    """Print openapi.yaml."""
    from app.api.application import create_application
    from app.api.context import ApiContext
    from app.ledger.connection import Ledger

    application = create_application(ApiContext(Ledger("postgresql://nowhere/none"), None, 0))
    click.echo(application.extensions["openapi_yaml"], nl=False)


def _stop_on_signals() -> threading.Event:
    """An event that a signal sets, by way of a queue: a handler may interrupt a wait for the event, whose lock is held
    then, and would wait for ever for it; a simple queue may be put into at any moment."""
    stopped = threading.Event()
    asked: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: asked.put(number))

    def wait() -> None:
        asked.get()
        stopped.set()

    threading.Thread(target=wait, name="signals", daemon=True).start()
    return stopped
