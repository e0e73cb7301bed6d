"""The command line: one verb per process. Each says on one line what it works for, and ends on SIGTERM."""

import os
import queue
import signal
import sys
import tempfile
import threading
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import click

from app.audit_verb import audit
from app.domain.errors import BrokerError, SettingError
from app.logs import configure_logs
from app.settings import WORKER_PARTS, read_settings

CONSOLE: Final = {
    "bindings": "bindings",
    "clusters": "clusters",
    "completion": "context",
    "context": "context",
    "drift": "drift",
    "explain": "bindings",
    "history": "history",
    "holds": "holds",
    "load-balancers": "load_balancers",
    "who-had": "history",
}
"""The operators' commands, each with its module in `app.console`: loaded when called, and by no other process."""


class _Verbs(click.Group):
    """Errors that the broker raises on purpose end a process with one line, not with a stack trace."""

    def list_commands(self, context: click.Context) -> list[str]:
        return sorted([*super().list_commands(context), *CONSOLE])

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in CONSOLE:
            return super().get_command(context, name)
        module = import_module(f"app.console.{CONSOLE[name]}")
        command: click.Command = getattr(module, name.replace("-", "_"))
        return command

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
    from app.composition import build_worker, database_url, export_spans, sealing
    from app.spans import end_spans
    from app.worker.keep_history import keeping_history
    from app.worker.serve_metrics import serving_metrics
    from app.worker.watch_alarms import watching_alarms

    stopped = _stop_on_signals()
    with serving_metrics(settings.worker_listen) as url:
        passes_only = settings.worker_part == "passes"
        keeping = None if passes_only else sealing(settings)
        export_spans("clb-broker-worker")
        built, workshop = build_worker(settings, database_url(settings))
        accounts = ", ".join(sorted(settings.accounts))
        part = "" if settings.worker_part == WORKER_PARTS[0] else f", {settings.worker_part}"
        told = f", metrics at {url}/metrics" if url else ""
        click.echo(f"worker: {workshop.incarnation} works for accounts {accounts}{part}{told}")
        with ExitStack() as stack:
            if keeping is not None:
                stack.enter_context(watching_alarms(workshop))
                stack.enter_context(keeping_history(workshop.ledger, keeping))
            built.run(stopped)
    end_spans()
    workshop.ledger.close()
    click.echo("worker: ended")


@main.command()
def agent() -> None:
    """Watch a cluster's Services and pods, and tell the broker; holds no cloud credential."""
    configure_logs()
    from app.agent.metrics import AGENT
    from app.agent.run import Agent
    from app.agent.settings import read_agent_settings
    from app.serve_metrics import serving

    settings = read_agent_settings()
    stopped = _stop_on_signals()
    built = Agent(settings)
    with serving(settings.listen, "AGENT_LISTEN", AGENT, built.ready) as url:
        told = f", metrics at {url}/metrics" if url else ""
        where = f"cluster {settings.cluster_id} at {settings.broker_url}"
        click.echo(f"agent: {settings.identity} works for {where}{told}")
        built.run(stopped)
    click.echo("agent: ended")


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
def webhook() -> None:
    """Give new pods of direct-access Services the readiness gate: a mutating admission webhook."""
    configure_logs()
    from app.agent.admission.run import Webhook
    from app.agent.settings import read_webhook_settings

    stopped = _stop_on_signals()
    built = Webhook(read_webhook_settings())
    click.echo(f"webhook: listening on {built.url}")
    built.run(stopped)
    click.echo("webhook: ended")


@main.command("webhook-certificate")
@click.option("--service", envvar="CLB_BROKER_WEBHOOK_SERVICE", required=True, help="the webhook's Service")
@click.option("--namespace", envvar="CLB_BROKER_WEBHOOK_NAMESPACE", help="its namespace  [default: this pod's own]")
@click.option("--secret", envvar="CLB_BROKER_WEBHOOK_SECRET", required=True, help="the Secret to keep it in")
@click.option("--configuration", envvar="CLB_BROKER_WEBHOOK_CONFIGURATION", help="MutatingWebhookConfiguration to tell")
@click.option("--may-be-missing", is_flag=True, help="a configuration that is not there yet is no error")
@click.option(
    "--days",
    envvar="CLB_BROKER_WEBHOOK_CERTIFICATE_DAYS",
    type=click.IntRange(1, 36500),
    default=3650,
    show_default=True,
    help="how long a new one holds; it is made anew when less than a third is left",
)
def webhook_certificate(  # one parameter per option
    service: str, namespace: str | None, secret: str, configuration: str | None, may_be_missing: bool, days: int
) -> None:
    """Keep a self-signed certificate for the webhook in a Secret; safe to run twice and by two at once."""
    configure_logs()
    from app.agent.admission.certificate_secret import CertificateApi, SystemKeys, keep_certificate, order_of
    from app.agent.settings import own_namespace

    order = order_of(service, namespace or own_namespace(), secret, configuration, days, may_be_missing)
    click.echo(f"webhook-certificate: {keep_certificate(CertificateApi(), order, SystemKeys())}")


main.add_command(audit)


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
