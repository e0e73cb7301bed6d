"""One round: a chapter of words under some faults, then rest, then judgement."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import combinations
from random import Random

from tests.chaos.checker import broken
from tests.chaos.claims import not_converged
from tests.chaos.faults import DOUBTED, FAULTS
from tests.chaos.histories import Breach, Trouble
from tests.chaos.plant import Plant
from tests.chaos.story import Story
from tests.chaos.world import CLUSTERS

MOVING = frozenset({"verifying", "pending", "draining", "removing"})


def play(plant: Plant, story: Story, faults: Sequence[str], *, patience: float | None = None) -> list[Breach]:
    """Let the faults strike while a chapter is told; the promises that are broken by the whole run so far."""
    troubles: list[BaseException] = []
    telling = threading.Thread(target=_tell, args=(plant, story, troubles), daemon=True)
    telling.start()
    try:
        with _struck(plant, story.chance, faults):
            plant.probe()
            time.sleep(max(FAULTS[name].seconds for name in faults))
    finally:
        telling.join(240)
    if troubles:
        raise troubles[0]
    _clear_doubts(plant, story)
    return judged(plant, patience)


def judged(plant: Plant, patience: float | None = None) -> list[Breach]:
    """Wait for rest, within the published bound and a little more, and let the checker look at everything."""
    at_rest = _rest(plant, plant.terms.converge + 5 if patience is None else patience)
    for cluster_id in _followed(plant):
        plant.follow(cluster_id, to_the_end=True)
    return broken(plant.history(at_rest))


def pairs(chance: Random, count: int) -> list[tuple[str, ...]]:
    """Seeded random pairs of faults."""
    every = list(combinations((name for name in FAULTS if name != "none"), 2))
    return [chance.choice(every) for _ in range(count)]


def _tell(plant: Plant, story: Story, troubles: list[BaseException]) -> None:
    try:
        story.chapter(plant)
    except BaseException as error:  # noqa: BLE001 (the round raises it)
        troubles.append(error)


@contextmanager
def _struck(plant: Plant, chance: Random, faults: Sequence[str]) -> Iterator[None]:
    began: list[tuple[str, float]] = []
    undo = []
    try:
        for name in faults:
            undo.append(FAULTS[name].begin(plant, chance))
            began.append((name, time.time()))
        yield
    finally:
        for (name, at), end in reversed(list(zip(began, undo, strict=False))):
            silent, ending_at = FAULTS[name].silent, time.time()
            end()
            plant.told.troubles.append(Trouble(name, at, ending_at if silent else time.time(), silent))
        now = time.time()
        plant.told.troubles.append(Trouble("the end of it", now, now))


def _clear_doubts(plant: Plant, story: Story) -> None:
    """Agents speak again of the addresses whose proofs the faults took away."""
    doubted = {ip for ip, revision in plant.told.doubted.items() if revision == DOUBTED}
    plant.told.doubted.update(dict.fromkeys(doubted, story.revision))
    story.speak_again(plant, doubted)


def _followed(plant: Plant) -> list[str]:
    """The clusters of whose changes somebody has read."""
    heard = {heard.cluster_id for heard in plant.told.heard}
    return [cluster_id for cluster_id in CLUSTERS if cluster_id in heard]


def _read_on(plant: Plant, seconds: float) -> None:
    """Read changes as they come for a while: what is skipped is skipped between two that are committed."""
    end, followed = time.monotonic() + seconds, _followed(plant)
    while time.monotonic() < end:
        for cluster_id in followed:
            plant.follow(cluster_id)
        time.sleep(0.04)


def _rest(plant: Plant, patience: float) -> float | None:
    """When the cloud was what the words ask for and nothing was on its way; None when it never was."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        before, looked = time.time(), time.monotonic()
        found = plant.history(whole=False)
        moving = [row for row in found.rows if row.state in MOVING]
        if not moving and not plant.unfinished() and not list(not_converged(found)):
            return before
        # A look at a long history must not keep the cloud, which lives in this process, from its calls.
        _read_on(plant, max(0.2, 4 * (time.monotonic() - looked)))
    return None
