"""What is refused at once, and its nearest neighbour that is not."""

from dataclasses import replace

import pytest

from app.domain.binding import State
from app.domain.codes import Code
from app.domain.event import Outcome, PodEvent
from app.domain.journal import Action
from app.domain.target import TargetName
from tests.planning.builders import BALANCER, BY_ID, BY_PORT, MINE, bind, binding, grant, load_balancer, unbind
from tests.planning.shelf import Shelf

UDP_BY_ID = replace(BY_ID, listener_id="lbl-udp")
UDP_BY_PORT = TargetName(BALANCER, 8080, protocol="UDP", listener_port=53)
UNKNOWN_ID = replace(BY_ID, listener_id="lbl-none")
UNKNOWN_PORT = replace(BY_PORT, listener_port=81)
ELSEWHERE = replace(BY_ID, load_balancer_id="lb-2")


def judged(event: PodEvent, *listener_ids: str, unread: bool = False) -> tuple[Outcome, Code | None]:
    """What becomes of an event in a ledger with a grant on these listeners."""
    shelf = Shelf(load_balancer=load_balancer(unread=unread))
    shelf.grants[MINE] = grant(*listener_ids)
    (result,) = shelf.receive([event])
    assert bool(shelf.bindings) is (result.outcome is Outcome.ACCEPTED)
    return result.outcome, result.code


@pytest.mark.parametrize("target", [BY_ID, BY_PORT])
def test_a_grant_on_the_listener_or_on_all_lets_a_bind_pass(target: TargetName) -> None:
    assert judged(bind(target=target), "lbl-tcp") == (Outcome.ACCEPTED, None)
    assert judged(bind(target=target), "*") == (Outcome.ACCEPTED, None)


@pytest.mark.parametrize("target", [UDP_BY_ID, UDP_BY_PORT, UNKNOWN_ID, ELSEWHERE])
def test_without_a_grant_on_the_listener_a_bind_is_refused_however_it_is_named(target: TargetName) -> None:
    assert judged(bind(target=target), "lbl-tcp") == (Outcome.REJECTED, Code.NOT_GRANTED)


def test_without_any_grant_a_bind_is_refused() -> None:
    shelf = Shelf()
    del shelf.grants[MINE]
    (result,) = shelf.receive([bind()])
    assert (result.outcome, result.code, result.binding_id) == (Outcome.REJECTED, Code.NOT_GRANTED, None)
    assert "cls-mine has no grant for lb-1, listener lbl-tcp" in (result.detail or "")


def test_before_the_listeners_were_read_a_name_by_id_is_judged_at_once_and_one_by_port_later() -> None:
    assert judged(bind(target=UDP_BY_ID), "lbl-tcp", unread=True) == (Outcome.REJECTED, Code.NOT_GRANTED)
    assert judged(bind(target=UDP_BY_PORT), "lbl-tcp", unread=True) == (Outcome.ACCEPTED, None)


def test_a_port_that_no_listener_has_is_judged_later() -> None:
    assert judged(bind(target=UNKNOWN_PORT), "lbl-tcp") == (Outcome.ACCEPTED, None)


def test_a_refusal_names_the_listener_as_the_agent_did() -> None:
    shelf = Shelf()
    shelf.grants[MINE] = grant("lbl-tcp")
    by_id, by_port = shelf.receive([bind(target=UDP_BY_ID), bind(target=UDP_BY_PORT)])
    assert by_id.detail == "cluster cls-mine has no grant for lb-1, listener lbl-udp"
    assert by_port.detail == "cluster cls-mine has no grant for lb-1, listener UDP:53"


def test_an_unbind_needs_a_grant_only_while_nothing_is_known_of_the_pod() -> None:
    shelf = Shelf()
    shelf.put(binding())
    del shelf.grants[MINE]
    known, unknown = shelf.receive([unbind(), unbind("u2")])
    assert known.outcome is Outcome.ACCEPTED
    assert shelf.only(binding_id="b-u1").state is State.DRAINING
    assert (unknown.outcome, unknown.code) == (Outcome.REJECTED, Code.NOT_GRANTED)


@pytest.mark.parametrize(("weight", "fits"), [(-1, False), (0, True), (100, True), (101, False)])
def test_a_weight_is_from_0_to_100(weight: int, fits: bool) -> None:
    outcome = (Outcome.ACCEPTED, None) if fits else (Outcome.REJECTED, Code.WEIGHT_OUT_OF_RANGE)
    assert judged(bind(weight=weight)) == outcome


@pytest.mark.parametrize("ip", ["127.0.0.1", "fd00::1", "010.0.3.17", ""])
def test_an_address_that_is_not_bindable_is_refused(ip: str) -> None:
    assert judged(bind(ip=ip)) == (Outcome.REJECTED, Code.ADDRESS_NOT_BINDABLE)


def test_a_bind_without_an_address_is_refused() -> None:
    assert judged(bind(pod=unbind().pod)) == (Outcome.REJECTED, Code.ADDRESS_NOT_BINDABLE)


def test_a_bind_without_a_network_mode_is_a_mistake_of_the_reader_and_not_of_the_agent() -> None:
    with pytest.raises(ValueError, match="a bind has a network mode"):
        judged(bind(network_mode=None))


def test_an_unbind_is_taken_with_whatever_address_or_none() -> None:
    assert judged(unbind(pod=bind(ip="127.0.0.1").pod)) == (Outcome.UNCHANGED, None)
    assert judged(unbind()) == (Outcome.UNCHANGED, None)


def test_a_refused_event_leaves_what_is_bound_as_it_is_and_is_told_in_the_history() -> None:
    shelf = Shelf()
    shelf.put(binding())
    before = dict(shelf.bindings)
    results = shelf.receive([bind(revision=30, weight=101, event_id="e1"), bind(revision=20, event_id="e2")])
    assert [result.outcome for result in results] == [Outcome.REJECTED, Outcome.UNCHANGED]
    assert shelf.bindings["b-u1"].revision == 20
    assert before["b-u1"].state is shelf.bindings["b-u1"].state
    (entry,) = shelf.entries
    assert (entry.action, entry.binding_id, entry.event_id) == (Action.EVENT_REJECTED, None, "e1")
    assert (entry.reason, entry.pod_uid, entry.ip) == ("target-weight-out-of-range", "u1", "10.0.3.17")
    assert (entry.cluster_id, entry.load_balancer_id, entry.listener_id) == (MINE, BALANCER, "lbl-tcp")
    assert entry.detail == "target.weight: 101 is not in 0 to 100"
