"""What a worker counts while it works, and how it tells of that over HTTP."""

import http.client
import socket
from collections.abc import Callable
from typing import Any

import pytest

from app.domain.errors import SettingError
from app.ledger.leases import Lease, LeaseSubject
from app.metrics import WORKER
from app.worker.loops import Loop, Worker
from app.worker.serve_metrics import serving_metrics
from app.worker.workshop import Workshop
from tests.worker.yard import Yard, pod_event, running

NOWHERE = "127.0.0.1:0"
BATCH = "BatchRegisterTargets"


def counting(name: str, **labels: str) -> Callable[[], float]:
    """How much was added to one sample since: the counters are the whole process's."""
    before = WORKER.get_sample_value(name, labels) or 0.0
    return lambda: (WORKER.get_sample_value(name, labels) or 0.0) - before


def get(url: str, path: str, method: str = "GET") -> tuple[int, str]:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
    connection.request(method, path)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def test_a_bind_is_counted_at_every_step_to_the_cloud(yard: Yard) -> None:
    calls = counting("clb_broker_cloud_calls_total", account="default", action=BATCH, result="ok")
    timed = counting("clb_broker_cloud_call_seconds_count", action=BATCH)
    waited = counting("clb_broker_budget_wait_seconds_count", action=BATCH)
    passes = counting("clb_broker_passes_total", outcome="done")
    proven = counting("clb_broker_verdicts_total", work="verification", verdict="proven")
    taken = counting("clb_broker_work_taken_total", work="verification")
    bound = counting("clb_broker_event_to_bound_seconds_count", network_mode="vpc-cni")
    yard.bound("cls-a", 0, 1, 2)
    assert (calls(), timed(), waited(), passes(), proven(), bound()) == (1, 1, 1, 1, 3, 3)
    assert taken() >= 1


def test_a_target_that_only_gets_another_weight_is_not_bound_anew(yard: Yard) -> None:
    yard.bound("cls-a", 0)
    bound = counting("clb_broker_event_to_bound_seconds_count", network_mode="vpc-cni")
    yard.say("cls-a", pod_event(0, revision=2, weight=7))
    yard.settle()
    assert yard.states() == {("bound", None): 1}
    assert bound() == 0


@pytest.mark.parametrize(
    ("fault", "result"),
    [("throttle", "throttled"), ("busy", "busy"), ("reset", "ambiguous"), ("internal-error-before", "ambiguous")],
)
def test_a_write_that_fails_is_counted_by_what_became_of_it(yard: Yard, fault: str, result: str) -> None:
    yard.set_the_table("cls-a")
    yard.settle()
    calls = counting("clb_broker_cloud_calls_total", account="default", action=BATCH, result=result)
    passes = counting("clb_broker_passes_total", outcome=result)
    yard.simulator.order(fault, action=BATCH)
    yard.say("cls-a", pod_event(0))
    yard.settle()
    assert (calls(), passes()) == (1, 1)
    assert yard.states() == {("bound", None): 1}


def test_a_load_balancer_that_cannot_be_read_is_counted(yard: Yard) -> None:
    yard.set_the_table("cls-a")
    unread = counting("clb_broker_passes_total", outcome="unread")
    idle = counting("clb_broker_passes_total", outcome="idle")
    yard.simulator.order("reset", action="DescribeLoadBalancers")
    yard.settle()
    assert unread() == 1
    assert idle() >= 1


def test_work_that_breaks_off_is_counted(yard: Yard) -> None:
    yard.set_the_table("cls-a")
    failed = counting("clb_broker_work_failed_total", work="load-balancer")

    def work(_: Workshop, __: Lease) -> None:
        raise KeyError("a mistake")

    with running(Worker(yard.workshop("clumsy"), [Loop(LeaseSubject.LOAD_BALANCER, work, hands=1)])):
        yard.wait_for("the work to break off", lambda: failed() == 1)


def _has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.parametrize(
    "listen",
    [NOWHERE, pytest.param("[::1]:0", marks=pytest.mark.skipif(not _has_ipv6(), reason="no IPv6 on this machine"))],
)
def test_a_worker_says_that_it_lives_and_what_it_counted(listen: str) -> None:
    with serving_metrics(listen) as url:
        assert url is not None
        assert get(url, "/livez") == (200, "alive\n")
        status, text = get(url, "/metrics")
        assert status == 200
        assert "# TYPE clb_broker_cloud_calls_total counter" in text
        assert get(url, "/metrics", "POST")[0] == 405
        assert get(url, "/")[0] == 404
    with pytest.raises(ConnectionRefusedError):
        get(url, "/livez")


def test_a_worker_without_an_address_listens_nowhere() -> None:
    with serving_metrics(None) as url:
        assert url is None


def test_an_address_that_is_taken_is_named_on_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(SettingError, match=f"^CLB_BROKER_WORKER_LISTEN: cannot listen on {listen}"):
            _serve(listen)


def test_two_workers_take_free_ports_each() -> None:
    with serving_metrics(NOWHERE) as first, serving_metrics(NOWHERE) as second:
        assert first != second
        assert [get(str(url), "/livez")[0] for url in (first, second)] == [200, 200]


def test_no_series_is_named_after_a_load_balancer_a_cluster_or_an_address() -> None:
    labels: set[Any] = {name for family in WORKER.collect() for sample in family.samples for name in sample.labels}
    assert labels <= {"account", "action", "result", "outcome", "work", "verdict", "network_mode", "le"}


def _serve(listen: str) -> None:
    with serving_metrics(listen):
        raise AssertionError("it listens where somebody else does")
