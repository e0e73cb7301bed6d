"""The main job with real processes: what the broker promises when nothing goes wrong."""

import math
import random
import subprocess
import sys

from tests.acceptance.installation import Installation
from tests.acceptance.world import CLUSTERS, event, target


def test_the_demo_plays_to_its_end() -> None:
    demo = [sys.executable, "-m", "app", "demo", "--once"]
    done = subprocess.run(demo, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "rejected: eni-other-vpc" in done.stdout
    assert "removing -> released" in done.stdout


def test_1200_pods_of_two_clusters_are_bound_once_each_in_as_few_calls_as_possible(installation: Installation) -> None:
    installation.start("worker")
    pods = [("cls-a", number) for number in range(600)] + [("cls-b", number) for number in range(600)]
    for cluster_id in CLUSTERS:
        results = installation.post(cluster_id, [event(*pod) for pod in pods if pod[0] == cluster_id])
        assert {result["outcome"] for result in results} == {"accepted"}
    installation.wait_for_targets("lb-1", [target(*pod) for pod in pods])
    installation.wait_until_settled()

    calls = installation.writes("BatchRegisterTargets")
    least = math.ceil(len(pods) / 500)
    assert len(calls) <= 1.2 * least
    assert all(0 < call["target_count"] <= 500 for call in calls)
    added = [change for change in installation.simulator.changes if change["kind"] == "added"]
    assert len(added) == len(pods)


def test_one_clusters_unbinds_leave_the_others_targets_alone(installation: Installation) -> None:
    installation.start("worker")
    for cluster_id in CLUSTERS:
        installation.post(cluster_id, [event(cluster_id, number) for number in range(40)])
    both = [target(cluster_id, number) for cluster_id in CLUSTERS for number in range(40)]
    installation.wait_for_targets("lb-1", both)

    installation.post("cls-a", [event("cls-a", number, kind="unbind", revision=2) for number in range(40)])
    installation.wait_for_targets("lb-1", [target("cls-b", number) for number in range(40)])
    removed = [change for change in installation.simulator.changes if change["kind"] == "removed"]
    assert sorted(change["ip"] for change in removed) == sorted(target("cls-a", number)[1] for number in range(40))


def test_events_sent_twice_and_shuffled_come_to_the_same_end_and_history(installation: Installation) -> None:
    installation.start("worker")
    events = [event("cls-a", number, revision=100 + number) for number in range(60)]
    first = installation.post("cls-a", events)
    again = installation.post("cls-a", random.Random(7).sample(events, len(events)))
    by_id = {result["event_id"]: result for result in first}
    assert all(by_id[result["event_id"]] == result for result in again)
    installation.wait_for_targets("lb-1", [target("cls-a", number) for number in range(60)])
    installation.wait_until_settled()

    shuffled = [event("cls-b", number, revision=100 + number) for number in range(60)]
    random.Random(8).shuffle(shuffled)
    for start in range(0, 60, 7):
        installation.post("cls-b", shuffled[start : start + 7])
    installation.wait_for_targets(
        "lb-1", [target(cluster_id, number) for cluster_id in CLUSTERS for number in range(60)]
    )
    installation.wait_until_settled()
    assert _effects(installation, "cls-a") == _effects(installation, "cls-b")


def test_a_cloud_that_is_away_delays_and_loses_nothing(installation: Installation) -> None:
    installation.simulator.order("request-lost", times=0)
    installation.start("worker")
    results = installation.post("cls-a", [event("cls-a", number) for number in range(20)])
    assert {result["outcome"] for result in results} == {"accepted"}
    installation.wait_for("calls in vain", lambda: len(installation.simulator.calls) >= 3)
    states = {binding["state"] for binding in installation.everything("/v1/bindings")}
    assert states <= {"verifying", "pending"}

    installation.simulator.clear_faults()
    installation.wait_for_targets("lb-1", [target("cls-a", number) for number in range(20)])


def test_processes_end_cleanly_on_sigterm(installation: Installation) -> None:
    installation.start("worker")
    assert installation.stop("worker") == 0
    assert installation.stop("serve") == 0


def _effects(installation: Installation, cluster_id: str) -> list[tuple[str, ...]]:
    """The history of a cluster's bindings without what differs by nature: ids, times and addresses."""
    entries = installation.everything("/v1/history", cluster_id=cluster_id)
    keys = ("action", "from_state", "to_state", "reason")
    return sorted(
        (entry["pod_uid"].rpartition("-")[2], *(str(entry[key]) for key in keys))
        for entry in entries
        if entry["binding_id"] is not None
    )


def test_a_worker_in_two_parts_does_all_that_there_is_to_do(installation: Installation) -> None:
    for part in ("passes", "all-but-passes"):
        line = installation.start(f"worker-{part}", CLB_BROKER_WORKER_PART=part)
        assert f", {part}" in line
    for cluster_id in CLUSTERS:
        installation.post(cluster_id, [event(cluster_id, number) for number in range(60)])
    both = [target(cluster_id, number) for cluster_id in CLUSTERS for number in range(60)]
    installation.wait_for_targets("lb-1", both)
    installation.wait_until_settled()
    installation.post("cls-b", [event("cls-b", number, kind="unbind", revision=2) for number in range(60)])
    installation.wait_for_targets("lb-1", [target("cls-a", number) for number in range(60)])
    assert [installation.stop(f"worker-{part}") for part in ("passes", "all-but-passes")] == [0, 0]
