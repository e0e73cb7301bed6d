"""What the cloud's parameters and the workload allow at best. Times are seconds."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

TARGETS_PER_CALL: Final = 500
"""Most targets of one BatchRegisterTargets call (CLB API)."""

ADDRESSES_PER_READ: Final = 100
"""Most addresses of one DescribeNetworkInterfaces page (VPC API)."""

READS_BEFORE_A_WRITE: Final = 2
"""Of interfaces, to know whose the address is, and of targets, to know what is there: each waits for the one before."""


@dataclass(frozen=True, slots=True)
class CloudTimes:
    """How long the cloud itself takes; names and meaning as in `app.simulator.parameters`."""

    batch_seconds: float
    batch_seconds_per_target: float
    tail_seconds: float
    tail_seconds_per_target: float
    read_seconds: float

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> Self:
        """Those among all parameters of a simulator. Raises `KeyError` when one is missing."""
        return cls(**{name: float(parameters[name]) for name in cls.__slots__})

    def call(self, targets: int) -> float:
        """The working time of one batch call with so many targets."""
        return self.batch_seconds + targets * self.batch_seconds_per_target

    def tail(self, targets: int) -> float:
        """How long the load balancer stays busy after it."""
        return self.tail_seconds + targets * self.tail_seconds_per_target


@dataclass(frozen=True, slots=True)
class Workload:
    """How many targets each load balancer is to get, and how many addresses each cluster is to prove."""

    targets: Sequence[int]
    addresses: Sequence[int]


@dataclass(frozen=True, slots=True)
class Bound:
    """The least time: ``detection`` and the larger of the two others."""

    detection: float
    by_budget: float
    by_load_balancer: float

    @property
    def seconds(self) -> float:
        """T*."""
        return self.detection + max(self.by_budget, self.by_load_balancer)


def bound(times: CloudTimes, workload: Workload, per_second: int) -> Bound:
    """T* when ``per_second`` calls of each action may be sent in a second."""
    slowest = max((_own_seconds(times, count) for count in workload.targets), default=0.0)
    detection = READS_BEFORE_A_WRITE * times.read_seconds
    return Bound(detection, max(least_calls(workload).values()) / per_second, slowest)


def least_calls(workload: Workload) -> dict[str, int]:
    """The fewest calls of each action that the work can be done with: each write is full, and read back once."""
    writes = sum(math.ceil(count / TARGETS_PER_CALL) for count in workload.targets)
    proofs = sum(math.ceil(count / ADDRESSES_PER_READ) for count in workload.addresses)
    return {"BatchRegisterTargets": writes, "DescribeTargets": writes, "DescribeNetworkInterfaces": proofs}


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of ``values`` that at least ``share`` (above 0, up to 1) of them do not exceed.

    Raises `ValueError` for no values.
    """
    if not values:
        raise ValueError("no values")
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def _own_seconds(times: CloudTimes, targets: int) -> float:
    """One load balancer takes its calls one after the other, and each but with its tail over."""
    calls = math.ceil(targets / TARGETS_PER_CALL)
    sizes = [min(TARGETS_PER_CALL, targets - TARGETS_PER_CALL * number) for number in range(calls)]
    return sum(times.call(size) + times.tail(size) for size in sizes)
