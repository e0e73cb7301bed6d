"""A storm: thousands of events over tens of load balancers, while both workers are killed and restarted at random.

``python -m tests.chaos storm SEED EVENTS``. The seed fixes the words and the killers' dice. What clients may say next
waits for the killers, not for the clock: as many events as the storm has are spread over as many deaths, however fast
the machine is.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random
from statistics import median
from typing import Any

from tests.chaos.histories import Breach, Trouble
from tests.chaos.mistakes import MISTAKES
from tests.chaos.plant import WORKERS, Plant, fresh_place
from tests.chaos.rounds import judged
from tests.chaos.story import Story
from tests.chaos.world import CLUSTERS, Scale
from tests.chaos.writes import held_up

EVENTS = 5000
LOAD_BALANCERS = 30
LOOK_SECONDS = 10
EVENTS_PER_DEATH = 200
LEAST_DEATHS = 3
EVENTS_PER_POST = 40
MOST_PODS = 200
LONGEST_LIFE = 2.5
LONGEST_DEATH = 1.0
"""The most seconds between a worker's start and its kill, and between that and its restart."""

CHOICES = {"bind": 45, "unbind": 25, "weight": 15, "repeat": 10, "heir": 5}
"""What a cluster may say next, by weight."""

Post = list[dict[str, Any]]
Posts = Mapping[str, Sequence[Post]]


@dataclass(frozen=True, slots=True)
class Storm:
    """What came of a storm: the promises that broke; and how much of one it was."""

    breaches: list[Breach]
    events: int
    deaths: int
    lives: int
    """How many lives of workers wrote something."""
    calls: int
    seconds: float
    held_up: float
    """For how many seconds the machine may have held up a call, at the median: so much its pace could not be judged."""

    def told(self) -> str:
        """How much of a storm it was, to be read by a person."""
        wrote = f"{self.lives} lives wrote, {self.calls} calls to the cloud, {self.seconds:.0f} s"
        wrote += f", calls held up for up to {self.held_up * 1000:.0f} ms"
        return f"{self.events} events, {self.deaths} workers killed, {wrote}"


def storm(seed: int, events: int = EVENTS, load_balancers: int = LOAD_BALANCERS, mistake: str | None = None) -> Storm:
    """Play one on an installation of its own, to its end and judgement."""
    names = tuple(f"lb-{number}" for number in range(1, load_balancers + 1))
    scale = Scale(names, LOOK_SECONDS)
    posts = Downpour(Random(f"{seed} storm"), load_balancers=names).posts(events)
    with fresh_place() as place, Plant(place, mistake, in_the_api=_in_the_api(mistake), scale=scale) as plant:
        began = time.time()
        deaths = _rage(plant, posts, seed, max(LEAST_DEATHS, events // EVENTS_PER_DEATH))
        plant.told.troubles.append(Trouble("workers killed at random", began, time.time()))
        breaches = judged(plant)
        history = plant.history()
        lives = len({operation.incarnation for operation in history.operations})
        held = median(held_up(history, call.received_at) for call in history.calls)
        return Storm(breaches, len(history.words), deaths, lives, len(history.calls), time.time() - began, held)


def _in_the_api(mistake: str | None) -> bool:
    return mistake is not None and MISTAKES[mistake].in_the_api


@dataclass
class Downpour(Story):
    """All words of a storm, chosen beforehand."""

    _late: dict[str, Post] = field(default_factory=lambda: defaultdict(list))
    """Unbinds of pods whose places have passed to heirs."""

    def posts(self, events: int) -> Posts:
        """So many events and a few late unbinds, as the requests in which each cluster's agent sends them."""
        clusters = sorted(CLUSTERS)
        words: dict[str, Post] = {cluster_id: [] for cluster_id in clusters}
        for _ in range(events):
            cluster_id = self.chance.choice(clusters)
            words[cluster_id].append(self._word(cluster_id, words[cluster_id]))
        return {cluster_id: self._cut(said + self._late[cluster_id]) for cluster_id, said in words.items()}

    def _word(self, cluster_id: str, said: Post) -> dict[str, Any]:
        mine = [pod for pod in self.alive if pod.cluster_id == cluster_id]
        (choice,) = self.chance.choices(list(CHOICES), list(CHOICES.values()))
        if len(mine) >= MOST_PODS:
            choice = "unbind"
        if choice == "unbind" and self._late[cluster_id]:
            return self._late[cluster_id].pop()
        if not mine or choice == "bind":
            return self._bind(self._new_pod(cluster_id))
        pod = self.chance.choice(mine)
        if choice == "unbind":
            return self._unbind(pod)
        if choice == "repeat":
            return self.chance.choice(said)
        if choice == "heir":
            self._late[cluster_id].append(self._unbind(pod))
            changed = replace(pod, uid=self._uid(cluster_id))
        else:
            self.alive.remove(pod)
            changed = replace(pod, weight=self.chance.choice([10, 20, 50]))
        self.alive.append(changed)
        return self._bind(changed)

    def _cut(self, said: Post) -> Sequence[Post]:
        posts, start = [], 0
        while start < len(said):
            count = self.chance.randint(1, EVENTS_PER_POST)
            posts.append(said[start : start + count])
            start += count
        return posts


class _Deaths:
    """How often workers were killed, for those who wait for it."""

    def __init__(self) -> None:
        self.count = 0
        self._changed = threading.Condition()

    def add(self) -> None:
        with self._changed:
            self.count += 1
            self._changed.notify_all()

    def wait_for(self, count: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self.count >= count, 60)


def _rage(plant: Plant, posts: Posts, seed: int, least: int) -> int:
    """Let all be said while workers die, at least so often; afterwards both run. How many died."""
    deaths, over = _Deaths(), threading.Event()
    killers = [partial(_kill, plant, name, Random(f"{seed} {name}"), deaths, over) for name in WORKERS]
    clients = [partial(_say, plant, cluster_id, said, deaths, least) for cluster_id, said in posts.items()]
    troubles: list[BaseException] = []
    killing = _started([*killers, partial(_read, plant, over)], troubles)
    saying = _started(clients, troubles)
    for thread in saying:
        thread.join()
    over.set()
    for thread in killing:
        thread.join()
    if troubles:
        raise troubles[0]
    return deaths.count


def _kill(plant: Plant, name: str, chance: Random, deaths: _Deaths, over: threading.Event) -> None:
    while not over.wait(chance.uniform(0, LONGEST_LIFE)):
        plant.kill(name)
        deaths.add()
        over.wait(chance.uniform(0, LONGEST_DEATH))
        plant.start(name)


def _say(plant: Plant, cluster_id: str, posts: Sequence[Post], deaths: _Deaths, least: int) -> None:
    for number, events in enumerate(posts):
        deaths.wait_for(least * number / len(posts))
        plant.say(cluster_id, events)


def _read(plant: Plant, over: threading.Event) -> None:
    while not over.wait(0.04):
        for cluster_id in CLUSTERS:
            plant.follow(cluster_id)


def _started(works: Sequence[Callable[[], None]], troubles: list[BaseException]) -> list[threading.Thread]:
    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 (the storm raises it)
            troubles.append(error)

    threads = [threading.Thread(target=run, args=(work,), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    return threads
