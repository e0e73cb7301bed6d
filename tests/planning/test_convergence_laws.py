"""Laws of the whole: events, verdicts, passes, losses and drift in any order, and a cloud that takes some calls."""

from hypothesis import given
from hypothesis import strategies as st

from app.domain.binding import Binding, State
from app.domain.codes import Code
from app.domain.event import Pod
from app.domain.load_balancer import resolve
from app.domain.target import TargetName
from tests.planning.builders import MINE, bind, place
from tests.planning.histories import IPS, Step, histories, law, shaken_histories
from tests.planning.world import World

FOREIGN = {place("10.9.9.9"): 7, place(IPS[0], port=9): 1, place("10.9.9.9", "lbl-web", "loc-api"): 3}


# What only another claim, a changed listener or the guard can stand in the way of.
CLAIMED = {Code.CLAIMED_BY_OTHER_CLUSTER, Code.FOUR_TUPLE_CONFLICT}
MAY_HOLD = CLAIMED | {Code.LISTENER_NOT_FOUND, Code.REMOVAL_GUARD}


def rested(history: list[Step]) -> World:
    """The world some time after the last event, when no fault comes any more."""
    world = World(foreign=FOREIGN)
    for step in history:
        step(world)
    world.come_to_rest()
    return world


@law
@given(st.one_of(histories, shaken_histories))
def test_once_faults_stop_the_cloud_has_what_is_bound_and_what_others_put_there(history: list[Step]) -> None:
    world = rested(history)
    bound = {b.place: b.weight for b in world.shelf.bindings.values() if b.state is State.BOUND}
    held = {b.place for b in world.shelf.bindings.values() if b.state is State.HELD and b.placed}
    managed = {where: weight for where, weight in world.cloud.items() if where not in held}
    assert managed == bound | dict(world.foreign)


@law
@given(st.one_of(histories, shaken_histories))
def test_at_rest_every_binding_is_bound_held_or_at_its_end_and_another_pass_changes_nothing(
    history: list[Step],
) -> None:
    world = rested(history)
    before, calls = dict(world.shelf.bindings), world.calls
    for each in before.values():
        assert each.state in {State.BOUND, State.HELD, State.REJECTED, State.RELEASED}
        assert each.state is not State.HELD or each.reason in MAY_HOLD
        assert each.live or not (each.placed or each.holder)
    world.tick(600)
    assert not world.converge()
    assert (dict(world.shelf.bindings), world.calls) == (before, calls)


@law
@given(shaken_histories)
def test_after_the_next_full_truth_every_pod_is_bound_where_its_name_leads(history: list[Step]) -> None:
    world = rested(history)
    wanted = sorted((b for b in world.shelf.bindings.values() if b.wanted), key=lambda b: b.revision)
    # A truth names one pod per address and listener: the latest that was bound there.
    asked = {(b.ip, world.shelf.meaning(b.target)): b for b in wanted if b.cluster_id == MINE}.values()
    truth = [
        bind(b.pod.uid, 99, b.ip, target=b.target, weight=b.weight, network_mode=b.network_mode, drain_seconds=0)
        for b in asked
    ]
    world.replace(truth, 99)
    world.come_to_rest()
    for event in truth:
        slot = resolve(event.target, world.listeners)
        wanted = [b for b in world.shelf.bindings.values() if b.wanted]
        (found,) = [b for b in wanted if named(b) == (MINE, event.pod, event.target)]
        if slot is not None and found.reason not in CLAIMED:
            assert (found.state, found.slot) == (State.BOUND, slot)


def named(binding: Binding) -> tuple[str, Pod, TargetName]:
    """Cluster, pod and target as the agent named them."""
    return binding.cluster_id, binding.pod, binding.target
