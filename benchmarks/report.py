"""Figures as Markdown tables, and their place in docs/benchmarks.md."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from benchmarks.bound import Bound, percentile
from benchmarks.measures import STEPS, Convergence, Neighbours, SingleBind
from benchmarks.world import Size

SHOWN_PARAMETERS: Final = (
    "batch_seconds",
    "batch_seconds_per_target",
    "tail_seconds",
    "tail_seconds_per_target",
    "task_seconds",
    "read_seconds",
    "calls_per_second",
    "target_quota",
)


class NoPlace(ValueError):
    """The document has no part for the figures of that name."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What the figures were measured on. ``load`` is the load average of the minute before."""

    when: str
    cores: int
    load: float
    workers: int


def heading(size: Size, machine: Machine, parameters: Mapping[str, Any], best: Bound) -> str:
    """What was measured, on what, and the bound."""
    shown = ", ".join(f"{name} {parameters[name]:g}" for name in SHOWN_PARAMETERS)
    return (
        f"{size.binds:,} binds over {size.load_balancers} load balancers, {size.clusters} clusters, "
        f"{machine.workers} worker(s); {machine.when}, {machine.cores} cores, load {machine.load:.1f} before.\n\n"
        f"Simulator: {shown}.\n\n"
        f"T* = {best.seconds:.2f} s: detection {best.detection:.2f}, budget {best.by_budget:.2f}, "
        f"slowest load balancer {best.by_load_balancer:.2f}."
    )


def convergence_table(runs: Sequence[Convergence]) -> str:
    """One row for each who, in the order of their first runs; several runs of one as median and range."""
    names = list(dict.fromkeys(run.who for run in runs))
    rows = [_convergence_row(name, [run for run in runs if run.who == name]) for name in names]
    header = ("who", "T, s", "T ÷ T*", "in the ledger, s", "writes", "writes ÷ least", "all calls", "failed calls")
    return table(header, rows)


def single_table(binds: Sequence[SingleBind]) -> str:
    """The overhead of single binds, in milliseconds."""
    rows = []
    for name, values in (
        ("overhead: event posted → target visible, without the cloud's own time", [each.overhead for each in binds]),
        ("event posted → answered", [each.answered for each in binds]),
    ):
        shown = [median(values), percentile(values, 0.9), percentile(values, 0.99), max(values)]
        rows.append((name, str(len(values)), *(f"{1000 * each:.0f}" for each in shown)))
    return table(("single binds", "n", "median, ms", "p90", "p99", "most"), rows)


def neighbours_table(runs: Sequence[Neighbours], size: Size) -> str:
    """A quiet cluster's overheads before and during a noisy one's burst, in milliseconds, and by how much they grow."""
    idle = [each for run in runs for each in run.idle]
    during = [each for run in runs for each in run.during]
    seconds = median(run.noise_seconds for run in runs)
    noise = (
        f"while another cluster binds {size.binds:,} pods over {size.load_balancers} load balancers ({seconds:.1f} s)"
    )
    rows = []
    for name, values in (("the other cluster is quiet", idle), (noise, during)):
        rows.append((name, str(len(values)), *(f"{1000 * each:.0f}" for each in _middle_and_tail(values))))
    ratios = (after / before for before, after in zip(_middle_and_tail(idle), _middle_and_tail(during), strict=True))
    rows.append(("ratio", "", *(f"{each:.2f}" for each in ratios)))
    return table(("single binds of a quiet cluster: overhead", "n", "median, ms", "p90", "p99", "most"), rows)


def _middle_and_tail(values: Sequence[float]) -> list[float]:
    return [median(values), percentile(values, 0.9), percentile(values, 0.99), max(values)]


def steps_table(binds: Sequence[SingleBind]) -> str:
    """Where the overhead of single binds goes, in milliseconds."""
    names = [each for name, _ in STEPS for each in (name, f"{name}: answer")] + ["is there"]
    rows = []
    for name in names:
        values = [each.steps[name] for each in binds if name in each.steps]
        if values:
            shown = (f"{1000 * median(values):.1f}", f"{1000 * percentile(values, 0.99):.1f}")
            rows.append((name, str(len(values)), *shown))
    return table(("step, until the cloud has the call", "n", "median, ms", "p99"), rows)


def calls_table(calls: Mapping[str, Mapping[str, int]]) -> str:
    """The broker's calls by action, one column for each scenario."""
    actions = list(dict.fromkeys(action for each in calls.values() for action in each))
    rows = [(action, *(str(each.get(action, 0)) for each in calls.values())) for action in actions]
    return table(("calls", *calls), rows)


def placed(document: str, name: str, figures: str) -> str:
    """``document`` with the figures of that name replaced. Raises `NoPlace`."""
    begin, end = f"<!-- figures: {name} -->", f"<!-- end: {name} -->"
    before, found_begin, rest = document.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found_begin or not found_end:
        raise NoPlace(f"{begin} … {end} is not in the document")
    return f"{before}{begin}\n\n{figures}\n\n{end}{after}"


def _convergence_row(name: str, runs: Sequence[Convergence]) -> tuple[str, ...]:
    known = [run.known_seconds for run in runs if run.known_seconds is not None]
    return (
        name,
        _span((run.seconds for run in runs), 2),
        _span((run.time_ratio for run in runs), 2),
        _span(known, 2) if known else "",
        _span((run.writes for run in runs), 0),
        _span((run.call_ratio for run in runs), 2),
        _span((run.calls for run in runs), 0),
        _span((run.failed for run in runs), 0),
    )


def _span(values: Iterable[float], digits: int) -> str:
    found = list(values)
    middle = f"{median(found):.{digits}f}"
    return middle if len(found) == 1 else f"{middle} ({min(found):.{digits}f} to {max(found):.{digits}f})"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
