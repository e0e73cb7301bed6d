"""The agent's surroundings: the cluster's API in this process, agents and the recorder as processes of their own."""

import os
import subprocess
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import psutil

from app.demo.processes import line_with
from app.simulator.kubernetes.resources import PODS, SLICES, Place
from app.simulator.kubernetes.server import KubernetesSimulator
from benchmarks.agent import objects
from benchmarks.agent.image import absent_modules
from benchmarks.agent.measures import Row
from benchmarks.agent.objects import NAMESPACE, Member
from benchmarks.stage import Http, Unfinished

STRATEGIC: Final = "application/strategic-merge-patch+json"
LEASE: Final = ("default", "clb-broker-agent")
END_SECONDS: Final = 15.0
PATIENCE_SECONDS: Final = 30.0


class Started:
    """A Python module as a process, from its first line that has ``ready`` in it until it is ended.

    Raises `Unfinished` when that line does not come; the log is in the message then.
    """

    def __init__(self, log: Path, ready: str, *command: str, **environment: str) -> None:
        self.began = time.monotonic()
        with log.open("a", encoding="utf-8") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *command],
                env={**os.environ, **environment},
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        found = line_with(self._process, ready)
        if found is None:
            self.end()
            raise Unfinished(f"{command} did not start:\n{log.read_text(encoding='utf-8')[-2000:]}")
        self.line = found.strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """SIGTERM, and the process's end. May be called twice."""
        self._process.terminate()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()
        self._process.wait()

    def used(self) -> tuple[float, int]:
        """Seconds of processor used so far, and bytes resident now."""
        process = psutil.Process(self._process.pid)
        with process.oneshot():
            times = process.cpu_times()
            return times.user + times.system, process.memory_info().rss


class Agent(Started):
    """`clb-broker agent` with its defaults, and with what the image has, for one cluster."""

    def __init__(self, place: Path, identity: str, cluster: "Cluster", broker_url: str, token: str = "none") -> None:
        super().__init__(
            place / "agent.log",
            "works for",
            "benchmarks.agent.as_image",
            ",".join(absent_modules()),
            "agent",
            KUBECONFIG=str(cluster.kubeconfig),
            CLB_BROKER_AGENT_BROKER_URL=broker_url,
            CLB_BROKER_AGENT_CLUSTER_ID="cls-0",
            CLB_BROKER_AGENT_TOKEN=token,
            CLB_BROKER_AGENT_LISTEN="127.0.0.1:0",
            CLB_BROKER_AGENT_IDENTITY=identity,
        )
        self.identity = identity
        self._http = Http(self.line.split("metrics at ")[1].removesuffix("/metrics"))

    def metrics(self) -> str:
        """What it counts, as Prometheus reads it."""
        return self._http.text("/metrics")


class Cluster:
    """The cluster's API, and the objects in it as the bench wants them: no controllers of its own."""

    def __init__(self, place: Path) -> None:
        self.api = KubernetesSimulator()
        self._place = place
        self._uids: dict[Member, str] = {}

    def __enter__(self) -> Self:
        self.api.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.api.close()

    @property
    def kubeconfig(self) -> Path:
        """A file that points a client here."""
        path = self._place / "kubeconfig"
        return path if path.exists() else self.api.write_kubeconfig(path)

    def fill(self, members: Sequence[Member]) -> None:
        """Services, ready pods and slices."""
        for number in objects.services_of(members):
            self.api.apply(objects.service(number))
        for member in members:
            self.add_pod(member)
        self.write_slices(members)

    def add_pod(self, member: Member, *, ready: bool = True) -> None:
        """A pod that runs at once."""
        found = self.api.verbs.apply(objects.pod(member, ready=ready))
        self._uids[member] = found["metadata"]["uid"]
        status = {"status": objects.pod(member, ready=ready)["status"]}
        self.api.verbs.patch(Place(PODS, NAMESPACE, member.name, "status"), status, STRATEGIC)

    def write_slices(self, members: Sequence[Member]) -> None:
        """Each Service's slice names these pods of it, and no other."""
        for number in objects.services_of(members):
            those = [(each, self._uids[each]) for each in members if each.service == number]
            given = objects.endpoint_slice(number, those)
            place = Place(SLICES, NAMESPACE, given["metadata"]["name"], None)
            if self.api.store.get(SLICES, (NAMESPACE, given["metadata"]["name"])) is None:
                self.api.apply(given)
            else:
                self.api.verbs.update(place, given)

    def set_ready(self, member: Member, *, ready: bool) -> float:
        """The pod's containers are ready, or not any more; the moment before this was stored, and so before it was
        sent to anybody."""
        at = time.monotonic()
        place = Place(PODS, NAMESPACE, member.name, "status")
        self.api.verbs.patch(place, objects.readiness(ready=ready), STRATEGIC)
        return at

    def end_pod(self, member: Member) -> float:
        """The pod begins to terminate; the moment before."""
        at = time.monotonic()
        self.api.delete("Pod", NAMESPACE, member.name)
        return at

    def remove_pod(self, member: Member) -> None:
        """The pod is gone."""
        self.api.delete("Pod", NAMESPACE, member.name, 0)

    def open_gates(self) -> int:
        """How many pods have the gate's condition, and it is True."""
        with self.api.store.held():
            rows = self.api.store.rows(PODS)
        return sum(_is_open(each) for _, each in rows)

    def holder(self) -> str | None:
        """Who leads."""
        lease = self.api.get("Lease", *LEASE)
        holder: str | None = lease["spec"].get("holderIdentity") if lease is not None else None
        return holder or None


class Recorder:
    """The recording broker's other side; see `benchmarks.agent.recorder`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = Http(url)
        self._requests = 0
        self._events = 0

    def told_of(self, changed: Collection[tuple[str, str]]) -> list[Row]:
        """The requests since the last look, as soon as each of these (type, address) was among them.

        Raises `Unfinished`, which says what else was told of the addresses that are missing.
        """
        rows: list[Row] = []
        missing = set(changed)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while missing:
            rows += self.others(wait_for=len(missing))
            missing -= {(kind, address) for row in rows for kind, address in row["words"]}
            if missing and time.monotonic() > deadline:
                addresses = {address for _, address in missing}
                told = [(row["at"], word) for row in rows for word in row["words"] if word[1] in addresses]
                raise Unfinished(f"never told of {sorted(missing)}, but of {told}")
        return rows

    def others(self, wait_for: int = 0) -> list[Row]:
        """The requests since the last look, as soon as they have so many events, or after some patience."""
        query = {"after": self._requests, "until": self._events + wait_for}
        rows: list[Row] = self._http.ask("GET", "/_control/seen", **query)["requests"]
        self._requests += len(rows)
        self._events += sum(len(row["words"]) for row in rows)
        return rows


def start_recorder(place: Path) -> Started:
    """The recording broker; its line ends with where it listens."""
    return Started(place / "recorder.log", "listening on", "benchmarks.agent.recorder")


def _is_open(pod: Mapping[str, Any]) -> bool:
    conditions = pod["status"].get("conditions") or ()
    return any(each["type"] == objects.GATE and each["status"] == "True" for each in conditions)
