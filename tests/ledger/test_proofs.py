"""Which proofs are to be decided, which are to be looked at again, and which hold."""

from datetime import timedelta
from typing import Any

import pytest

from app.domain.binding import LIVE, NOT_VERIFIED, State, Verdict, Verification
from app.domain.cluster import NetworkMode
from app.domain.codes import Code
from app.domain.event import Workload
from app.ledger import proofs
from app.ledger.connection import Ledger
from tests.ledger.building import THEN, a_binding, execute, furnish, keep

SECOND = timedelta(seconds=1)
LATER = THEN + SECOND


def proof(verdict: Verdict) -> Verification:
    return Verification(verdict, "eni", THEN, {"checks": []})


PROVEN, DISPROVEN, DECLARED = proof(Verdict.PROVEN), proof(Verdict.DISPROVEN), proof(Verdict.DECLARED)
CLAIMED: dict[str, Any] = {"reason": Code.CLAIMED_BY_OTHER_CLUSTER}


def undecided(ledger: Ledger, limit: int = 10) -> list[str]:
    with ledger.begin() as connection:
        return [each.binding_id for each in proofs.undecided(connection, "cls-a", limit)]


def standing(ledger: Ledger, since: Any = LATER, after: str = "", limit: int = 10) -> list[str]:
    with ledger.begin() as connection:
        return [each.binding_id for each in proofs.standing(connection, "cls-a", since, after, limit)]


def test_an_address_belongs_to_the_other_clusters_that_have_it_live_and_proven(ledger: Ledger) -> None:
    furnish(ledger, ("cls-a", "cls-b", "cls-c"))
    places = (
        ("10.0.3.1", "cls-b", State.BOUND, PROVEN),
        ("10.0.3.1", "cls-b", State.PENDING, PROVEN),
        ("10.0.3.1", "cls-c", State.DRAINING, PROVEN),
        ("10.0.3.1", "cls-a", State.BOUND, PROVEN),  # who asks
        ("10.0.3.2", "cls-b", State.RELEASED, PROVEN),
        ("10.0.3.2", "cls-c", State.REJECTED, PROVEN),
        ("10.0.3.3", "cls-b", State.BOUND, DECLARED),
        ("10.0.3.3", "cls-c", State.VERIFYING, NOT_VERIFIED),
        ("10.0.3.4", "cls-b", State.HELD, PROVEN),  # nobody asks about it
    )
    for number, (ip, cluster_id, state, verification) in enumerate(places):
        keep(ledger, a_binding(f"b-{number}", state, ip=ip, cluster_id=cluster_id, verification=verification))
    with ledger.begin() as connection:
        asked = {f"10.0.3.{number}" for number in (1, 2, 3, 9)}
        assert proofs.owners(connection, "cls-a", asked) == {"10.0.3.1": {"cls-b", "cls-c"}}
        assert proofs.owners(connection, "cls-a", set()) == {}


def test_a_refusal_by_a_claim_waits_behind_those_that_never_had_a_verdict(ledger: Ledger) -> None:
    furnish(ledger)
    keep(
        ledger,
        a_binding("b-1", State.HELD, verification=DISPROVEN, created_at=THEN - SECOND, **CLAIMED),
        a_binding("b-2", State.VERIFYING, verification=NOT_VERIFIED, created_at=THEN + SECOND),
        a_binding("b-3", State.VERIFYING, verification=NOT_VERIFIED),
        a_binding("b-4", State.VERIFYING, verification=NOT_VERIFIED, cluster_id="cls-b"),
    )
    assert undecided(ledger) == ["b-3", "b-2", "b-1"]
    assert undecided(ledger, 2) == ["b-3", "b-2"]


@pytest.mark.parametrize(
    ("state", "verification", "reason", "expected"),
    [
        (State.VERIFYING, NOT_VERIFIED, None, "undecided"),
        (State.VERIFYING, proof(Verdict.UNKNOWN), None, "undecided"),
        (State.HELD, DISPROVEN, Code.CLAIMED_BY_OTHER_CLUSTER, "undecided"),
        (State.VERIFYING, PROVEN, None, "standing"),
        (State.PENDING, PROVEN, None, "standing"),
        (State.BOUND, PROVEN, None, "standing"),
        (State.BOUND, DECLARED, None, "standing"),
        (State.HELD, PROVEN, Code.CLAIMED_BY_OTHER_CLUSTER, "standing"),
        (State.HELD, PROVEN, Code.LISTENER_NOT_FOUND, "standing"),
        (State.HELD, DISPROVEN, Code.REMOVAL_GUARD, "standing"),
        (State.BOUND, NOT_VERIFIED, None, "neither"),
        (State.DRAINING, PROVEN, None, "neither"),
        (State.REMOVING, DISPROVEN, Code.PROOF_LOST, "neither"),
        (State.RELEASED, PROVEN, None, "neither"),
        (State.REJECTED, DISPROVEN, Code.ENI_NOT_FOUND, "neither"),
    ],
)
def test_a_binding_waits_for_a_verdict_or_stands_by_one_or_neither(
    ledger: Ledger, state: State, verification: Verification, reason: Code | None, expected: str
) -> None:
    furnish(ledger)
    keep(ledger, a_binding("b-1", state, verification=verification, reason=reason))
    found = {"undecided": undecided(ledger), "standing": standing(ledger)}
    assert {name for name, ids in found.items() if ids} == {expected} - {"neither"}


def test_no_live_binding_with_a_verdict_is_overlooked(ledger: Ledger) -> None:
    """Each wanted one is either waited for or looked at again; one without an answer that is already there is not."""
    furnish(ledger)
    cases = [
        (state, verdict, reason)
        for state in sorted(LIVE - {State.DRAINING, State.REMOVING})
        for verdict in (Verdict.PROVEN, Verdict.DISPROVEN, Verdict.DECLARED)
        for reason in (Code.CLAIMED_BY_OTHER_CLUSTER, Code.QUOTA_EXCEEDED)
    ]
    made = [
        a_binding(f"b-{number:02}", state, verification=proof(verdict), reason=reason)
        for number, (state, verdict, reason) in enumerate(cases)
    ]
    keep(ledger, *made)
    waiting, looked_at = undecided(ledger, 100), standing(ledger, limit=100)
    assert sorted(waiting + looked_at) == [binding.binding_id for binding in made]
    assert not set(waiting) & set(looked_at)


def test_standing_proofs_are_gone_through_in_parts(ledger: Ledger) -> None:
    furnish(ledger)
    keep(ledger, *(a_binding(f"b-{number}", State.BOUND) for number in range(5)))
    keep(ledger, a_binding("b-9", State.BOUND, cluster_id="cls-b"))
    assert standing(ledger, limit=2) == ["b-0", "b-1"]
    assert standing(ledger, after="b-1", limit=2) == ["b-2", "b-3"]
    assert standing(ledger, after="b-3", limit=2) == ["b-4"]


def test_what_was_looked_at_since_is_left_out(ledger: Ledger) -> None:
    furnish(ledger)
    keep(ledger, *(a_binding(f"b-{number}", State.BOUND) for number in range(3)))
    execute(ledger, "UPDATE bindings SET checked_at = NULL WHERE binding_id = 'b-2'")
    assert standing(ledger, since=THEN) == ["b-2"]
    assert standing(ledger, since=LATER) == ["b-0", "b-1", "b-2"]
    with ledger.begin() as connection:
        proofs.found_again(connection, ["b-0", "b-2"], LATER)
    assert standing(ledger, since=LATER) == ["b-1"]


def test_a_proof_that_was_found_again_is_as_old_as_that_and_nothing_else_of_it_changes(ledger: Ledger) -> None:
    furnish(ledger)
    keep(ledger, a_binding("b-1", State.BOUND), a_binding("b-2", State.BOUND))
    columns = "binding_id, generation, updated_at, change_sequence, verification::text"
    before = execute(ledger, f"SELECT {columns} FROM bindings ORDER BY 1")
    with ledger.begin() as connection:
        proofs.found_again(connection, ["b-1"], LATER)
        (found, other) = proofs.standing(connection, "cls-a", LATER + SECOND, "", 9)
    assert execute(ledger, f"SELECT {columns} FROM bindings ORDER BY 1") == before
    assert (found.verification.checked_at, other.verification.checked_at) == (LATER, THEN)


def test_a_younger_verdict_does_not_become_older_by_an_older_look(ledger: Ledger) -> None:
    furnish(ledger)
    keep(ledger, a_binding("b-1", State.BOUND))
    with ledger.begin() as connection:
        proofs.found_again(connection, ["b-1"], THEN - SECOND)
    assert execute(ledger, "SELECT checked_at FROM bindings") == [THEN]


def modes(ledger: Ledger, *keys: str) -> dict[str, NetworkMode]:
    with ledger.begin() as connection:
        return dict(proofs.workload_modes(connection, "cls-a", keys or ["shop/Deployment/web"]))


ROUTER: dict[str, Any] = {"network_mode": NetworkMode.GLOBAL_ROUTER}


@pytest.mark.parametrize(
    ("state", "changes", "expected"),
    [
        (State.BOUND, {}, True),
        (State.BOUND, {"verification": DECLARED}, True),
        (State.HELD, {}, True),
        (State.REMOVING, {}, True),
        (State.VERIFYING, {"verification": NOT_VERIFIED}, False),
        (State.HELD, {"verification": DISPROVEN}, False),
        (State.RELEASED, {}, False),
        (State.BOUND, {"cluster_id": "cls-b"}, False),
        (State.BOUND, {"workload": None}, False),
        (State.BOUND, {"workload": Workload("StatefulSet", "web")}, False),
    ],
)
def test_a_workload_has_the_mode_of_its_proven_bindings_until_the_last_is_gone(
    ledger: Ledger, state: State, changes: dict[str, Any], expected: bool
) -> None:
    furnish(ledger)
    keep(ledger, a_binding("b-1", state, **changes))
    assert modes(ledger) == ({"shop/Deployment/web": NetworkMode.VPC_CNI} if expected else {})


def test_of_two_modes_the_older_one_stands(ledger: Ledger) -> None:
    furnish(ledger)
    keep(
        ledger,
        a_binding("b-1", State.BOUND, created_at=LATER),
        a_binding("b-2", State.BOUND, **ROUTER),
        a_binding("b-3", State.BOUND, created_at=LATER, workload=Workload("Deployment", "other")),
    )
    assert modes(ledger, "shop/Deployment/web", "shop/Deployment/other", "shop/Deployment/none") == {
        "shop/Deployment/web": NetworkMode.GLOBAL_ROUTER,
        "shop/Deployment/other": NetworkMode.VPC_CNI,
    }
