"""Every code of ownership, both ways: the case that is refused, and its nearest neighbour that is not.

The events come over HTTP, a worker works, and the cloud takes whatever it is told: nothing but the broker stands in the
way of a wrong address. `tests.worker.ownership_cases` is the table; `tests.worker.test_every_claim` has the codes of
claims and rights.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

import pytest

from app.api import verifications
from app.domain.codes import Caution
from app.ledger.connection import Ledger
from tests.worker.front_door import Event, FrontDoor, of_pod
from tests.worker.ownership_cases import CASES, Case, Edit, edit
from tests.worker.two_networks import CLUSTERS, LOAD_BALANCERS, OPEN, two_networks
from tests.worker.yard import Yard

BEFORE_ALL_IS_READ: Final = [
    case
    for case in CASES
    if case.name
    in {
        "that of a load balancer that nobody registered",
        "another cluster's Services'",
        "two clusters of one CIDR",
    }
]

each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code}: {case.name}")


@dataclass(frozen=True)
class Warned:
    """A pod that is bound with the warning ``caution``, and without it where the world is edited by ``right``."""

    caution: Caution
    wrong: Sequence[Edit] = ()
    right: Sequence[Edit] = ()


@pytest.fixture
def build(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., FrontDoor]]:
    """Builds the world, edited, and a broker before it that knows the clusters and load balancers of the case."""
    monkeypatch.setattr(verifications, "LONGEST_WAIT_SECONDS", 0.0)
    with ExitStack() as opened:

        def built(
            case: Case | Warned, edits: Sequence[Edit] = (), *, acquainted: bool = True, **parameters: Any
        ) -> FrontDoor:
            yard = opened.enter_context(Yard(ledger, two_networks(**parameters)))
            for each in edits:
                yard.simulator.edit(**each)
            clusters, load_balancers = named(case, CLUSTERS), named(case, LOAD_BALANCERS)
            return FrontDoor(yard, ["cls-a", *clusters], ["lb-1", *load_balancers], acquainted=acquainted)

        yield built


def named(case: object, names: Sequence[str]) -> list[str]:
    """Those of ``names`` that occur anywhere in the case: a test sets up no more than it needs."""
    return [name for name in names[1:] if f"'{name}'" in repr(case)]


def asked(door: FrontDoor, case: Case, event: Event) -> tuple[str, str | None, str]:
    """Verdict, code, and the code of the first check that failed, of a question, which changes nothing."""
    before = door.standing()
    answer = door.ask(case.cluster_id, event)
    assert door.standing() == before
    failed = [check["code"] for check in answer["checks"] if check["result"] == "failed"]
    return answer["verdict"], answer["code"], failed[0]


def said(door: FrontDoor, case: Case, event: Event) -> tuple[dict[str, Any], Event]:
    """The event in one batch with a good one, and what becomes of both; the first's result, and the good event."""
    cluster_id, ip, changes = case.good
    good = of_pod(ip, **changes)
    if cluster_id == case.cluster_id:
        result, _ = door.say(cluster_id, event, good)
    else:
        (result,), _ = door.say(case.cluster_id, event), door.say(cluster_id, good)
    door.work()
    return result, good


@each_case
def test_what_is_refused_is_never_written_and_its_neighbours_are_bound(
    build: Callable[..., FrontDoor], case: Case
) -> None:
    """A question gets the same verdict before and after the event, and changes nothing."""
    door, event = build(case, case.wrong, check_addresses=False), case.event()
    answers = [asked(door, case, event)]
    result, good = said(door, case, event)
    answers.append(asked(door, case, event))
    at_once = result["code"]
    assert (at_once or case.code, door.of(event)) == (case.code, [] if at_once else [("rejected", case.code)])
    assert (door.of(good), door.has(good)) == ([("bound", None)], True)
    assert door.written(event) == []
    assert answers == [("disproven", case.code, case.code)] * 2


@each_case
def test_the_nearest_neighbour_is_bound(build: Callable[..., FrontDoor], case: Case) -> None:
    door, event = build(case, case.right), case.neighbour()
    _, good = said(door, case, event)
    assert [(door.of(each), door.has(each)) for each in (event, good)] == [([("bound", None)], True)] * 2


CAUTIONS: Final = (
    Warned(
        Caution.SECURITY_GROUP_CLOSED,
        wrong=[edit("set-security-group", security_group_id="sg-1", ingress=[{**OPEN, "port": "8081"}])],
        right=[edit("set-security-group", security_group_id="sg-1", ingress=[{**OPEN, "port": "8080-8081"}])],
    ),
    Warned(
        Caution.LOOPBACK_POSSIBLE,
        wrong=[edit("set-load-balancer", load_balancer_id="lb-1", type="INTERNAL", snat_pro=False)],
        right=[edit("set-load-balancer", load_balancer_id="lb-1", type="OPEN", snat_pro=False)],
    ),
)


@pytest.mark.parametrize("given", [True, False], ids=["given", "not given"])
@pytest.mark.parametrize("case", CAUTIONS, ids=lambda case: case.caution)
def test_a_warning_is_kept_with_the_proof_and_refuses_nothing(
    build: Callable[..., FrontDoor], case: Warned, given: bool
) -> None:
    door = build(case, case.wrong if given else case.right)
    event, warnings = of_pod("10.0.1.10"), [case.caution] if given else []
    door.say("cls-a", event)
    door.work()
    kept = door.the(event)
    assert (kept["state"], kept["verification"]["warnings"]) == ("bound", warnings)
    assert door.ask("cls-a", event)["warnings"] == warnings


@pytest.mark.parametrize("case", BEFORE_ALL_IS_READ, ids=lambda case: case.name)
def test_nothing_is_written_before_all_that_could_refuse_it_was_read(
    build: Callable[..., FrontDoor], case: Case
) -> None:
    door = build(case, case.wrong, acquainted=False, check_addresses=False)
    event = case.event()
    said(door, case, event)
    assert (door.of(event), door.written(event)) == ([("rejected", case.code)], [])


def test_the_table_has_every_warning() -> None:
    assert {case.caution for case in CAUTIONS} == set(Caution)
