"""The benchmark: `make bench`, or `python -m benchmarks --help`."""

import os
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import click

from benchmarks import broker, report, strategies, world
from benchmarks.agent.command import agent
from benchmarks.audit.figures import figures_of_history
from benchmarks.bound import CloudTimes, bound
from benchmarks.measures import Convergence
from benchmarks.report import Machine
from benchmarks.stage import running_cloud
from benchmarks.world import SIZES, Size

DOCUMENT: Final = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
FAILING: Final = 0.01
SCENARIOS: Final = ("many", "interleaved", "faults", "others", "single", "neighbour")


class Bench:
    """One run: what was asked for, and what was found so far."""

    def __init__(self, size: Size, workers: int, repeat: int, seed: int) -> None:
        self._size = size
        self._workers = workers
        self._repeat = repeat
        self._seed = seed
        self._runs: list[Convergence] = []
        self._calls: dict[str, Mapping[str, int]] = {}
        self._parts: list[str] = []

    def run(self, scenarios: tuple[str, ...], binds: int) -> str:
        """Run the scenarios; all figures as Markdown."""
        machine = Machine(time.strftime("%Y-%m-%d"), os.cpu_count() or 1, os.getloadavg()[0], self._workers)
        self._head(machine)
        for number in range(self._repeat):
            self._many(scenarios, self._seed + number)
        if self._runs:
            self._say(report.convergence_table(self._runs))
        if self._calls:
            self._say(report.calls_table(self._calls))
        if "single" in scenarios:
            found = broker.single_binds(binds, self._workers, self._seed)
            self._say(report.single_table(found))
            self._say(report.steps_table(found))
        if "neighbour" in scenarios:
            runs = [broker.noisy_neighbour(self._size, self._workers) for _ in range(self._repeat)]
            self._say(report.neighbours_table(runs, self._size))
        return "\n\n".join(self._parts)

    def _head(self, machine: Machine) -> None:
        with running_cloud(self._size) as cloud:
            parameters = cloud.parameters()
        work = world.workload(world.pods(self._size))
        best = bound(CloudTimes.of(parameters), work, broker.PER_SECOND)
        self._say(report.heading(self._size, machine, parameters, best))

    def _many(self, scenarios: tuple[str, ...], seed: int) -> None:
        pods = world.pods(self._size)
        mixed = world.interleaved(pods)
        runs: dict[str, Callable[[], None]] = {
            "many": lambda: self._broker("the broker", pods, seed=seed),
            "interleaved": lambda: self._broker("the broker, interleaved", mixed, seed=seed),
            "faults": lambda: self._broker("the broker, 1 % faults", pods, failing=FAILING, seed=seed),
            "others": lambda: self._others(pods),
        }
        for name, run in runs.items():
            if name in scenarios:
                run()

    def _broker(self, who: str, pods: list[world.Pod], *, failing: float = 0.0, seed: int = 1) -> None:
        found, calls = broker.many_binds(who, self._size, pods, self._workers, failing, seed)
        self._calls[who] = calls
        self._note(found)

    def _others(self, pods: list[world.Pod]) -> None:
        for who in strategies.STRATEGIES:
            self._note(strategies.strategy(who, self._size, pods))

    def _note(self, found: Convergence) -> None:
        self._runs.append(found)
        click.echo(
            f"{found.who}: T {found.seconds:.2f} s, T/T* {found.time_ratio:.2f}, {found.writes} writes", err=True
        )

    def _say(self, text: str) -> None:
        self._parts.append(text)
        click.echo(f"\n{text}")


@click.group(invoke_without_command=True)
@click.option("--size", type=click.Choice(list(SIZES)), default="small", show_default=True)
@click.option("--scenario", "scenarios", type=click.Choice(SCENARIOS), multiple=True, help="several; none: all")
@click.option("--binds", default=110, show_default=True, help="single binds")
@click.option("--workers", default=1, show_default=True, help="worker processes")
@click.option("--repeat", default=1, show_default=True, help="runs of each scenario of many binds")
@click.option("--seed", default=7, show_default=True, help="of the faults and of the pauses between single binds")
@click.option("--history", default=0, help="instead: what history costs, with so many entries (10,000,000)")
@click.option("--write/--no-write", default=True, show_default=True, help="the figures into docs/benchmarks.md")
def main(
    size: str,
    scenarios: tuple[str, ...],
    binds: int,
    workers: int,
    repeat: int,
    seed: int,
    history: int,
    *,
    write: bool,
) -> None:
    """Measure how far the broker is from as fast as the cloud lets anyone be."""
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    if click.get_current_context().invoked_subcommand is not None:
        return
    if history:
        _place("history", figures_of_history(history), write=write)
        return
    figures = Bench(SIZES[size], workers, repeat, seed).run(scenarios or SCENARIOS, binds)
    _place(size, figures, write=write and not scenarios)


def _place(name: str, figures: str, *, write: bool) -> None:
    if write:
        DOCUMENT.write_text(report.placed(DOCUMENT.read_text(encoding="utf-8"), name, figures), encoding="utf-8")


main.add_command(agent)

if __name__ == "__main__":
    main()
