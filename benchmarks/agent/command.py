"""`python -m benchmarks agent`: all figures of the agent, into their part of docs/benchmarks.md."""

import os
import time
from pathlib import Path
from typing import Final

import click

from benchmarks import report
from benchmarks.agent import tables
from benchmarks.agent.standing import standing
from benchmarks.agent.telling import tellings
from benchmarks.report import Machine

DOCUMENT: Final = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"


@click.command()
@click.option("--idle-seconds", default=60.0, show_default=True, help="how long idle agents are looked at")
@click.option("--singles", default=200, show_default=True, help="single pods that become ready, one after the other")
@click.option("--bursts", default=10, show_default=True, help="bursts of 100 pods that become ready")
@click.option("--seed", default=7, show_default=True, help="of the pauses between changes")
@click.option("--write/--no-write", default=True, show_default=True, help="the figures into docs/benchmarks.md")
def agent(idle_seconds: float, singles: int, bursts: int, seed: int, *, write: bool) -> None:
    """Measure how light and how quick the in-cluster agent is."""
    parts = [tables.heading(Machine(time.strftime("%Y-%m-%d"), os.cpu_count() or 1, os.getloadavg()[0], 1))]
    ready, rolled = tellings(singles, bursts, seed)
    parts += [
        tables.tellings_table(ready),
        tables.requests_table([*(each for each in ready if each.runs < each.needed), *rolled]),
    ]
    stood = standing(idle_seconds)
    parts += [tables.idle_table(stood), tables.restarts_table(stood)]
    figures = "\n\n".join(parts)
    click.echo(figures)
    if write:
        DOCUMENT.write_text(report.placed(DOCUMENT.read_text(encoding="utf-8"), "agent", figures), encoding="utf-8")
