"""Clusters, load balancers and grants: set, set again, belonging to one account, and written into history."""

from functools import partial
from typing import Any

import pytest

from app.broker.grant_listeners import grant_listeners, revoke_grant
from app.broker.register_cluster import register_cluster
from app.broker.register_load_balancer import register_load_balancer
from app.domain.cluster import Removal, Topology, Verification
from app.domain.errors import RequestRefused
from app.ledger.connection import Ledger
from tests.ledger.building import TOPOLOGY, at_once, execute

TERMS: dict[str, Any] = {
    "account_id": "default",
    "region": "ap-guangzhou",
    "verification": Verification.STRICT,
    "topology": None,
    "removal": Removal(0.3),
    "actor": "operator:ann",
}


def cluster(ledger: Ledger, cluster_id: str = "cls-a", **changes: Any) -> bool:
    return register_cluster(ledger, cluster_id, **(TERMS | changes))[1]


def balancer(ledger: Ledger, load_balancer_id: str = "lb-1", account_id: str = "default", region: str = "r") -> bool:
    terms = {"account_id": account_id, "region": region, "actor": "operator:ann"}
    return register_load_balancer(ledger, load_balancer_id, **terms)[1]


def grant(ledger: Ledger, *listener_ids: str, load_balancer_id: str = "lb-1", cluster_id: str = "cls-a") -> bool:
    return grant_listeners(ledger, load_balancer_id, cluster_id, listener_ids, actor="operator:ann")[1]


def history(ledger: Ledger) -> list[Any]:
    return execute(ledger, "SELECT action, actor, cluster_id, load_balancer_id, detail FROM journal ORDER BY sequence")


def refusal(raised: pytest.ExceptionInfo[RequestRefused]) -> tuple[int, str]:
    return raised.value.status, raised.value.code


def test_a_cluster_is_new_once_and_its_work_can_be_taken(ledger: Ledger) -> None:
    assert cluster(ledger)
    assert not cluster(ledger, topology=TOPOLOGY, verification=Verification.DECLARED)
    assert execute(ledger, "SELECT subject, epoch FROM leases ORDER BY 1") == [
        ("region", 0),
        ("reverification", 0),
        ("seal", 0),
        ("topology", 0),
        ("verification", 0),
    ]
    assert history(ledger) == [
        ("cluster-registered", "operator:ann", "cls-a", None, "verification strict, region ap-guangzhou"),
        ("cluster-registered", "operator:ann", "cls-a", None, "verification declared, region ap-guangzhou"),
    ]


def test_a_changed_cluster_makes_what_waits_be_looked_at_again(ledger: Ledger) -> None:
    cluster(ledger)
    execute(ledger, "UPDATE clusters SET verification_due_at = NULL")
    cluster(ledger, topology=Topology("vpc-2"))
    assert execute(ledger, "SELECT verification_due_at <= now() FROM clusters") == [True]


def test_a_load_balancer_is_new_once_and_due_whenever_it_is_set(ledger: Ledger) -> None:
    assert balancer(ledger)
    later = "now() + interval '1 day'"
    execute(ledger, f"UPDATE load_balancers SET due_at = {later}, not_before = {later}")
    assert not balancer(ledger, region="elsewhere")
    due = "SELECT due_at <= now(), not_before <= now(), region FROM load_balancers"
    assert execute(ledger, due) == [(True, True, "elsewhere")]
    assert execute(ledger, "SELECT subject_id FROM leases ORDER BY 1") == [
        "default",
        "elsewhere",
        "elsewhere",
        "lb-1",
        "r",
        "r",
    ]
    assert execute(ledger, "SELECT region FROM regions ORDER BY 1") == ["elsewhere", "r"]
    assert [entry[4] for entry in history(ledger)] == ["region r", "region elsewhere"]


@pytest.mark.parametrize("register", [cluster, balancer])
def test_what_belongs_to_one_account_is_refused_to_another(ledger: Ledger, register: Any) -> None:
    register(ledger, "id-1")
    with pytest.raises(RequestRefused) as raised:
        register(ledger, "id-1", account_id="second")
    assert refusal(raised) == (409, "account-mismatch")
    assert len(history(ledger)) == 1


@pytest.mark.parametrize("register", [cluster, balancer])
def test_of_two_accounts_that_register_one_id_at_once_exactly_one_is_refused(ledger: Ledger, register: Any) -> None:
    def attempt(name: str, account_id: str) -> str:
        try:
            return "new" if register(ledger, name, account_id=account_id) else "known"
        except RequestRefused as error:
            return error.code

    for number in range(10):
        calls = [partial(attempt, f"id-{number}", account_id) for account_id in ("first", "second")]
        assert sorted(at_once(calls)) == ["account-mismatch", "new"]


@pytest.mark.parametrize("register", [cluster, balancer])
def test_the_same_registration_at_once_by_several_is_new_for_one_of_them(ledger: Ledger, register: Any) -> None:
    assert sorted(at_once([partial(register, ledger, "id-1")] * 4)) == [False, False, False, True]


def test_a_grant_is_new_once_and_wakes_what_waits_for_it(ledger: Ledger) -> None:
    cluster(ledger)
    balancer(ledger)
    execute(ledger, "UPDATE load_balancers SET due_at = now() + interval '1 day'")
    assert grant(ledger, "lbl-1")
    assert not grant(ledger, "lbl-1", "lbl-2")
    assert execute(ledger, "SELECT listener_ids FROM grants") == [["lbl-1", "lbl-2"]]
    assert execute(ledger, "SELECT due_at <= now() FROM load_balancers") == [True]
    assert [(entry[0], entry[4]) for entry in history(ledger)][2:] == [
        ("grant-made", "lbl-1"),
        ("grant-made", "lbl-1, lbl-2"),
    ]


def test_a_revoked_grant_is_gone_and_in_history(ledger: Ledger) -> None:
    cluster(ledger)
    balancer(ledger)
    grant(ledger, "*")
    revoke_grant(ledger, "lb-1", "cls-a", actor="operator:ann")
    assert execute(ledger, "SELECT count(*) FROM grants") == [0]
    assert history(ledger)[-1] == ("grant-revoked", "operator:ann", "cls-a", "lb-1", None)
    with pytest.raises(RequestRefused) as raised:
        revoke_grant(ledger, "lb-1", "cls-a", actor="operator:ann")
    assert refusal(raised) == (404, "grant-not-found")


@pytest.mark.parametrize(
    ("names", "code"),
    [
        ({"load_balancer_id": "lb-none"}, "load-balancer-not-found"),
        ({"cluster_id": "cls-none"}, "cluster-not-found"),
    ],
)
def test_a_grant_needs_both_of_its_sides(ledger: Ledger, names: Any, code: str) -> None:
    cluster(ledger)
    balancer(ledger)
    with pytest.raises(RequestRefused) as raised:
        grant(ledger, "*", **names)
    assert refusal(raised) == (404, code)


def test_a_grant_does_not_cross_accounts(ledger: Ledger) -> None:
    cluster(ledger, account_id="first")
    balancer(ledger, account_id="second")
    with pytest.raises(RequestRefused) as raised:
        grant(ledger, "*")
    assert refusal(raised) == (409, "account-mismatch")
    assert execute(ledger, "SELECT count(*) FROM grants") == [0]
