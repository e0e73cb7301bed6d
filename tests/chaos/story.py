"""A seeded workload: what two agents of VPC-CNI clusters and one of a GlobalRouter cluster say in one chapter.

Binds and unbinds, weights, every event up to ten times, reordered, an unbind before its bind, a late bind, an id used
twice, addresses that pass from pod to pod and from cluster to cluster with a late unbind, whole, partial and stale
snapshots, and a second agent that says everything again.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Protocol

from tests.chaos.told import Told
from tests.chaos.world import LISTENERS, LOAD_BALANCERS, ROAMING, address


class World(Protocol):
    """What a story changes by hand, see `app.simulator.edits`."""

    def edit(self, kind: str, **fields: Any) -> Any:
        """Change the world at the cloud."""


class Stage(Protocol):
    """Where a story is told: real processes (`tests.chaos.plant`) or a simulation of them (`tests.simulation`)."""

    @property
    def told(self) -> Told:
        """What was said and done so far."""

    @property
    def simulator(self) -> World:
        """The world at the cloud."""

    def say(self, cluster_id: str, events: Sequence[dict[str, Any]]) -> None:
        """Post events of one agent."""

    def show(self, cluster_id: str, revision: int, entries: Sequence[dict[str, Any]]) -> None:
        """Send the full truth for a cluster's only Service."""

    def follow(self, cluster_id: str) -> None:
        """Read on in a cluster's changes."""


Step = Callable[[Stage], None]
ARRIVALS = (("cls-a", 9), ("cls-b", 6), ("cls-g", 3))
"""The clusters of a chapter, and how many new pods each has at most."""

LAST_ADDRESS = 240
PACE_SECONDS = 0.12
"""Between two posts of a chapter: it should last as long as the faults around it."""


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod that its cluster wants bound."""

    cluster_id: str
    uid: str
    ip: str
    load_balancer_id: str
    listener_id: str
    weight: int = 10


@dataclass
class Story:
    """All that was said, chapter by chapter; one revision counter stands for the clusters' resource versions."""

    chance: Random
    arrivals: Sequence[tuple[str, int]] = ARRIVALS
    load_balancers: Sequence[str] = LOAD_BALANCERS
    revision: int = 100
    alive: list[Pod] = field(default_factory=list)
    omitted: list[Pod] = field(default_factory=list)
    _used: dict[str, int] = field(default_factory=dict)
    _roamers: int = 0
    _said: list[tuple[str, list[dict[str, Any]]]] = field(default_factory=list)

    def chapter(self, stage: Stage) -> None:
        """Say one chapter, and a second agent says it again meanwhile. Raises what an agent may not hear."""
        self._said = []
        over = threading.Event()
        troubles: list[BaseException] = []
        echo = threading.Thread(target=self._echo, args=(stage, over, troubles), daemon=True)
        echo.start()
        try:
            for step in self.steps():
                step(stage)
                over.wait(PACE_SECONDS * self.chance.random() * 2)
        finally:
            over.set()
            echo.join(150)
        if troubles:
            raise troubles[0]

    def speak_again(self, stage: Stage, ips: set[str]) -> None:
        """Every live pod at these addresses is bound anew by its agent."""
        for pod in [pod for pod in self.alive if pod.ip in ips]:
            stage.say(pod.cluster_id, [self._bind(pod)])

    def steps(self) -> list[Step]:
        """The next chapter, step by step; the words are chosen here and said there."""
        steps: list[Step] = []
        for pod in self.omitted:
            back = self.chance.random() < 0.5
            steps.append(self._saying([self._bind(pod) if back else self._unbind(pod)], pod.cluster_id))
        self.omitted = []
        parts = [self._arrivals, self._departures, self._weights, self._passing_on, self._roaming, self._odd_words]
        for part in self.chance.sample(parts, len(parts)):
            steps += part()
        return [*steps, *self._truth()]

    def _arrivals(self) -> list[Step]:
        steps = []
        for cluster_id, most in self.arrivals:
            pods = [self._new_pod(cluster_id) for _ in range(self.chance.randint(2, most))]
            events = [self._bind(pod) for pod in pods]
            self.chance.shuffle(events)
            cut = self.chance.randint(1, len(events))
            steps += [self._saying(part, cluster_id) for part in (events[:cut], events[cut:]) if part]
            repeated = events[0]
            steps += [self._saying([repeated] * 10, cluster_id)]
        return steps

    def _departures(self) -> list[Step]:
        steps = []
        for pod in self.chance.sample(self.alive, len(self.alive) // 4):
            late, unbind = self._bind(pod), self._unbind(pod)
            told = [[unbind], [late]] if self.chance.random() < 0.3 else [[unbind]]
            steps += [self._saying(events, pod.cluster_id) for events in told]
        return steps

    def _weights(self) -> list[Step]:
        steps = []
        for pod in self.chance.sample(self.alive, len(self.alive) // 5):
            self.alive.remove(pod)
            self.alive.append(replace(pod, weight=self.chance.choice([10, 20, 50])))
            steps.append(self._saying([self._bind(self.alive[-1])], pod.cluster_id))
        return steps

    def _passing_on(self) -> list[Step]:
        """An address passes to a new pod of its cluster; the old one's unbind comes late."""
        if not self.alive:
            return []
        old = self.chance.choice(self.alive)
        heir = replace(old, uid=self._uid(old.cluster_id))
        unbind_first = self._unbind(old)
        self.alive.append(heir)
        return [self._saying([self._bind(heir)], old.cluster_id), self._saying([unbind_first], old.cluster_id)]

    def _roaming(self) -> list[Step]:
        """An address passes from cls-a to cls-b: bound there, moved at the cloud, bound here, unbound late there."""
        self._roamers += 1
        ip = f"10.0.3.{self._roamers}"
        first = Pod("cls-a", self._uid("cls-a"), ip, LOAD_BALANCERS[0], self.chance.choice(LISTENERS))
        second = replace(first, cluster_id="cls-b", uid=self._uid("cls-b"))
        bind_first, bind_second = self._bind(first), self._bind(second)
        unbind_late = self._unbind(first)
        self.alive.append(second)

        def move(stage: Stage) -> None:
            stage.told.owners[ip] = "cls-b"
            stage.simulator.edit("move-address", ip=ip, **{"from": ROAMING["cls-a"], "to": ROAMING["cls-b"]})

        return [
            self._saying([bind_first], "cls-a"),
            move,
            self._saying([bind_second], "cls-b"),
            self._saying([unbind_late], "cls-a"),
        ]

    def _odd_words(self) -> list[Step]:
        """An unbind before its bind, and an id that is used for something else."""
        ghost = self._new_pod("cls-a")
        late, unbind = self._bind(ghost), self._unbind(ghost)
        other = {**late, "revision": late["revision"] + 1}
        return [self._saying([unbind], "cls-a"), self._saying([late, other], "cls-a")]

    def _truth(self) -> list[Step]:
        """Snapshots of one cluster: whole, without some, nearly empty, or of long ago."""
        cluster_id = self.chance.choice(["cls-a", "cls-b"])
        pods = [pod for pod in self.alive if pod.cluster_id == cluster_id]
        kind = self.chance.choice(["whole", "whole", "partial", "nearly empty", "stale"])
        if kind == "stale":
            return [lambda stage: stage.show(cluster_id, 1, [])]
        left_out = {"whole": 0, "partial": min(1, len(pods)), "nearly empty": len(pods) - 1}[kind]
        self.omitted = self.chance.sample(pods, max(left_out, 0))
        revision = self._next()
        entries = [self._entry(pod) for pod in pods if pod not in self.omitted]
        return [lambda stage: stage.show(cluster_id, revision, entries)]

    def _saying(self, events: list[dict[str, Any]], cluster_id: str) -> Step:
        def step(stage: Stage) -> None:
            stage.say(cluster_id, events)
            self._said.append((cluster_id, events))

        return step

    def _echo(self, stage: Stage, over: threading.Event, troubles: list[BaseException]) -> None:
        """The second agent, and the reader of the feeds."""
        heard = 0
        try:
            while not over.wait(0.05):
                for cluster_id in ROAMING:
                    stage.follow(cluster_id)
                for cluster_id, events in self._said[heard : heard + 3]:
                    stage.say(cluster_id, events)
                    heard += 1
        except BaseException as error:  # noqa: BLE001 (the chapter raises it)
            troubles.append(error)

    def _new_pod(self, cluster_id: str) -> Pod:
        number = self._used[cluster_id] = self._used.get(cluster_id, -1) + 1
        taken = {pod.ip for pod in [*self.alive, *self.omitted]}
        while address(cluster_id, number % LAST_ADDRESS) in taken:
            number = self._used[cluster_id] = number + 1
        ip = address(cluster_id, number % LAST_ADDRESS)
        name, listener_id = self.chance.choice(self.load_balancers), self.chance.choice(LISTENERS)
        pod = Pod(cluster_id, self._uid(cluster_id), ip, name, listener_id, self.chance.choice([10, 10, 20]))
        self.alive.append(pod)
        return pod

    def _uid(self, cluster_id: str) -> str:
        return f"uid-{cluster_id}-{self._next()}"

    def _next(self) -> int:
        self.revision += 1
        return self.revision

    def _bind(self, pod: Pod) -> dict[str, Any]:
        return self._event(pod, "bind")

    def _unbind(self, pod: Pod) -> dict[str, Any]:
        if pod in self.alive:
            self.alive.remove(pod)
        return self._event(pod, "unbind")

    def _event(self, pod: Pod, kind: str) -> dict[str, Any]:
        revision = self._next()
        return {
            "event_id": f"{kind}-{revision}",
            "type": kind,
            "revision": revision,
            "observed_at": "2026-11-23T08:00:00Z",
            **self._entry(pod),
            "service": {"namespace": "shop", "name": "web"},
        }

    def _entry(self, pod: Pod) -> dict[str, Any]:
        mode = "global-router" if pod.cluster_id == "cls-g" else "vpc-cni"
        return {
            "pod": {"namespace": "shop", "name": pod.uid, "uid": pod.uid, "ip": pod.ip, "node": "10.0.200.1"},
            "workload": {"kind": "Deployment", "name": "web"},
            "network_mode": mode,
            "target": {
                "load_balancer_id": pod.load_balancer_id,
                "listener_id": pod.listener_id,
                "location_id": None,
                "port": 8080,
                "weight": pod.weight,
            },
        }
