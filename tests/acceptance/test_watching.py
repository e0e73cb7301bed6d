"""What an operator's machines ask of the processes: metrics of workers and of the API, while work is done."""

import re
import subprocess
import sys
import urllib.request

from tests.acceptance.installation import Installation
from tests.acceptance.world import event, target

ANYWHERE = {"CLB_BROKER_WORKER_LISTEN": "127.0.0.1:0"}


def asked(url: str) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=30) as answer:
        text: str = answer.read().decode()
    return text


def total(text: str, sample: str) -> float:
    """The sum of all samples whose line matches."""
    return sum(float(each) for each in re.findall(rf"^{sample} (\S+)$", text, re.MULTILINE))


def test_two_workers_on_one_machine_tell_together_what_was_done_and_the_api_what_there_is(
    installation: Installation,
) -> None:
    lines = [installation.start(name, **ANYWHERE) for name in ("worker", "worker-2")]
    urls = [line.split("metrics at ")[1] for line in lines]
    assert len(set(urls)) == 2
    installation.post("cls-a", [event("cls-a", number) for number in range(20)])
    installation.wait_for_targets("lb-1", [target("cls-a", number) for number in range(20)])
    installation.wait_until_settled()

    texts = [asked(url) for url in urls]
    calls = r'clb_broker_cloud_calls_total\{account="default",action="BatchRegisterTargets",result="ok"\}'
    assert sum(total(text, calls) for text in texts) == len(installation.writes("BatchRegisterTargets"))
    bound = r'clb_broker_event_to_bound_seconds_count\{network_mode="vpc-cni"\}'
    assert sum(total(text, bound) for text in texts) == 20
    assert all(asked(url.replace("/metrics", "/livez")) == "alive\n" for url in urls)

    def shown() -> bool:
        text = asked(f"{installation.url}/metrics")
        return total(text, r'clb_broker_bindings\{reason="",state="bound"\}') == 20

    installation.wait_for("the API to count them", shown)


def test_a_worker_whose_address_is_taken_says_so_on_one_line(installation: Installation) -> None:
    taken = installation.url.removeprefix("http://")
    environment = {**installation.environment, "CLB_BROKER_WORKER_LISTEN": taken}
    command = [sys.executable, "-m", "app", "worker"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: CLB_BROKER_WORKER_LISTEN: cannot listen on {taken}")
    assert done.stderr.count("\n") == 1
