"""Who is at a place, and whom the cloud would not have beside a binding: the four-tuple rule."""

from dataclasses import replace

import pytest

from app.domain.binding import Binding, State
from app.domain.load_balancer import Listener, Rule, Slot
from app.domain.target import TargetName
from app.planning.places import OCCUPIES, Places
from tests.planning.builders import BY_ID, MINE, SLOT, TCP, THEIRS, UDP, WEB, binding

TCP_8443 = Listener("lbl-tcp-2", "TCP", 8443)
TCP_SSL = Listener("lbl-ssl", "TCP_SSL", 444)
HTTP = Listener("lbl-http", "HTTP", 80, (Rule("loc-http", "a.example", "/"),))
LISTENERS = (TCP, TCP_8443, TCP_SSL, UDP, WEB, HTTP)
HERE = binding(State.VERIFYING)


def at(
    listener_id: str, location_id: str = "", state: State = State.BOUND, port: int = 8080, **changes: object
) -> Binding:
    """Another pod's binding at a listener."""
    name = TargetName("lb-1", port, listener_id=listener_id, location_id=location_id or None)
    return binding(state, **{"uid": "u9", "target": name, "slot": Slot(listener_id, location_id), **changes})


BESIDE: dict[str, tuple[Binding, bool]] = {
    "on another listener of the protocol": (at("lbl-tcp-2"), True),
    "on another listener of the protocol, another cluster's": (at("lbl-tcp-2", cluster_id=THEIRS), True),
    "on another listener of the protocol, on its way": (at("lbl-tcp-2", state=State.PENDING), True),
    "on another listener of the protocol, waiting for its proof": (at("lbl-tcp-2", state=State.VERIFYING), False),
    "on another listener of the protocol, proven anew in a former one's target": (
        at("lbl-tcp-2", state=State.VERIFYING, placed=True),
        True,
    ),
    "on another listener of the protocol, draining": (at("lbl-tcp-2", state=State.DRAINING), True),
    "on another listener of the protocol, being taken off": (at("lbl-tcp-2", state=State.REMOVING), True),
    "on another listener of the protocol, being taken off though never put there": (
        at("lbl-tcp-2", state=State.REMOVING, placed=False),
        False,
    ),
    "on another listener of the protocol, held": (at("lbl-tcp-2", state=State.HELD), False),
    "on another listener of the protocol, held as it is": (at("lbl-tcp-2", state=State.HELD, placed=True), True),
    "on another listener of the protocol, released": (at("lbl-tcp-2", state=State.RELEASED), False),
    "on another listener of the protocol, rejected and not taken off yet": (
        at("lbl-tcp-2", state=State.REJECTED, placed=True),
        True,
    ),
    "on another listener of the protocol, at another port": (at("lbl-tcp-2", port=8081), False),
    "on another listener of the protocol, at another address": (at("lbl-tcp-2", ip="10.0.3.18"), False),
    "on another load balancer": (
        at("lbl-tcp-2", target=TargetName("lb-2", 8080, listener_id="lbl-tcp-2")),
        False,
    ),
    "on a listener of another protocol": (at("lbl-udp"), False),
    "on a listener of the protocol with TLS": (at("lbl-ssl"), False),
    "on a rule": (at("lbl-http", "loc-http"), False),
    "on a listener that is gone": (at("lbl-gone"), False),
    "at the same place": (binding(uid="u9"), False),
    "at no place that is known": (at("lbl-tcp-2", slot=None), False),
}


@pytest.mark.parametrize(("other", "is_twin"), BESIDE.values(), ids=BESIDE.keys())
def test_one_address_and_port_is_on_one_listener_of_a_protocol(other: Binding, is_twin: bool) -> None:
    assert Places([HERE, other]).twin(HERE, LISTENERS) == (other if is_twin else None)


def test_two_rules_or_two_listeners_of_layer_7_have_one_address_together() -> None:
    root, api = (at("lbl-web", location, uid=location) for location in ("loc-root", "loc-api"))
    http = at("lbl-http", "loc-http", uid="http")
    places = Places([root, api, http])
    assert [places.twin(each, LISTENERS) for each in (root, api, http)] == [None, None, None]


def test_a_binding_whose_listener_is_not_known_has_no_twin_and_no_place() -> None:
    nowhere = replace(HERE, slot=None)
    places = Places([nowhere, at("lbl-tcp-2")])
    assert places.twin(nowhere, LISTENERS) is None
    with pytest.raises(ValueError, match="b-u1: the slot is resolved before the place is asked for"):
        places.others(nowhere)


def test_a_binding_that_was_put_in_again_counts_as_it_is_now() -> None:
    there = at("lbl-tcp-2")
    places = Places([HERE, there])
    places.put(replace(there, state=State.RELEASED, placed=False))
    assert places.twin(HERE, LISTENERS) is None
    places.put(there)
    assert places.twin(HERE, LISTENERS) == there


def test_a_binding_that_moved_to_another_listener_is_no_twin_by_its_former_one() -> None:
    there = at("lbl-tcp-2")
    places = Places([HERE, there])
    places.put(replace(there, slot=Slot("lbl-udp", "")))
    assert places.twin(HERE, LISTENERS) is None
    assert places.others(at("lbl-tcp-2", uid="u3")) == []
    assert places.others(at("lbl-udp", uid="u3")) == [replace(there, slot=Slot("lbl-udp", ""))]


def test_a_binding_whose_listener_is_gone_is_at_no_place_any_more() -> None:
    there = at("lbl-tcp-2")
    places = Places([HERE, there])
    places.put(replace(there, slot=None, placed=False))
    assert places.twin(HERE, LISTENERS) is None
    assert places.others(at("lbl-tcp-2", uid="u3")) == []


def test_the_others_at_a_place_are_all_but_oneself() -> None:
    second, third = binding(uid="u2"), binding(State.RELEASED, uid="u3", cluster_id=THEIRS)
    elsewhere = at("lbl-udp")
    places = Places([HERE, second, third, elsewhere])
    assert places.others(HERE) == [second, third]
    assert places.others(elsewhere) == []
    assert Places().others(HERE) == []


def test_who_is_at_the_cloud_or_on_the_way_there_occupies_a_place() -> None:
    assert {state.value for state in OCCUPIES} == {"pending", "bound"}
    assert (HERE.target, HERE.slot, HERE.cluster_id) == (BY_ID, SLOT, MINE)
