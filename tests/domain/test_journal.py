"""Entries of the history."""

from app.domain.binding import State
from app.domain.codes import Code
from app.domain.journal import Action, entry_of
from tests.planning.builders import BY_PORT, binding


def test_an_entry_tells_the_move_and_whom_it_is_about() -> None:
    before, after = binding(State.PENDING), binding(State.HELD, reason=Code.QUOTA_EXCEEDED, detail="full")
    entry = entry_of(Action.BINDING_MOVED, before, after, event_id="e1", cloud_request_id="req-1")
    assert (entry.from_state, entry.to_state, entry.reason) == (State.PENDING, State.HELD, "quota-exceeded")
    assert (entry.account_id, entry.cluster_id, entry.binding_id) == ("default", "cls-mine", "b-u1")
    assert (entry.pod_uid, entry.ip, entry.port) == ("u1", "10.0.3.17", 8080)
    assert (entry.load_balancer_id, entry.listener_id) == ("lb-1", "lbl-tcp")
    assert (entry.event_id, entry.cloud_request_id, entry.detail) == ("e1", "req-1", "full")


def test_the_entry_of_a_new_binding_comes_from_nowhere() -> None:
    assert entry_of(Action.BINDING_CREATED, None, binding(State.VERIFYING)).from_state is None


def test_an_entry_names_the_listener_as_the_agent_did_while_it_is_not_known() -> None:
    unresolved = binding(State.VERIFYING, slot=None, holder=False)
    assert entry_of(Action.BINDING_CREATED, None, unresolved).listener_id == "lbl-tcp"
    by_port = binding(State.VERIFYING, slot=None, holder=False, target=BY_PORT)
    assert entry_of(Action.BINDING_CREATED, None, by_port).listener_id is None


def test_an_entrys_own_detail_stands_before_the_bindings() -> None:
    after = binding(State.HELD, detail="full")
    assert entry_of(Action.BINDING_MOVED, None, after, detail="said by an operator").detail == "said by an operator"
