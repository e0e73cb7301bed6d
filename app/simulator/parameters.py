"""The numbers and choices of the simulated cloud: how slow, how strict, how it words what nobody could find out.

Times are seconds. Latencies are inferred, not measured: public figures were not found. A choice marked "open" stands
for a fact that nobody could find out; a client must work with every value of it.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.simulator.reading import Item

CHOICES: dict[str, tuple[str, ...]] = {
    "four_tuple_form": ("error", "partial"),
    "quota_form": ("error", "partial"),
    "address_form": ("error", "partial"),
    "missing_listener_form": ("error", "partial"),
    "weight_on_reregister": ("keep", "replace"),
    "empty_fail_set": ("list", "null"),
    "type_case": ("upper", "lower"),
}


@dataclass(frozen=True)
class Parameters:
    """All parameters, with the values they have when the world file says nothing."""

    batch_seconds: float = 0.3
    """How long a batch action works, before it answers."""
    batch_seconds_per_target: float = 0.002
    """What each target of a batch adds to that."""
    tail_seconds: float = 0.5
    """How long a load balancer stays busy after a write has ended."""
    tail_seconds_per_target: float = 0.002
    """What each target of the write adds to that."""
    task_seconds: float = 1.0
    """How long an asynchronous task runs; its load balancer is busy meanwhile."""
    read_seconds: float = 0.0
    """How long a read takes."""
    calls_per_second: int = 20
    """Calls per one-second window, action, region and secret id.

    The documented 100 of the VPC reads stand in the table of actions.
    """
    calls_per_second_by_action: Mapping[str, int] = field(default_factory=dict)
    """Exceptions by action name; they win over both."""
    target_quota: int = 100
    """Targets per layer-4 listener or layer-7 rule (TOTAL_TARGET_BIND_QUOTA)."""
    listener_quota: int = 50
    """Listeners per load balancer (TOTAL_LISTENER_QUOTA); reported, not enforced."""
    health_seconds: float = 15.0
    """How long a new target's health is Unknown before it is Alive (5 s x 3 checks)."""
    check_addresses: bool = True
    """Whether EniIp is checked against interfaces and CCN routes; false binds anything."""
    container_cidrs_by_ticket: bool = False
    """Whether a container CIDR of the load balancer's own VPC may be bound without a CCN route (unvalidated)."""
    four_tuple_form: str = "error"
    """Open: a four-tuple conflict fails the whole call, or its listener alone."""
    four_tuple_code: str = "InvalidParameter"
    """Open: the code of a four-tuple conflict."""
    quota_form: str = "error"
    """Open: an exceeded quota fails the whole batch, or its listener alone."""
    address_form: str = "partial"
    """Open: an address that cannot be bound fails the whole batch, or its listener alone."""
    address_code: str = "InvalidParameterValue"
    """Open: the code for such an address, when it is an error."""
    missing_listener_form: str = "error"
    """Open: an unknown listener fails the whole batch, or itself alone."""
    missing_location_code: str = "InvalidParameter"
    """Open: the code for a layer-7 target without LocationId."""
    unknown_task_code: str = "InvalidParameter"
    """Open: the code of DescribeTaskStatus for a TaskId that nobody knows."""
    weight_on_reregister: str = "keep"
    """Open: whether registering a bound target again changes its weight."""
    empty_fail_set: str = "list"
    """Open: FailListenerIdSet of a batch without failures, [] or null."""
    type_case: str = "upper"
    """Open: the target's Type in answers, ENI or eni."""
    signature_window_seconds: float = 300.0
    """How far a call's timestamp may be from the cloud's clock."""
    clock_offset_seconds: float = 0.0
    """What the cloud's clock is ahead of this machine's, for signatures only; may be negative."""
    call_log_size: int = 50_000
    """Calls that are remembered; older ones are forgotten. Like the next, read at the start only."""
    change_log_size: int = 500_000
    """Changes of targets that are remembered."""


def patched(parameters: Parameters, changes: Mapping[str, Any], place: str = "parameters") -> Parameters:
    """The parameters with some changed. A WorldError names the first change that is unknown or of the wrong kind."""
    item = Item(changes, place)
    known = {each.name: getattr(parameters, each.name) for each in dataclasses.fields(parameters)}
    values = {name: _read(item, name, value) for name, value in known.items()}
    item.end()
    return Parameters(**values)


def _read(item: Item, name: str, current: Any) -> Any:
    if name in CHOICES:
        return item.choice(name, CHOICES[name], current)
    if isinstance(current, bool):
        return item.flag(name, default=current)
    if isinstance(current, int):
        return item.integer(name, 0, 1_000_000_000, current)
    if isinstance(current, float):
        return item.number(name, current, negative=name == "clock_offset_seconds")
    if isinstance(current, str):
        return item.text(name, current)
    return item.rates(name) if item.has(name) else _keep(item, name, current)


def _keep(item: Item, name: str, current: Any) -> Any:
    item.item(name)  # marks the field as known
    return current
