"""``clb-broker agent`` as a process."""

import http.client
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.simulator.kubernetes.server import KubernetesSimulator
from tests.agent.broker import Broker
from tests.agent.objects import pod
from tests.agent.scene import Scene
from tests.agent.waiting import wait_for


def environment(broker: Broker, **named: str) -> dict[str, str]:
    given = {
        "BROKER_URL": broker.url,
        "CLUSTER_ID": "cls-1",
        "TOKEN": "the-token-that-nobody-may-see",
        "IDENTITY": "agent-0",
        "LEASE_NAMESPACE": "clb",
        "LISTEN": "127.0.0.1:0",
        **named,
    }
    return {**os.environ, **{f"CLB_BROKER_AGENT_{name}": value for name, value in given.items()}}


def run(env: dict[str, str], log: Path) -> "subprocess.Popen[str]":
    with log.open("w") as stderr:
        return subprocess.Popen([sys.executable, "-m", "app", "agent"], env=env, stdout=-1, stderr=stderr, text=True)


def get(url: str, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
    connection.request("GET", path)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def test_it_says_whom_it_works_for_and_ends_on_sigterm(
    cluster: KubernetesSimulator, broker: Broker, tmp_path: Path
) -> None:
    scene = Scene(cluster, broker)
    scene.serve(pods=1)
    process = run(environment(broker), tmp_path / "log")
    try:
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        said = f"agent: agent-0 works for cluster cls-1 at {broker.url}, metrics at "
        assert line.startswith(said), (tmp_path / "log").read_text()
        url = line.removeprefix(said).removesuffix("/metrics")
        scene.wait_until_bound("10.0.80.1")
        wait_for("it to be ready", lambda: get(url, "/readyz") == (200, "ready\n"))
        assert get(url, "/livez") == (200, "alive\n")
        assert get(url, "/") == (404, "there is /livez, /readyz and /metrics\n")
        assert "clb_broker_agent_leads 1.0" in get(url, "/metrics")[1]
        process.terminate()
        assert (process.wait(60), process.stdout.read()) == (0, "agent: ended\n")
    finally:
        process.kill()
        process.communicate()
    lease = cluster.get("Lease", "clb", "clb-broker-agent")
    assert lease is not None
    assert lease["spec"].get("holderIdentity") is None
    assert "the-token-that-nobody-may-see" not in (tmp_path / "log").read_text()


def test_a_killed_agent_s_heir_has_everything_right_and_tells_nothing_twice(
    cluster: KubernetesSimulator, broker: Broker, tmp_path: Path
) -> None:
    scene = Scene(cluster, broker)
    scene.serve(pods=2)
    processes = [run(environment(broker), tmp_path / "log")]
    try:
        wait_for("the gates", lambda: [scene.gate(f"web-{number}") for number in (0, 1)] == [("True", "Bound")] * 2)
        processes[0].kill()
        processes[0].wait(60)
        cluster.delete("Pod", "shop", "web-0", 0)
        scene.put(pod("web-9", "10.0.80.9"))
        scene.slice_up("web")
        processes.append(run(environment(broker), tmp_path / "log-2"))
        scene.wait_until_bound("10.0.80.2", "10.0.80.9")
        assert broker.events() == []
    finally:
        for each in processes:
            each.kill()
            each.communicate()


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ({"BROKER_URL": "broker"}, "CLB_BROKER_AGENT_BROKER_URL"),
        ({"CLUSTER_ID": ""}, "CLB_BROKER_AGENT_CLUSTER_ID"),
        ({"LISTEN": "192.0.2.1:1"}, "CLB_BROKER_AGENT_LISTEN: cannot listen on 192.0.2.1:1"),
    ],
)
def test_a_wrong_setting_ends_it_with_one_line(
    cluster: KubernetesSimulator, broker: Broker, tmp_path: Path, named: dict[str, str], said: str
) -> None:
    process = run(environment(broker, **named), tmp_path / "log")
    assert process.wait(60) == 1
    process.communicate()
    lines = (tmp_path / "log").read_text().splitlines()
    assert (len(lines), said in lines[-1]) == (1, True)


def test_nothing_of_the_broker_s_own_is_loaded() -> None:
    """What the agent imports is what it needs: memory in every cluster, and no way to a credential."""
    code = "import sys, app.agent.run; print(*sorted(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    unwanted = {"flask", "sqlalchemy", "tencentcloud", "psycopg", "marshmallow"}
    rooms = ("app.ledger", "app.cloud", "app.broker", "app.api", "app.worker", "app.planning", "app.ownership")
    assert [name for name in found if name.split(".")[0] in unwanted or name.startswith(rooms)] == []
    assert "kubernetes.client.api.core_v1_api" not in found
