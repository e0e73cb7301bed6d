"""The agent's figures as Markdown."""

from collections.abc import Sequence
from statistics import median
from typing import Final

from benchmarks.agent.measures import Idle, Restart, Telling
from benchmarks.agent.objects import SIZE
from benchmarks.agent.standing import Standing
from benchmarks.bound import percentile
from benchmarks.report import Machine, table

MEBIBYTE: Final = 2**20
IDLE_SHARE: Final = 0.01
RESIDENT_BYTES: Final = 80 * MEBIBYTE
TELL_SECONDS: Final = 0.1
RIGHT_SECONDS: Final = 5.0


def heading(machine: Machine) -> str:
    """What was measured, on what."""
    return (
        f"{SIZE.binds:,} pods over {SIZE.load_balancers} Services, {machine.workers} worker(s); "
        f"{machine.when}, {machine.cores} cores, load {machine.load:.1f} before."
    )


def idle_table(found: Standing) -> str:
    """Processor and memory of agents that have nothing to do, over their aims."""
    rows = [_idle_row(each) for each in found.idle]
    imports = found.imports_bytes
    rows.append(("its imports alone", "", "", "", f"{imports / MEBIBYTE:.1f}", f"{imports / RESIDENT_BYTES:.2f}"))
    header = ("idle", "snapshots meanwhile", "% of a core", "÷ 1 %", "resident, MiB", "÷ 80 MiB")
    return table(header, rows)


def tellings_table(found: Sequence[Telling]) -> str:
    """From the change to the request at the broker, over the aim and over the bare client's median for the same."""
    medians = {(each.who, each.what): median(each.delays) for each in found}
    return table(
        ("pod ready → bind at the broker", "who", "n", "median, ms", "p90", "p99", "most", "÷ 100 ms", "÷ bare"),
        [_telling_row(each, medians.get(("a bare client", each.what))) for each in found],
    )


def requests_table(found: Sequence[Telling]) -> str:
    """How many requests changes took, over the fewest that 1,000 events a request allow and beside one for each."""
    header = (
        "changes",
        "who",
        "needed",
        "events sent",
        "÷ needed",
        "requests",
        "÷ fewest",
        "events per request: mean",
        "median",
        "most",
        "a change, ms: median",
        "most",
    )
    return table(header, [_requests_row(each) for each in found])


def restarts_table(found: Standing) -> str:
    """Until all is told again, over the aim and the bare client's time; and that nothing was written for it."""
    header = (
        "the leader is",
        "n",
        "leads after, s",
        "then right after, s",
        "judged, s",
        "÷ 5 s",
        "÷ bare",
        "requests",
        "writes at the cloud",
        "changes in the ledger",
        "writes to Kubernetes",
    )
    names = list(dict.fromkeys(each.how for each in found.restarts))
    groups = [[each for each in found.restarts if each.how == name] for name in names]
    bare = f"A bare client tells the same in {found.bare_seconds:.2f} s from its start."
    return f"{table(header, [_restart_row(each, found.bare_seconds) for each in groups])}\n\n{bare}"


def _idle_row(each: Idle) -> tuple[str, ...]:
    return (
        f"{each.who}, {each.seconds:.0f} s",
        str(each.snapshots),
        f"{100 * each.share:.2f}",
        f"{each.share / IDLE_SHARE:.2f}",
        f"{each.resident_bytes / MEBIBYTE:.1f}",
        f"{each.resident_bytes / RESIDENT_BYTES:.2f}",
    )


def _telling_row(each: Telling, bare: float | None) -> tuple[str, ...]:
    middle = median(each.delays)
    values = (middle, percentile(each.delays, 0.9), percentile(each.delays, 0.99), max(each.delays))
    ratio = f"{middle / bare:.2f}" if bare else ""
    shown = (f"{1000 * value:.1f}" for value in values)
    return (each.what, each.who, str(len(each.delays)), *shown, f"{middle / TELL_SECONDS:.2f}", ratio)


def _requests_row(each: Telling) -> tuple[str, ...]:
    return (
        each.what,
        each.who,
        str(each.needed),
        str(each.words),
        f"{each.words / each.needed:.2f}",
        str(each.requests),
        f"{each.requests / each.fewest:.0f}",
        f"{each.words / each.requests:.0f}",
        f"{median(each.words_per_request):.0f}",
        str(max(each.words_per_request)),
        f"{1000 * median(each.delays):.0f}",
        f"{1000 * max(each.delays):.0f}",
    )


def _restart_row(runs: Sequence[Restart], bare: float) -> tuple[str, ...]:
    judged = median(each.judged_seconds for each in runs)
    return (
        runs[0].how,
        str(len(runs)),
        f"{median(each.until_leading for each in runs):.2f}",
        f"{median(each.until_right for each in runs):.2f}",
        f"{judged:.2f}",
        f"{judged / RIGHT_SECONDS:.2f}",
        f"{judged / bare:.2f}",
        str(max(each.requests for each in runs)),
        str(sum(each.cloud_writes for each in runs)),
        str(sum(each.ledger_changes for each in runs)),
        str(sum(each.kubernetes_writes for each in runs)),
    )
