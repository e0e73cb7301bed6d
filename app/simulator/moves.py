"""What a write would do to the targets of one load balancer, worked out before anything is done.

A plan is made twice: when the call arrives, to refuse at once what can be refused, and when the work is done, since
the world may have been changed by hand in between. A batch fails by listener: one bad target takes all targets of its
listener in that call with it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from app.simulator import backing
from app.simulator.backing import Refusal
from app.simulator.errors import CloudError
from app.simulator.nouns import DEFAULT_WEIGHT, Listener, LoadBalancer, Rule, Target, Targets
from app.simulator.world import World


@dataclass(frozen=True)
class Asked:
    """One target of a request, checked for size and form. `ip` xor `instance_id` is set, and `weight` may be absent."""

    listener_id: str
    port: int
    ip: str | None = None
    instance_id: str | None = None
    weight: int | None = None
    location_id: str | None = None
    domain: str | None = None
    url: str | None = None
    tag: str | None = None


@dataclass(frozen=True)
class Seat:
    """A place for targets: a layer-4 listener, or a rule of a layer-7 one."""

    listener: Listener
    rule: Rule | None
    targets: Targets


@dataclass(frozen=True)
class Move:
    """One step: `kind` is added, removed or weight, which sets the weight that `target` has here."""

    kind: str
    seat: Seat
    target: Target


@dataclass
class Plan:
    """The steps of a write, and the listeners (id to message) that fail in it."""

    moves: list[Move] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    def apply(self, world: World, load_balancer: LoadBalancer, now: float, cause: str) -> bool:
        """Takes the steps at `now` (unix seconds), and notes each. Returns whether anything has changed."""
        changed = False
        for move in self.moves:
            changed = _apply(world, load_balancer, move, now, cause) or changed
        return changed


Planner = Callable[[World, LoadBalancer, "list[Asked]"], list[Move]]


def plan(world: World, load_balancer: LoadBalancer, asked: Iterable[Asked], planner: Planner, *, batch: bool) -> Plan:
    """Plans listener by listener. A Refusal of the partial form fails its listener in a batch.

    Every other CloudError is raised.
    """
    made = Plan()
    groups: dict[str, list[Asked]] = {}
    for each in asked:
        groups.setdefault(each.listener_id, []).append(each)
    taken: dict[tuple[str, str, int], str] = {}
    for listener_id, group in groups.items():
        try:
            moves = planner(world, load_balancer, group)
            if planner is registration:
                _refuse_four_tuples(world, load_balancer, moves, taken)
        except Refusal as refusal:
            if not batch or refusal.form == "error":
                raise
            made.failed[listener_id] = refusal.message
        else:
            made.moves += moves
    return made


def registration(world: World, load_balancer: LoadBalancer, asked: list[Asked]) -> list[Move]:
    """Adds targets; a bound one stays, with its weight kept or replaced by parameter.

    The quota counts bound and requested together.
    """
    moves: list[Move] = []
    counts: dict[int, int] = {}
    for each in asked:
        seat = find_seat(world, load_balancer, each)
        counts[id(seat.targets)] = counts.get(id(seat.targets), len(seat.targets)) + 1
        _refuse_over_quota(world, load_balancer, seat, counts[id(seat.targets)])
        moves.append(Move("added", seat, _target(world, load_balancer, each)))
    return moves


def removal_of_any(world: World, load_balancer: LoadBalancer, asked: list[Asked]) -> list[Move]:
    """Removes the targets that are there; the others are passed over, as the batch action does."""
    return [Move("removed", seat, found) for seat, found, _ in _found(world, load_balancer, asked) if found]


def removal_of_all(world: World, load_balancer: LoadBalancer, asked: list[Asked]) -> list[Move]:
    """Removes targets. Raises InvalidParameter when one is not there, as the single action does."""
    return [Move("removed", seat, _there(found, each)) for seat, found, each in _found(world, load_balancer, asked)]


def reweighting(world: World, load_balancer: LoadBalancer, asked: list[Asked]) -> list[Move]:
    """Sets weights. Raises InvalidParameter when a target is not there."""
    moves: list[Move] = []
    for seat, found, each in _found(world, load_balancer, asked):
        there = _there(found, each)
        weight = DEFAULT_WEIGHT if each.weight is None else each.weight
        moves.append(Move("weight", seat, Target(there.ip, there.port, weight, there.registered_at)))
    return moves


def find_seat(world: World, load_balancer: LoadBalancer, asked: Asked) -> Seat:
    """The place that a target names. Raises Refusal without such a listener, CloudError without such a rule."""
    listener = load_balancer.listeners.get(asked.listener_id)
    if listener is None:
        message = f"The listener {asked.listener_id} of {load_balancer.load_balancer_id} is not found"
        raise Refusal("InvalidParameter.ListenerIdNotFound", message, world.parameters.missing_listener_form)
    if not listener.layer_7:
        return Seat(listener, None, listener.targets)
    if asked.location_id is None and asked.domain is None:
        raise CloudError(world.parameters.missing_location_code, f"LocationId is needed for {listener.listener_id}")
    for rule in listener.rules:
        if asked.location_id == rule.location_id or (asked.domain, asked.url) == (rule.domain, rule.url):
            return Seat(listener, rule, rule.targets)
    wanted = asked.location_id or f"{asked.domain}{asked.url}"
    raise CloudError(
        "InvalidParameter.LocationNotFound", f"The location {wanted} of {listener.listener_id} is not found"
    )


def _target(world: World, load_balancer: LoadBalancer, asked: Asked) -> Target:
    if asked.instance_id:
        found = backing.of_machine(world, asked.instance_id)
    else:
        found = backing.of_address(world, load_balancer, str(asked.ip))
    weight = DEFAULT_WEIGHT if asked.weight is None else asked.weight
    return Target(found.ip, asked.port, weight, 0.0, found.kind, found.instance_id, found.interface_id, asked.tag)


def _found(
    world: World, load_balancer: LoadBalancer, asked: list[Asked]
) -> Iterable[tuple[Seat, Target | None, Asked]]:
    for each in asked:
        seat = find_seat(world, load_balancer, each)
        ip = world.machine_address(each.instance_id) if each.instance_id else each.ip
        yield seat, seat.targets.get((str(ip), each.port)), each


def _there(found: Target | None, asked: Asked) -> Target:
    if found is None:
        raise CloudError("InvalidParameter", f"The target {asked.ip or asked.instance_id}:{asked.port} is not bound")
    return found


def _refuse_over_quota(world: World, load_balancer: LoadBalancer, seat: Seat, count: int) -> None:
    own = load_balancer.target_quota
    quota = world.parameters.target_quota if own is None else own
    if count > quota:
        message = f"The number of targets of {seat.listener.listener_id} exceeds the quota of {quota}"
        raise Refusal("LimitExceeded", message, world.parameters.quota_form)


def _refuse_four_tuples(
    world: World, load_balancer: LoadBalancer, moves: list[Move], taken: dict[tuple[str, str, int], str]
) -> None:
    """One address and port may stand behind one layer-4 listener of a protocol only.

    `taken` remembers this call's own.
    """
    if not moves or moves[0].seat.rule is not None:
        return
    own = moves[0].seat.listener
    others = [each for each in load_balancer.listeners.values() if each.protocol == own.protocol and each is not own]
    for move in moves:
        key = (move.target.ip, move.target.port)
        other = next((each.listener_id for each in others if key in each.targets), taken.get((own.protocol, *key)))
        if other:
            message = f"The target {key[0]}:{key[1]} is bound to {other} of the same load balancer and protocol already"
            raise Refusal(world.parameters.four_tuple_code, message, world.parameters.four_tuple_form)
    taken.update({(own.protocol, move.target.ip, move.target.port): own.listener_id for move in moves})


def _apply(world: World, load_balancer: LoadBalancer, move: Move, now: float, cause: str) -> bool:
    seat, target, kind = move.seat, move.target, move.kind
    key = (target.ip, target.port)
    bound = seat.targets.get(key)
    if kind == "added" and bound is None:
        target.registered_at = now
        seat.targets[key] = target
    elif kind == "removed" and bound is not None:
        del seat.targets[key]
    elif bound is not None and bound.weight != target.weight and (kind == "weight" or _replaces(world)):
        bound.weight = target.weight
        kind = "weight"
    else:
        return False
    world.note(kind, load_balancer, seat.listener, seat.rule, target, cause=cause)
    return True


def _replaces(world: World) -> bool:
    return world.parameters.weight_on_reregister == "replace"
