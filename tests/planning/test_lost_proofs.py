"""A proof is lost, told by events and sweeps: what leaves, what is held, and what comes back."""

from app.domain.binding import State, Verdict
from app.domain.codes import Code
from tests.planning.builders import MINE, bind, place
from tests.planning.world import World


def bound_world(count: int) -> World:
    """A world in which so many pods are bound."""
    world = World()
    world.receive([bind(f"u{number}", 10, f"10.0.3.{number}") for number in range(1, count + 1)], MINE)
    world.bring_up(MINE)
    world.converge()
    assert len(world.cloud) == count
    return world


def test_a_lost_proof_takes_one_target_off_and_tells_why_to_the_end() -> None:
    world = bound_world(4)
    world.sweep(Verdict.DISPROVEN, MINE, ["u1"])
    world.converge()
    gone = world.shelf.only(ip="10.0.3.1")
    assert (gone.state, gone.reason) == (State.RELEASED, Code.PROOF_LOST)
    assert gone.detail == "eni-not-found: the verdict is disproven"
    assert world.cloud.keys() == {place(f"10.0.3.{number}") for number in (2, 3, 4)}


def test_a_bind_of_a_pod_whose_proof_was_lost_is_proven_anew() -> None:
    world = bound_world(4)
    world.sweep(Verdict.DISPROVEN, MINE, ["u1"])
    world.receive([bind("u1", 11, "10.0.3.1")], MINE)
    (anew,) = [b for b in world.shelf.bindings.values() if b.live and b.ip == "10.0.3.1"]
    assert (anew.state, anew.verification.verdict) == (State.VERIFYING, Verdict.UNKNOWN)


def test_a_sweep_in_which_all_is_lost_leaves_the_cloud_as_it_is_and_undoes_itself() -> None:
    world = bound_world(3)
    before, calls = dict(world.cloud), world.calls
    world.sweep(Verdict.DISPROVEN, MINE, ["u1", "u2", "u3"], 1.0)
    world.receive([bind(f"u{number}", 11, f"10.0.3.{number}") for number in (1, 2, 3)], MINE)
    world.converge()
    assert {(b.state, b.reason) for b in world.shelf.bindings.values()} == {(State.HELD, Code.REMOVAL_GUARD)}
    world.sweep(Verdict.PROVEN, MINE, [])
    world.converge()
    assert {b.state for b in world.shelf.bindings.values()} == {State.BOUND}
    assert (world.cloud, world.calls) == (before, calls)


def test_two_sweeps_in_a_row_do_not_take_the_last_target_either() -> None:
    world = bound_world(2)
    for uid in ("u1", "u1", "u2", "u2"):
        world.sweep(Verdict.DISPROVEN, MINE, [uid], 0.5)
    assert {b.pod.uid: b.state for b in world.shelf.bindings.values()} == {"u1": State.REMOVING, "u2": State.HELD}
