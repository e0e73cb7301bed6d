"""Laws of the memory, whatever happens in the cluster, on the way, and to the leader."""

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from app.agent.deciding.objects import DIRECT_ACCESS, RULES, WEIGHTS, ObjectKey
from tests.agent.deciding.world import World

law = settings(max_examples=150, deadline=None, database=None, derandomize=True)
"""The same examples at every run: a broken law is a change in the code, never in the dice."""

Step = Callable[[World], object]

names = st.sampled_from(["web", "old"])
uids = st.sampled_from(["u1", "u2", "u3"])
ips = st.sampled_from(["10.0.3.17", "10.0.3.17", "10.0.3.18"])
kinds = st.sampled_from([("services",), ("pods",), ("slices",), ("pods", "slices"), ("services", "pods", "slices")])
fates = st.sampled_from(["answered", "answered", "answered", "unanswered", "lost", "late"])
WISHES: tuple[dict[str, str | None], ...] = (
    {},
    {},
    {WEIGHTS: '{"defaultWeight": 0}'},
    {DIRECT_ACCESS: None},
    {RULES: "{"},
)

ALL = ("services", "pods", "slices")

changes: st.SearchStrategy[Step] = st.one_of(
    st.builds(lambda name, wish: lambda world: world.put_service(name, **wish), names, st.sampled_from(WISHES)),
    st.builds(lambda name: lambda world: world.drop_service(name), names),
    st.builds(lambda uid, ip: lambda world: world.put_pod(uid, ip), uids, ips),
    st.builds(lambda uid, ip: lambda world: world.put_pod(uid, ip), uids, ips),
    st.builds(lambda uid, ip: lambda world: world.put_pod(uid, ip, ready=False), uids, ips),
    st.builds(lambda uid, ip: lambda world: world.put_pod(uid, ip, terminating=True), uids, ips),
    st.builds(lambda uid: lambda world: world.drop_pod(uid), uids),
)


def seen_at_once(change: Step) -> Step:
    """A change of the cluster, and the agent's look at it."""

    def both(world: World) -> None:
        change(world)
        world.see(*ALL)

    return both


watches: st.SearchStrategy[Step] = st.one_of(
    st.just(lambda world: world.see(*ALL)),
    st.just(lambda world: world.see(*ALL)),
    st.builds(lambda seen: lambda world: world.see(*seen), kinds),
)
looks: st.SearchStrategy[Step] = st.one_of(
    watches,
    watches,
    st.builds(lambda seen, gap: lambda world: world.see(*seen, gap=gap), kinds, st.booleans()),
)
events: st.SearchStrategy[Step] = st.one_of(
    st.builds(lambda fate: lambda world: world.tell(fate), fates),
    st.builds(lambda change: lambda world: world.tell(meanwhile=seen_at_once(change)), changes),
)
snapshots: st.SearchStrategy[Step] = st.builds(
    lambda name, fate: lambda world: world.snapshot(ObjectKey("shop", name), fate), names, fates
)
arrivals: st.SearchStrategy[Step] = st.just(lambda world: world.deliver_late())
leaders: st.SearchStrategy[Step] = st.builds(
    lambda inherits: lambda world: world.take_over(inherits=inherits), st.booleans()
)


def histories_of(*turns: st.SearchStrategy[tuple[Step, ...]]) -> st.SearchStrategy[list[Step]]:
    """Histories of turns of some kinds."""
    return st.lists(st.one_of(*turns), min_size=3, max_size=25).map(
        lambda drawn: [step for turn in drawn for step in turn]
    )


# Most of what happens is seen, and told, soon.
ordinary = st.tuples(changes, looks, events | snapshots)
histories = histories_of(ordinary, ordinary, st.tuples(changes), st.tuples(events, leaders | arrivals))
watched = histories_of(
    st.tuples(changes, watches, events), st.tuples(changes, watches), st.tuples(events), st.tuples(changes, arrivals)
)


def after(history: list[Step]) -> World:
    """The world after some history, which begins with a Service and a pod."""
    world = World()
    world.put_service("web")
    world.put_pod("u1", "10.0.3.17")
    world.see("services", "pods", "slices")
    for step in history:
        step(world)
    return world


@law
@given(histories)
def test_once_faults_stop_the_broker_wants_what_the_cluster_wants(history: list[Step]) -> None:
    world = after(history)
    for name in list(world.truth.services):
        if RULES in world.truth.services[name]["metadata"]["annotations"]:
            world.put_service(name)
    world.settle()
    assert world.at_broker() == world.should_be()


@law
@given(histories)
def test_what_is_remembered_is_what_is_wanted_and_no_more(history: list[Step]) -> None:
    world = after(history)
    for name in list(world.truth.services):
        world.put_service(name)
    world.settle()
    assert len(world.memory) == len(world.should_be())
    assert world.memory.left_out() == ()


@law
@given(histories)
def test_a_service_that_cannot_be_read_loses_no_pod_that_is_well(history: list[Step]) -> None:
    world = after(history)
    world.drop_service("old")
    world.put_service("web")
    world.settle()
    well = world.at_broker()
    world.put_service("web", **{RULES: "{"})
    world.settle()
    assert world.at_broker() == well


@law
@given(histories)
def test_what_is_settled_is_not_told_again(history: list[Step]) -> None:
    world = after(history)
    world.settle()
    world.see("services", "pods", "slices")
    assert world.memory.due(world.view.revision) == ()


@law
@given(watched)
def test_where_everything_is_seen_to_happen_events_alone_are_enough(history: list[Step]) -> None:
    world = after(history)
    for name in list(world.truth.services):
        if RULES in world.truth.services[name]["metadata"]["annotations"]:
            world.put_service(name)
    world.settle(snapshots=False)
    assert world.at_broker() == world.should_be()
    assert len(world.memory) == len(world.should_be())
