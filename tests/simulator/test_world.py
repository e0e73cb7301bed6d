"""World files: the documented example is a good one, and a bad one is refused by the place of its mistake."""

from pathlib import Path
from typing import Any

import pytest
import yaml

import app.simulator.world
from app.simulator.errors import WorldError
from app.simulator.records import Call, Log
from app.simulator.server import Simulator
from app.simulator.tasks import Task, Tasks
from app.simulator.world_file import build, load


def test_the_example_in_the_documentation_is_a_good_world() -> None:
    text = app.simulator.world.__doc__ or ""
    world = build(yaml.safe_load(text.split(".. code-block:: yaml")[1]))
    assert (
        len(world.clusters),
        len(world.interfaces["eni-1"].addresses),
        world.parameters.calls_per_second_by_action["BatchRegisterTargets"],
    ) == (1, 602, 5)
    assert [each.ip for each in world.load_balancers["lb-1"].listeners["lbl-1"].targets.values()] == ["10.0.3.18"]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["credentials"], [], "credentials: at least one is needed"),
        (["credentials"], None, "credentials: at least one is needed"),
        (["credentials"], {}, "credentials: a list is needed, not a mapping"),
        (["credentials"], ["x"], "credentials[0]: a mapping is needed, not a text"),
        (["colour"], "red", "colour: unknown field; known here are account_type, ccns"),
        (["account_type"], "RICH", "account_type: 'RICH' is none of LEGACY, STANDARD"),
        (["parameters"], {"tail_seconds": "long"}, "parameters.tail_seconds: a number is needed, not a text"),
        (["parameters"], {"check_addresses": 1}, "parameters.check_addresses: true or false is needed, not 1"),
        (["vpcs", 1, "vpc_id"], "vpc-1", "vpcs[1].vpc_id: 'vpc-1' is there already"),
        (["vpcs", 0, "cidr"], "10.0.0.1/16", "vpcs[0].cidr: 10.0.0.1/16 has host bits set"),
        (["vpcs", 0, "container_cidrs"], [5], "vpcs[0].container_cidrs[0]: a text is needed, not 5"),
        (["subnets", 0, "vpc_id"], "vpc-none", "subnets[0].vpc_id: there is no VPC 'vpc-none'"),
        (["interfaces", 0, "subnet_id"], "subnet-2", "interfaces[0].subnet_id: there is no subnet 'subnet-2' in vpc-1"),
        (["interfaces", 1, "addresses", 0], "10.0.1.5", "interfaces[1].addresses: 10.0.1.5 is in vpc-1 already"),
        (["interfaces", 1, "addresses", 0], "10.0.3", "interfaces[1].addresses[0].ip: '10.0.3' is not an IP address"),
        (
            ["interfaces", 1, "addresses", 3, "count"],
            0,
            "interfaces[1].addresses[3].count: 0 is not between 1 and 65536",
        ),
        (["ccns", 0, "routes", 0, "enabled"], "yes", "ccns[0].routes[0].enabled: true or false is needed, not a text"),
        (["ccns", 0, "attachments", 0, "state"], "UP", "ccns[0].attachments[0].state: 'UP' is none of ACTIVE"),
        (
            ["clusters", 0, "network_type"],
            "flannel",
            "clusters[0].network_type: 'flannel' is none of CiliumOverlay, GR",
        ),
        (["load_balancers", 0, "vpc_id"], None, "load_balancers[0].vpc_id: is missing"),
        (
            ["load_balancers", 0, "listeners", 0, "port"],
            70000,
            "load_balancers[0].listeners[0].port: 70000 is not between 1 and 65535",
        ),
        (["load_balancers", 0, "listeners", 0, "rules"], [], "load_balancers[0].listeners[0].rules: unknown field"),
        (["load_balancers", 1, "listeners", 0, "targets", 0, "weight"], 101, "targets[0].weight: 101 is not between"),
        (["load_balancers", 0, "name"], 5, "load_balancers[0].name: a text is needed, not 5"),
        (["load_balancers", 0, "forward"], "1", "load_balancers[0].forward: a whole number is needed, not a text"),
    ],
)
def test_a_mistake_is_named_by_its_place(world: dict[str, Any], path: list[Any], value: Any, message: str) -> None:
    place: Any = world
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(WorldError) as raised:
        Simulator(world)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [("a: [", "not YAML: while parsing"), ("- 1", "a mapping is needed at the top"), ("", "a mapping is needed")],
)
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "world.yaml"
    path.write_text(text)
    with pytest.raises(WorldError) as raised:
        load(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert message in str(raised.value)


def test_a_log_keeps_its_newest_entries_and_its_numbers() -> None:
    log: Log[Call] = Log(2)
    for _ in range(3):
        log.append(lambda sequence: Call(sequence, 0.0))
    assert ([row["sequence"] for row in log.rows()], log.last) == ([2, 3], 3)


def test_only_so_many_tasks_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.simulator.tasks.REMEMBERED", 1)
    tasks = Tasks()
    for request_id in ("first", "second"):
        tasks.remember(Task(request_id, "BatchRegisterTargets", "lb-1"))
    assert [found and found.request_id for found in map(tasks.get, ("first", "second"))] == [None, "second"]
