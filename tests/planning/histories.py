"""Random sequences of events, and of what else happens in between."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from app.domain.binding import Verdict
from app.domain.cluster import NetworkMode
from app.domain.event import PodEvent
from tests.planning.builders import BY_ID, BY_PORT, MINE, THEIRS, bind, pod, unbind
from tests.planning.world import LISTS, World

law = settings(max_examples=100, deadline=None, database=None, derandomize=True)
"""The same examples at every run: a broken law is a change in the code, never in the dice."""

UIDS = ("u1", "u2", "u3")
IPS = ("10.0.3.17", "10.0.3.18")
UDP_NAME = replace(BY_ID, listener_id="lbl-udp")

# Most of it happens at one place, and most is newer than what came before: that is where the trouble is.
uids = st.sampled_from([*UIDS, *UIDS[:2], *UIDS[:2]])
ips = st.sampled_from([*IPS, IPS[0], IPS[0]])
revisions = st.integers(min_value=1, max_value=12)
ages = st.sampled_from([1, 1, 1, 1, 0, -2])
targets = st.sampled_from([BY_ID, BY_ID, BY_ID, BY_PORT, UDP_NAME])
clusters = st.sampled_from([MINE, MINE, MINE, THEIRS])
verdicts = st.sampled_from([Verdict.PROVEN, Verdict.PROVEN, Verdict.UNKNOWN, Verdict.DISPROVEN])
drains = st.sampled_from([None, None, 0])

binds: st.SearchStrategy[PodEvent] = st.builds(
    bind,
    uid=uids,
    ip=ips,
    target=targets,
    weight=st.sampled_from([None, None, None, 0, 50, 101]),
    network_mode=st.sampled_from([*[NetworkMode.VPC_CNI] * 4, NetworkMode.GLOBAL_ROUTER]),
    drain_seconds=drains,
)
unbinds: st.SearchStrategy[PodEvent] = st.builds(
    unbind, uid=uids, pod=st.builds(pod, uids, st.sampled_from([None, *IPS])), target=targets, drain_seconds=drains
)
events = st.one_of(binds, unbinds)


def dated(event: PodEvent, revision: int) -> PodEvent:
    """The event as told at a revision."""
    return replace(event, revision=revision)


def _stream(drawn: Sequence[tuple[PodEvent, int, bool, bool]]) -> list[PodEvent]:
    told: list[PodEvent] = []
    revision = 10
    for index, (event, age, repeats, shares_id) in enumerate(drawn):
        revision += age
        event_id = "e0" if shares_id else f"e{index}"
        again = told[0] if repeats and told else dated(event, revision)
        told.append(replace(again, event_id=event_id))
    return told


one_in_six = st.sampled_from([False] * 5 + [True])
streams: st.SearchStrategy[list[PodEvent]] = st.lists(
    st.tuples(events, ages, one_in_six, one_in_six), min_size=3, max_size=12
).map(_stream)
"""Events with ids, of which some are used twice: for the same event, or for another."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens to a world: a method of `World`, and what it is called with."""

    verb: str
    arguments: tuple[Any, ...] = ()
    age: int = 0

    def __call__(self, world: World) -> None:
        """Let it happen."""
        getattr(world, self.verb)(*self.arguments)


def _kind(verb: str, *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Step]:
    return st.builds(Step, st.just(verb), st.tuples(*arguments))


def _dated(verb: str, *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Step]:
    return st.builds(Step, st.just(verb), st.tuples(*arguments), ages)


_told = _dated("receive", st.lists(events, min_size=1, max_size=3), clusters)
_steps: st.SearchStrategy[Step] = st.one_of(
    _kind("tick", st.just(31)),  # the first is what a failing example is made simpler with
    _told,
    _told,
    _told,
    _told,
    _dated("replace", st.lists(binds, max_size=2)),
    _kind("bring_up", clusters),
    _kind("bring_up", clusters),
    _kind("verify", verdicts, clusters),
    _kind("sweep", verdicts, clusters, st.sampled_from([UIDS, UIDS[:2], UIDS[:1]]), st.sampled_from([0.3, 1.0])),
    _kind("converge", st.booleans(), st.booleans()),
    _kind("lose", st.integers(0, 5)),
)


def _history(drawn: Sequence[Step]) -> list[Step]:
    happened: list[Step] = []
    revision = 1
    for step in drawn:
        revision = max(1, revision + step.age)
        happened.append(replace(step, arguments=_told_at(step, revision)))
    return happened


def _told_at(step: Step, revision: int) -> tuple[Any, ...]:
    if step.verb == "receive":
        told, cluster_id = step.arguments
        return [dated(event, revision) for event in told], cluster_id
    return (*step.arguments, revision) if step.verb == "replace" else step.arguments


histories: st.SearchStrategy[list[Step]] = st.lists(_steps, min_size=8, max_size=20).map(_history)
"""What happens in some weeks of the shop: events, verdicts, passes, faults."""


def _by_port(history: list[Step]) -> list[Step]:
    """The same history, with the TCP listener always named by its port."""
    return [replace(step, arguments=tuple(map(_renamed, step.arguments))) for step in history]


def _renamed(argument: Any) -> Any:
    if not isinstance(argument, list):
        return argument
    return [replace(event, target=BY_PORT) if event.target == BY_ID else event for event in argument]


_shaken = st.one_of(
    *[_steps] * 4,
    _kind("read_inventory"),
    _kind("relist", st.integers(0, len(LISTS) - 1)),
)
shaken_histories = st.lists(_shaken, min_size=8, max_size=20).map(_history).map(_by_port)
"""The same, while somebody changes the listeners by hand, and the broker learns of it some time later."""


@st.composite
def first_binds(draw: st.DrawFn) -> list[PodEvent]:
    """Binds of distinct revisions, each pod at an address that stays its own or is another's too."""
    homes = {uid: draw(ips) for uid in UIDS}
    chosen = draw(st.lists(revisions, min_size=1, max_size=8, unique=True))
    return [bind(uid, revision, homes[uid]) for revision in chosen for uid in [draw(uids)]]


@st.composite
def lives(draw: st.DrawFn) -> list[PodEvent]:
    """What truly happens: an address is one pod's at a time, and passes on only after its pod was unbound or moved."""
    told: list[PodEvent] = []
    homes: dict[str, str] = {}
    for revision, (uid, ip, leaves) in enumerate(draw(st.lists(st.tuples(uids, ips, st.booleans()), max_size=12))):
        free = ip not in homes.values() or homes.get(uid) == ip
        if uid in homes and (leaves or not free):
            del homes[uid]
            told.append(unbind(uid, revision))
        elif free:
            homes[uid] = ip
            told.append(bind(uid, revision, ip))
    return told
