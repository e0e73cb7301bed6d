"""What was measured of history, as Markdown."""

import os
import time
from typing import Final

import click

from benchmarks.audit.looking_back import LookedBack, look_back
from benchmarks.audit.past import Past
from benchmarks.audit.sealing import Compared, compare, figures
from benchmarks.report import table

DAYS: Final = 400
STREAMED: Final = 1_000_000


def figures_of_history(entries: int) -> str:
    """Measure all of it, and tell of each part when it is done."""
    parts = [f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before."]
    parts.append(_sealing(compare()))
    click.echo(parts[-1])
    parts.append(_looked_back(look_back(Past(entries, DAYS), min(entries, STREAMED))))
    click.echo(parts[-1])
    return "\n\n".join(parts)


def _sealing(found: list[Compared]) -> str:
    rows = []
    for each in found:
        off, on = figures(each.off), figures(each.on)
        shown = [
            ("median ms", f"{1000 * off.median:.2f}", f"{1000 * on.median:.2f}", _change(off.median, on.median)),
            ("mean ms", f"{1000 * off.mean:.2f}", f"{1000 * on.mean:.2f}", _change(off.mean, on.mean)),
            ("entries a second", f"{off.pace:,.0f}", f"{on.pace:,.0f}", _change(off.pace, on.pace)),
        ]
        rows += [(each.name, *row) for row in shown]
        rows.append((each.name, "lag of the seal, s, at most", "", f"{each.lag:.1f}", ""))
    return table(("sealer off and on by turns", "of a transaction", "off", "on", "change"), rows)


def _change(off: float, on: float) -> str:
    return f"{100 * (on / off - 1):+.1f} %"


def _looked_back(found: LookedBack) -> str:
    questions = table(("question over HTTP", "n", "median, ms", "p99", "most"), [each.row for each in found.questions])
    streams = table(
        ("stream", "entries", "seconds", "entries a second", "server grew by, MB"),
        [
            (
                each.kind,
                f"{each.entries:,}",
                f"{each.seconds:.0f}",
                f"{each.entries / each.seconds:,.0f}",
                f"{each.megabytes:.0f}",
            )
            for each in found.streams
        ],
    )
    past = f"{found.past.entries:,} entries over {found.past.days} days, {found.gigabytes:.1f} GB with all indexes."
    return f"{past}\n\n{questions}\n\n{streams}\n\n```\n{found.plan}\n```"
