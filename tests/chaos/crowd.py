"""A crowd: a noisy cluster rolls out over a hundred load balancers while a quiet one binds a pod now and then (A12).

``python -m tests.chaos crowd SEED``. The quiet cluster speaks when the noisy one's pods are proven and its first call
is at the cloud, and again each time that it has been served.
"""

from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.chaos.fairness import REGISTER
from tests.chaos.histories import Breach
from tests.chaos.plant import Plant, fresh_place
from tests.chaos.rounds import judged
from tests.chaos.story import Pod, Story
from tests.chaos.world import LISTENERS, Scale, address

NOISY, QUIET = "cls-a", "cls-b"
CROWDED = tuple(f"lb-noisy-{number}" for number in range(1, 121))
ALONE = tuple(f"lb-quiet-{number}" for number in range(1, 9))
SCALE = Scale((*CROWDED, *ALONE), look_seconds=60)
PATIENCE_SECONDS = 120


@dataclass
class Crowd(Story):
    """All words of one: a pod on each listener of each load balancer of the noisy cluster, and the quiet one's few."""

    noise: list[Pod] = field(init=False)
    few: list[Pod] = field(init=False)

    def __post_init__(self) -> None:
        places = [(name, listener_id) for name in CROWDED for listener_id in LISTENERS]
        self.noise = [self._pod(NOISY, number, *place) for number, place in enumerate(places)]
        self.few = [self._pod(QUIET, number, name, LISTENERS[0]) for number, name in enumerate(ALONE)]
        self.chance.shuffle(self.noise)

    def roll_out(self) -> list[dict[str, Any]]:
        """The noisy cluster's events, all at once."""
        return [self._bind(pod) for pod in self.noise]

    def single(self, pod: Pod) -> list[dict[str, Any]]:
        """The event of one pod."""
        return [self._bind(pod)]

    def _pod(self, cluster_id: str, number: int, name: str, listener_id: str) -> Pod:
        pod = Pod(cluster_id, self._uid(cluster_id), address(cluster_id, number), name, listener_id)
        self.alive.append(pod)
        return pod


def crowd(seed: int, mistake: str | None = None) -> list[Breach]:
    """Let both bind at once, on an installation of their own; the promises that broke."""
    with fresh_place() as place, Plant(place, mistake, scale=SCALE) as plant:
        _bind_both(plant, Crowd(Random(f"{seed} crowd")))
        return judged(plant)


def _bind_both(plant: Plant, crowd: Crowd) -> None:
    plant.wait_for("everything to be read", lambda: _is_read(plant), PATIENCE_SECONDS)
    plant.say(NOISY, crowd.roll_out())
    plant.wait_for("the first call", lambda: plant.writes(REGISTER), PATIENCE_SECONDS)
    plant.wait_for("the proofs", lambda: not plant.get("/v1/bindings", state="verifying", limit=1)["items"])
    for number, pod in enumerate(crowd.few, 1):
        plant.say(QUIET, crowd.single(pod))
        plant.wait_for("the quiet one's turn", lambda number=number: _served(plant) >= number, PATIENCE_SECONDS)


def _is_read(plant: Plant) -> bool:
    return all(each["vpc_id"] for each in plant.everything("/v1/load-balancers")) and all(
        each["topology_read_at"] for each in plant.everything("/v1/clusters")
    )


def _served(plant: Plant) -> int:
    return sum(row["load_balancer_id"] in ALONE for row in plant.simulator.targets())
