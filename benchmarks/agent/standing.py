"""An agent that has nothing to do, and agents that begin anew: within a whole installation, everything bound."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import psutil

from benchmarks.agent import measures, objects
from benchmarks.agent.image import absent_modules
from benchmarks.agent.measures import Idle, Restart
from benchmarks.agent.stage import Agent, Cluster, Started
from benchmarks.stage import Broker, Http, Unfinished, running_broker, wait_for

SETTLE_SECONDS: Final = 10.0
LOOK_SECONDS: Final = 0.03
PAGE: Final = 200
REPEATS: Final = 3
CLOUD_WRITES: Final = frozenset(
    {"BatchRegisterTargets", "BatchDeregisterTargets", "RegisterTargets", "DeregisterTargets"}
    | {"BatchModifyTargetWeight", "ModifyTargetWeight"}
)
KUBERNETES_WRITES: Final = frozenset({"create", "update", "patch", "delete"})
IMPORTS: Final = """
import sys
sys.modules.update(dict.fromkeys(sys.argv[1].split(",")))
import time, app.cli, app.agent.run, app.serve_metrics
time.sleep(600)
"""
IMPORT_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Standing:
    """All that is found: ``imports_bytes`` are resident in a process that has imported the agent and does nothing."""

    idle: Sequence[Idle]
    imports_bytes: int
    restarts: Sequence[Restart]
    bare_seconds: float
    """A bare client's time, from its start to the last answer."""


def standing(idle_seconds: float) -> Standing:
    """Measure idle agents, then restarts. Raises `Unfinished`."""
    with _surroundings() as around:
        with Agent(around.place, "agent-0", around.cluster, around.broker.url, around.token) as first:
            around.wait_until_bound()
            with Agent(around.place, "agent-1", around.cluster, around.broker.url, around.token) as second:
                time.sleep(SETTLE_SECONDS)
                idle = _idle({"the leader": first, "a second replica": second}, idle_seconds)
        time.sleep(SETTLE_SECONDS)
        restarts = [restart for how in HOW for restart in Restarts(around).several(how)]
        bare = statistics.median(around.bare_seconds() for _ in range(REPEATS))
        return Standing(idle, _imports_bytes(), restarts, bare)


class Around:
    """The installation, the cluster, and what both have noted."""

    def __init__(self, place: Path, cluster: Cluster, broker: Broker) -> None:
        self.place = place
        self.cluster = cluster
        self.broker = broker
        self.token = broker.tokens["cls-0"]
        self._agent = Http(broker.url, self.token)
        self._cursor: str | None = None

    def wait_until_bound(self) -> None:
        """Until every pod's target is there and its gate says so."""
        count = objects.SIZE.binds
        wait_for("all gates to be open", lambda: self.cluster.open_gates() == count, every=0.5)
        self.broker.wait_until_bound()

    def new_changes(self) -> int:
        """How many bindings changed since the last look, by the ledger's own numbers."""
        count = 0
        while True:
            query = {"limit": PAGE, **({"after": self._cursor} if self._cursor else {})}
            page = self._agent.ask("GET", "/v1/clusters/cls-0/changes", wait=0, **query)
            self._cursor = page["next_cursor"]
            count += len(page["items"])
            if not page["items"]:
                return count

    def bare_seconds(self) -> float:
        """How long a bare client takes, from its start to the last answer. Raises `Unfinished` for another answer."""
        arguments = ("restart", self.cluster.api.endpoint, self.broker.url, self.token)
        began = time.monotonic()
        with Started(self.place / "bare.log", "told", "benchmarks.agent.bare", *arguments) as bare:
            if bare.line != f"bare: told {{'unchanged': {objects.SIZE.binds}}}":
                raise Unfinished(bare.line)
            return time.monotonic() - began


class Restarts:
    """Agents that begin while everything is as it should be, each from its beginning until all was told again."""

    def __init__(self, around: Around) -> None:
        self._around = around

    def several(self, how: str) -> list[Restart]:
        """Some runs of one way to restart."""
        end, standby, times = HOW[how]
        return [self._once(how, end, standby=standby, number=number) for number in range(times)]

    def _once(self, how: str, end: Callable[[Agent], None], *, standby: bool, number: int) -> Restart:
        with ExitStack() as ends:
            first = ends.enter_context(self._agent(f"first-{how}-{number}"))
            self._wait_until_right(first)
            second = ends.enter_context(self._agent(f"second-{how}-{number}")) if standby else None
            self._rest()
            self._around.new_changes()
            self._around.broker.cloud.new_calls()
            self._around.cluster.api.clear_calls()
            if second is not None:
                began = time.monotonic()
                end(first)
            else:
                end(first)
                began = time.monotonic()
                second = ends.enter_context(self._agent(f"second-{how}-{number}"))
            leads = self._wait_until_leading(second)
            right = self._wait_until_right(second)
            self._rest()
            return self._found(how, second, leads - began, right - leads)

    def _found(self, how: str, agent: Agent, until_leading: float, until_right: float) -> Restart:
        calls = self._around.broker.cloud.new_calls()
        kubernetes = [each for each in self._around.cluster.api.calls if each.verb in KUBERNETES_WRITES]
        return Restart(
            how=how,
            lease_ran_out=HOW[how][0] is Agent.kill,
            until_leading=until_leading,
            until_right=until_right,
            requests=round(_requests(agent.metrics())),
            cloud_writes=sum(row["action"] in CLOUD_WRITES for row in calls),
            ledger_changes=self._around.new_changes(),
            kubernetes_writes=sum(each.resource != "leases" for each in kubernetes),
        )

    def _agent(self, identity: str) -> Agent:
        return Agent(self._around.place, identity, self._around.cluster, self._around.broker.url, self._around.token)

    def _rest(self) -> None:
        time.sleep(3.0)

    def _wait_until_leading(self, agent: Agent) -> float:
        wait_for(f"{agent.identity} to lead", lambda: self._around.cluster.holder() == agent.identity, every=0.005)
        return time.monotonic()

    def _wait_until_right(self, agent: Agent) -> float:
        """Until the broker has answered the full truth about every pod, and there is nothing left to tell."""

        def right() -> bool:
            text = agent.metrics()
            answered = measures.total(text, "clb_broker_agent_results_total", outcome="unchanged")
            untold = measures.total(text, "clb_broker_agent_services_to_tell")
            told = measures.total(text, "clb_broker_agent_broker_requests_total", request="snapshot", status="200")
            return answered >= objects.SIZE.binds and untold == 0 and told >= objects.SIZE.load_balancers

        wait_for(f"{agent.identity} to have told everything", right, every=LOOK_SECONDS)
        return time.monotonic()


HOW: Final[dict[str, tuple[Callable[[Agent], None], bool, int]]] = {
    "ended, and started again": (Agent.end, False, REPEATS),
    "killed, and started again": (Agent.kill, False, 1),
    "ended, a second replica takes over": (Agent.end, True, REPEATS),
    "killed, a second replica takes over": (Agent.kill, True, 1),
}
"""Ways to restart: how the leader ends, whether another one runs already, and how many runs."""


def _requests(text: str) -> float:
    names = ("pod-events", "snapshot")
    return sum(measures.total(text, "clb_broker_agent_broker_requests_total", request=name) for name in names)


def _idle(agents: dict[str, Agent], seconds: float) -> list[Idle]:
    before = {who: (time.monotonic(), agent.used()[0], _told(agent)) for who, agent in agents.items()}
    time.sleep(seconds)
    found = []
    for who, agent in agents.items():
        began, processor, snapshots = before[who]
        now, resident = agent.used()
        found.append(Idle(who, time.monotonic() - began, now - processor, resident, round(_told(agent) - snapshots)))
    return found


def _told(agent: Agent) -> float:
    return measures.total(agent.metrics(), "clb_broker_agent_broker_requests_total", request="snapshot")


def _imports_bytes() -> int:
    process = subprocess.Popen([sys.executable, "-c", IMPORTS, ",".join(absent_modules())])
    try:
        time.sleep(IMPORT_SECONDS)
        resident: int = psutil.Process(process.pid).memory_info().rss
        return resident
    finally:
        process.kill()
        process.wait()


@contextmanager
def _surroundings() -> Iterator[Around]:
    with TemporaryDirectory(prefix="clb-broker-bench-", ignore_cleanup_errors=True) as name:
        place = Path(name)
        with running_broker(objects.SIZE, workers=1) as broker, Cluster(place) as cluster:
            cluster.fill(objects.members())
            yield Around(place, cluster, broker)
