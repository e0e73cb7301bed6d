"""A world of many: a page costs what is on it, not what there is."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.simulator.actions import ccn, networks
from app.simulator.server import Simulator
from tests.simulator.conftest import Asker, target

MANY = 10_000


@pytest.fixture
def world(world: dict[str, Any]) -> dict[str, Any]:
    """The small world with 10,000 routes, attachments, interfaces and addresses more."""
    vpcs = [{"vpc_id": f"vpc-x{number}", "cidr": "10.128.0.0/16"} for number in range(MANY)]
    routes = [
        {"cidr": f"10.{128 + number // 256}.{number % 256}.0/24", "vpc_id": f"vpc-x{number}"} for number in range(MANY)
    ]
    place = {"vpc_id": "vpc-2", "subnet_id": "subnet-2"}
    interfaces = [
        {"interface_id": f"eni-x{number}", "instance_id": f"ins-x{number}", **place, "addresses": [address(number)]}
        for number in range(MANY)
    ]
    world["vpcs"] += vpcs
    world["interfaces"] += interfaces
    world["ccns"].append(
        {"ccn_id": "ccn-many", "attachments": [{"vpc_id": each["vpc_id"]} for each in vpcs], "routes": routes}
    )
    world["ccns"][-1]["attachments"].append({"vpc_id": "vpc-1"})
    return world


def address(number: int) -> str:
    return f"10.1.{16 + number // 250}.{1 + number % 250}"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The names of the functions that make rows, once for each row that was made."""
    names: list[str] = []

    def counted(make: Callable[..., Any]) -> Callable[..., Any]:
        def row(*of: Any) -> Any:
            names.append(make.__name__)
            return make(*of)

        return row

    for module, name in ((ccn, "_route"), (ccn, "_attachment"), (networks, "_interface")):
        monkeypatch.setattr(module, name, counted(getattr(module, name)))
    return names


@pytest.mark.parametrize(
    ("action", "rows", "asked", "total"),
    [
        ("DescribeCcnRoutes", "RouteSet", {"CcnId": "ccn-many"}, MANY),
        ("DescribeCcnAttachedInstances", "InstanceSet", {"CcnId": "ccn-many"}, MANY + 1),
        ("DescribeNetworkInterfaces", "NetworkInterfaceSet", {}, MANY + 4),
    ],
)
def test_only_the_rows_of_the_page_are_made(
    ask: Asker, made: list[str], action: str, rows: str, asked: dict[str, Any], total: int
) -> None:
    page = ask(action, "vpc", **asked, Offset=9_900, Limit=100)
    assert (page["TotalCount"], len(page[rows]), len(made)) == (total, 100, 100)


def test_the_pages_of_many_routes_are_all_of_them_once(ask: Asker) -> None:
    seen = [
        each["DestinationCidrBlock"]
        for offset in range(0, MANY, 100)
        for each in ask("DescribeCcnRoutes", "vpc", CcnId="ccn-many", Offset=offset, Limit=100)["RouteSet"]
    ]
    assert (len(seen), len(set(seen))) == (MANY, MANY)


def test_a_hundred_of_many_are_found_by_name(ask: Asker, made: list[str]) -> None:
    numbers = range(5_000, 5_100)
    by_address = [{"Name": "address-ip", "Values": [address(number) for number in numbers]}]
    by_machine = [{"Name": "attachment.instance-id", "Values": [f"ins-x{number}" for number in numbers]}]
    expected = [f"eni-x{number}" for number in numbers]
    for filters in (by_address, by_machine):
        found = ask("DescribeNetworkInterfaces", "vpc", Filters=filters, Limit=100)["NetworkInterfaceSet"]
        assert [each["NetworkInterfaceId"] for each in found] == expected
    ids = [f"ccnr-many-{number}" for number in numbers]
    routes = ask("DescribeCcnRoutes", "vpc", CcnId="ccn-many", RouteIds=ids, Limit=100)["RouteSet"]
    assert ([each["RouteId"] for each in routes], len(made)) == (ids, 300)


def test_targets_behind_many_routes_are_bound_within_the_time_of_a_call(ask: Asker, simulator: Simulator) -> None:
    simulator.edit("set-load-balancer", load_balancer_id="lb-1", snat_pro=True)
    simulator.edit("set-quota", quota=500)
    targets = [target(f"10.{128 + number}.7.9") for number in range(35)]
    targets += [target(f"10.128.{number}.10") for number in range(200)]
    answer = ask("BatchRegisterTargets", LoadBalancerId="lb-1", Targets=targets)
    assert (answer["FailListenerIdSet"], len(simulator.targets("lb-1"))) == ([], 235)


def test_the_longest_enabled_route_decides_and_of_equals_the_first(ask: Asker, simulator: Simulator) -> None:
    simulator.edit("set-load-balancer", load_balancer_id="lb-1", snat_pro=True)
    simulator.edit("add-vpc", vpc={"vpc_id": "vpc-apart", "cidr": "10.90.0.0/16"})  # in no CCN: what it wins is refused

    def bound(port: int) -> bool:
        answer = ask("BatchRegisterTargets", LoadBalancerId="lb-1", Targets=[target("10.90.1.1", port)])
        return not answer["FailListenerIdSet"]

    def add(cidr: str, vpc_id: str) -> None:
        simulator.edit("add-route", ccn_id="ccn-1", route={"cidr": cidr, "vpc_id": vpc_id})

    add("10.90.0.0/16", "vpc-2")
    add("10.90.0.0/16", "vpc-apart")
    add("0.0.0.0/0", "vpc-apart")
    assert bound(1)
    add("10.90.1.1/32", "vpc-apart")
    assert not bound(2)
    simulator.edit("set-route-enabled", ccn_id="ccn-1", cidr="10.90.1.1/32", enabled=False)
    assert bound(3)
    simulator.edit("remove-route", ccn_id="ccn-1", cidr="10.90.0.0/16", vpc_id="vpc-2")
    assert not bound(4)
