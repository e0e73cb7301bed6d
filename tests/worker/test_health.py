"""Health from the cloud to the binding, the feed and the metrics: in few calls, and never by what was not said."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from app.cloud.client import Client
from app.domain.binding import Binding, State
from app.domain.errors import CloudCredentialRefused, CloudResourceMissing, LeaseLost
from app.domain.load_balancer import Slot
from app.domain.target import TargetName
from app.ledger.connection import Ledger
from app.ledger.leases import LeaseSubject
from app.worker.loops import LOOPS, Loop, Worker
from app.worker.read_health import read_health
from app.worker.workshop import Workshop
from tests.acceptance.world import world
from tests.api.client import ADMIN_TOKEN, Caller, agent_of, application
from tests.ledger.building import a_binding, keep
from tests.ledger.due import health_due
from tests.worker.yard import INSTANT, Yard, address, pod_event, running

READ = Loop(LeaseSubject.HEALTH, read_health, hands=2)
MANY = 65
NEVER = 3600.0


@pytest.fixture
def yard(ledger: Ledger) -> Iterator[Yard]:
    """A cloud whose new targets are Unknown until somebody says otherwise."""
    with Yard(ledger, world(**INSTANT, health_seconds=NEVER)) as opened:
        yield opened


def read(yard: Yard, workshop: Workshop | None = None) -> int:
    """Let the time until the next reading be over, and read; how many regions were read."""
    yard.tell("UPDATE load_balancers SET health_due_at = now() WHERE health_due_at IS NOT NULL")
    return Worker(workshop or yard.workshop("reader", health=10), [READ]).run_once()


def set_health(yard: Yard, health: str, number: int = 0) -> None:
    where = {"load_balancer_id": "lb-1", "listener_id": "lbl-1", "ip": address("cls-a", number), "port": 8080}
    yard.simulator.edit("set-health", **where, health=health)


def calls(yard: Yard) -> list[int]:
    """How many load balancers each reading asked about."""
    found = [call for call in yard.simulator.calls if call["action"] == "DescribeTargetHealth"]
    return [len(call["parameters"]["LoadBalancerIds"]) for call in found]


def health(yard: Yard) -> list[str]:
    return [str(each.health) for each in yard.bindings()]


def due_in(yard: Yard) -> list[int]:
    return [seconds for seconds in health_due(yard.ledger) if seconds is not None]


class Feed:
    """A cluster's agent that reads its changes one after the other."""

    def __init__(self, yard: Yard) -> None:
        self.admin = Caller(application(yard.ledger), ADMIN_TOKEN)
        self._agent = agent_of(self.admin, "cls-a")
        self._cursor: str | None = None

    def news(self) -> list[tuple[str, str]]:
        """State and health of what changed since the last time."""
        after = {} if self._cursor is None else {"after": self._cursor}
        answer = self._agent.get("/v1/clusters/cls-a/changes", **after).json
        self._cursor = answer["next_cursor"]
        return [(each["state"], each["health"]) for each in answer["items"]]


def test_a_target_s_health_follows_the_cloud_s_word_and_the_feed_tells_each_change_once(yard: Yard) -> None:
    yard.bound("cls-a", 0)
    feed = Feed(yard)
    assert feed.news() == [("bound", "unknown")]
    told = [("Unknown", "unknown"), ("Alive", "healthy"), ("Dead", "unhealthy"), ("Unknown", "unknown")]
    for word, expected in [*told, ("Close", "off")]:
        set_health(yard, word)
        before = health(yard)
        assert read(yard) == 1
        changes = [("bound", expected)] if before != [expected] else []
        assert feed.news() == changes
        read(yard)
        assert feed.news() == []
        assert health(yard) == [expected]
    assert calls(yard) == [1] * 10


def test_a_new_target_is_healthy_when_its_checks_are_through(yard: Yard) -> None:
    yard.bound("cls-a", 0, 1)
    read(yard)
    assert health(yard) == ["unknown", "unknown"]
    yard.simulator.set_parameters(health_seconds=0)
    read(yard)
    assert health(yard) == ["healthy", "healthy"]


def test_a_listener_without_a_check_has_targets_whose_health_is_off(yard: Yard) -> None:
    listener = {"listener_id": "lbl-off", "protocol": "TCP", "port": 99, "health_check": False}
    yard.simulator.edit("add-listener", load_balancer_id="lb-1", listener=listener)
    yard.set_the_table("cls-a")
    yard.say("cls-a", pod_event(0, listener_id="lbl-off"))
    yard.settle()
    read(yard)
    assert health(yard) == ["off"]


def test_nothing_is_written_while_nothing_changes(yard: Yard) -> None:
    yard.bound("cls-a", *range(5))
    set_health(yard, "Dead", 3)
    read(yard)
    feed = Feed(yard)
    feed.news()
    names = ("bindings", "journal", "clusters", "cloud_operations")
    before = {name: yard.tell(f"SELECT xmin::text, ctid::text FROM {name} ORDER BY 2") for name in names}
    for _ in range(3):
        read(yard)
    assert {name: yard.tell(f"SELECT xmin::text, ctid::text FROM {name} ORDER BY 2") for name in names} == before
    assert feed.news() == []
    assert len(calls(yard)) == 4


def test_a_bind_is_asked_about_soon_and_a_healthy_target_seldom(yard: Yard) -> None:
    yard.bound("cls-a", 0)
    assert due_in(yard)[0] <= 1
    for word, expected in (("Unknown", 1), ("Dead", 10), ("Alive", 30)):
        set_health(yard, word)
        yard.tell("UPDATE bindings SET updated_at = now()")
        read(yard)
        assert due_in(yard) == [expected]
    yard.say("cls-a", pod_event(1))
    yard.settle()
    assert due_in(yard)[0] <= 1


def test_without_targets_nobody_asks(yard: Yard) -> None:
    yard.bound("cls-a", 0)
    set_health(yard, "Alive")
    read(yard)
    yard.say("cls-a", pod_event(0, kind="unbind", revision=2, drain_seconds=0))
    yard.settle()
    assert yard.states() == {("released", None): 1}
    assert health(yard) == ["unknown"]
    read(yard)
    assert due_in(yard) == []
    assert read(yard) == 0
    assert len(calls(yard)) == 2


def test_a_target_that_is_taken_away_by_hand_loses_its_health_until_it_is_back(yard: Yard) -> None:
    yard.bound("cls-a", 0)
    set_health(yard, "Alive")
    read(yard)
    where = {"load_balancer_id": "lb-1", "listener_id": "lbl-1", "ip": address("cls-a", 0), "port": 8080}
    yard.simulator.edit("remove-target", **where)
    read(yard)
    assert health(yard) == ["healthy"]  # nothing was said of it, and nobody has seen yet that it is gone
    yard.sweep()
    assert (yard.states(), health(yard)) == ({("bound", None): 1}, ["unknown"])
    set_health(yard, "Alive")
    read(yard)
    assert health(yard) == ["healthy"]


FAULTS: Mapping[str, dict[str, Any]] = {
    "answer-lost": {},
    "request-lost": {},
    "reset": {},
    "http-500": {},
    "internal-error-before": {},
    "throttle": {},
    "not-json": {},
    "hang": {"seconds": 1.5},
    "error": {"code": "AuthFailure.SignatureFailure"},
    "answer": {"fields": {"LoadBalancers": [None]}},
    "refused": {"kind": "error", "code": "InvalidParameter.LBIdNotFound"},
    "no list": {"kind": "answer", "fields": {"LoadBalancers": "text"}},
    "nothing": {"kind": "answer", "without": ["LoadBalancers"]},
    "null": {"kind": "answer", "fields": {"LoadBalancers": None}},
    "empty": {"kind": "answer", "fields": {"LoadBalancers": []}},
    "others": {"kind": "answer", "fields": {"LoadBalancers": [{"LoadBalancerId": "lb-9", "Listeners": []}]}},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_no_answer_leaves_health_as_it_is_and_is_asked_for_again(yard: Yard, fault: str) -> None:
    yard.bound("cls-a", 0)
    set_health(yard, "Alive")
    read(yard)
    set_health(yard, "Dead")
    order = {"kind": fault, **FAULTS[fault]}
    yard.simulator.order(order.pop("kind"), action="DescribeTargetHealth", times=0, **order)
    for _ in range(2):
        assert read(yard) == 1
        assert health(yard) == ["healthy"]
    assert 1 <= due_in(yard)[0] <= 30
    yard.simulator.clear_faults()
    read(yard)
    assert health(yard) == ["unhealthy"]


def balancers() -> tuple[str, ...]:
    return tuple(f"lb-{number:02}" for number in range(MANY))


@pytest.fixture
def wide(ledger: Ledger) -> Iterator[Yard]:
    """65 load balancers with a target each, that are bound, and Dead."""
    spread = world(**INSTANT)
    (only,) = spread["load_balancers"]
    spread["load_balancers"] = [
        {
            **only,
            "load_balancer_id": name,
            "vips": [f"203.0.113.{number}"],
            "listeners": [{"listener_id": f"lbl-{name}", "protocol": "TCP", "port": 80}],
        }
        for number, name in enumerate(balancers())
    ]
    with Yard(ledger, spread) as opened:
        opened.set_the_table("cls-a", load_balancer_ids=balancers())
        keep(ledger, *(bound(number, name) for number, name in enumerate(balancers())))
        for number, name in enumerate(balancers()):
            where = {"load_balancer_id": name, "listener_id": f"lbl-{name}", "ip": address("cls-a", number)}
            opened.simulator.edit("add-target", **where, port=8080)
            opened.simulator.edit("set-health", **where, port=8080, health="Dead")
        opened.tell("UPDATE load_balancers SET health_due_at = now()")
        yield opened


def bound(number: int, load_balancer_id: str) -> Binding:
    listener_id = f"lbl-{load_balancer_id}"
    return a_binding(
        f"b-{number:02}",
        State.BOUND,
        ip=address("cls-a", number),
        target=TargetName(load_balancer_id, 8080, listener_id=listener_id),
        slot=Slot(listener_id, ""),
        placed=True,
        holder=True,
    )


def test_65_load_balancers_take_3_calls(wide: Yard) -> None:
    assert read(wide) == 1
    assert calls(wide) == [30, 30, 5]
    asked = [name for call in wide.simulator.calls for name in call["parameters"]["LoadBalancerIds"]]
    assert sorted(asked) == sorted(balancers())
    assert health(wide) == ["unhealthy"] * MANY
    assert due_in(wide) == [10] * MANY


def test_a_call_that_fails_leaves_the_others_of_its_round_alone(wide: Yard) -> None:
    wide.simulator.order("reset", action="DescribeTargetHealth", times=1)
    read(wide)
    assert calls(wide) == [30, 30, 5]
    assert health(wide).count("unknown") == 30
    read(wide)
    assert health(wide) == ["unhealthy"] * MANY


def test_a_load_balancer_that_the_answer_leaves_out_keeps_its_health_and_takes_nothing_from_others(wide: Yard) -> None:
    wide.tell("UPDATE bindings SET health = 'healthy'")
    wide.simulator.edit("delete-load-balancer", load_balancer_id="lb-07")
    read(wide)
    assert [number for number, each in enumerate(health(wide)) if each == "healthy"] == [7]


class Stubborn:
    """A cloud that refuses each call that names a certain load balancer."""

    account_id = "default"

    def __init__(self, yard: Yard, client: Client, refuses: str) -> None:
        self._yard = yard
        self._client = client
        self._refuses = refuses
        self.refused = 0
        self.leases_end: list[Any] = []

    def call(self, service: str, action: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        self.leases_end += self._yard.tell("SELECT expires_at FROM leases WHERE subject = 'health'")
        if self._refuses in parameters["LoadBalancerIds"]:
            self.refused += 1
            raise CloudResourceMissing("InvalidParameter.LBIdNotFound", "no such load balancer")
        return self._client.call(service, action, parameters)


def test_a_load_balancer_for_which_calls_are_refused_is_found_by_halving_and_asked_about_more_seldom(
    wide: Yard,
) -> None:
    usual = wide.workshop("reader", health=10)
    cloud: Any = Stubborn(wide, usual.cloud_for("default", "ap-guangzhou"), "lb-07")
    read(wide, replace(usual, cloud_for=lambda *_: cloud))
    assert [number for number, each in enumerate(health(wide)) if each == "unknown"] == [7]
    assert cloud.refused <= 6  # 30, 15, 8, 4, 2, 1
    assert cloud.leases_end == sorted(set(cloud.leases_end))  # renewed before each call
    assert [number for number, each in enumerate(due_in(wide)) if each == 30] == [7]


def test_an_account_without_a_credential_is_asked_again_and_loses_nothing(yard: Yard) -> None:
    yard.bound("cls-a", 0)
    set_health(yard, "Alive")
    read(yard)

    def cloud_for(account_id: str, _: str) -> Client:
        raise CloudCredentialRefused("NoCredential", f"no credential for {account_id}")

    read(yard, replace(yard.workshop("reader", health=10), cloud_for=cloud_for))
    assert health(yard) == ["healthy"]
    assert due_in(yard) == [4]


def test_a_worker_that_is_overtaken_while_the_cloud_answers_changes_nothing(yard: Yard) -> None:
    yard.bound("cls-a", 0)
    set_health(yard, "Alive")
    usual = yard.workshop("slow", health=10)
    inner = usual.cloud_for("default", "ap-guangzhou")

    class Slow:
        account_id = "default"

        def call(self, *given: Any) -> dict[str, Any]:
            answer = inner.call(*given)
            set_health(yard, "Dead")
            yard.tell("UPDATE leases SET expires_at = now() WHERE subject = 'health'")
            read(yard, yard.workshop("heir", health=10))
            return answer

    cloud: Any = Slow()
    with pytest.raises(LeaseLost):
        read(yard, replace(usual, cloud_for=lambda *_: cloud))
    assert health(yard) == ["unhealthy"]


def test_a_worker_reads_health_by_itself_and_the_metrics_count_it(yard: Yard) -> None:
    yard.simulator.set_parameters(health_seconds=0)
    yard.set_the_table("cls-a")
    feed = Feed(yard)
    with running(Worker(yard.workshop("life-1"), LOOPS)):
        yard.say("cls-a", pod_event(0), pod_event(1))
        yard.wait_for("the word", lambda: health(yard) == ["healthy"] * 2)
    assert feed.news() == [("bound", "healthy")] * 2
    metrics = feed.admin.get("/metrics").text
    assert 'clb_broker_targets{health="healthy"} 2.0' in metrics
    assert 'clb_broker_targets{health="unhealthy"} 0.0' in metrics
