"""The cluster that the bench makes is the one that the simulated cloud's world has, and as the agent reads it."""

from app.agent.deciding.network import Network
from app.agent.deciding.reading import pod_of, service_of, slice_of
from app.agent.deciding.targets import decide
from benchmarks import world
from benchmarks.agent import objects
from benchmarks.agent.objects import SIZE, Manifest, Member


def stored(manifest: Manifest, number: int) -> Manifest:
    """As the API gives it back."""
    metadata = {"uid": f"u-{number}", "resourceVersion": str(number), "creationTimestamp": "2026-11-23T08:00:00Z"}
    return {**manifest, "metadata": {**manifest["metadata"], **metadata}}


def test_every_pod_has_an_address_of_the_worlds_interfaces_on_its_own_load_balancer() -> None:
    expected = {(pod.ip, pod.load_balancer_id) for pod in world.pods(SIZE)}
    named = {
        number: objects.service(number)["metadata"]["annotations"]["service.kubernetes.io/tke-existed-lbid"]
        for number in range(SIZE.load_balancers)
    }
    assert {(each.ip, named[each.service]) for each in objects.members()} == expected
    assert len(expected) == SIZE.binds


def test_generations_share_neither_names_nor_addresses() -> None:
    both = [each for generation in (0, 1, 2) for each in objects.members(generation=generation)]
    assert len({each.name for each in both}) == len({each.ip for each in both}) == 3 * SIZE.binds


def test_the_agent_wants_the_ready_pods_of_the_bench_at_a_listener_of_the_world_and_no_others() -> None:
    members = [Member(3, 0), Member(3, 1)]
    pods = [pod_of(stored(objects.pod(each, ready=each.number == 0), each.number + 1)) for each in members]
    given = objects.endpoint_slice(3, [(each, f"u-{each.number + 1}") for each in members])
    service = service_of(stored(objects.service(3), 9))
    found = decide(service, [slice_of(stored(given, 10))], {pod.key: pod for pod in pods}, Network())
    assert [(each.ip, each.target.load_balancer_id, each.target.listener_port) for each in found.wanted] == [
        ("10.0.4.1", "lb-3", 80)
    ]
    assert set(found.members) == {"u-1", "u-2"}
    assert found.problems == ()
