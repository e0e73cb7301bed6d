"""The full truth about one Service: what it names is bound, what it leaves out goes, as far as the guard allows."""

from collections.abc import Sequence

import pytest

from app.broker.receive_pod_events import receive_pod_events
from app.broker.replace_service_targets import Replaced, replace_service_targets
from app.domain.errors import RequestRefused
from app.domain.event import Outcome, PodEvent, Service
from app.ledger.connection import Ledger
from app.planning.snapshot import SnapshotOutcome
from tests.ledger.building import INVENTORY, a_bind, execute, furnish, received

WEB = Service("shop", "web")


def entry(number: int, revision: int) -> PodEvent:
    """One target of a snapshot, of the Service's pod of that number."""
    return a_bind(f"u-{number}", revision, f"10.0.4.{number + 1}", event_id=None)


def replaced(ledger: Ledger, revision: int, entries: Sequence[PodEvent], cluster_id: str = "cls-a") -> Replaced:
    return replace_service_targets(ledger, cluster_id, WEB, revision, entries, actor="agent:cls-a", drain_seconds=30)


def replace_targets(ledger: Ledger, revision: int, *numbers: int, cluster_id: str = "cls-a") -> SnapshotOutcome:
    entries = [entry(number, revision) for number in numbers]
    return replaced(ledger, revision, entries, cluster_id).outcome


def bind(ledger: Ledger, *events: PodEvent, cluster_id: str = "cls-a") -> None:
    receive_pod_events(ledger, cluster_id, received(*events), actor="agent:cls-a", drain_seconds=30)


def all_are_bound(ledger: Ledger) -> None:
    execute(ledger, "UPDATE bindings SET state = 'bound', placed = true, verdict = 'proven', bound_at = now()")


def states(ledger: Ledger) -> dict[str, str]:
    return dict(execute(ledger, "SELECT pod_uid, state FROM bindings"))


def test_a_first_snapshot_binds_everything_that_it_names(ledger: Ledger) -> None:
    furnish(ledger)
    outcome = replace_targets(ledger, 100, 0, 1, 2)
    assert [result.outcome for result in outcome.results] == [Outcome.ACCEPTED] * 3
    assert (outcome.withdrawn, outcome.held) == ((), ())
    assert states(ledger) == dict.fromkeys(("u-0", "u-1", "u-2"), "verifying")
    assert execute(ledger, "SELECT count(*) FROM events") == [0]
    assert execute(ledger, "SELECT count(*) FROM clusters WHERE verification_due_at <= now()") == [1]


def test_the_same_snapshot_again_changes_nothing(ledger: Ledger) -> None:
    furnish(ledger)
    replace_targets(ledger, 100, 0, 1)
    all_are_bound(ledger)
    history = execute(ledger, "SELECT count(*) FROM journal")
    outcome = replace_targets(ledger, 100, 0, 1)
    assert [result.outcome for result in outcome.results] == [Outcome.UNCHANGED] * 2
    assert states(ledger) == {"u-0": "bound", "u-1": "bound"}
    assert execute(ledger, "SELECT count(*) FROM journal") == history


def test_what_is_left_out_leaves_drained_within_the_guard_s_share(ledger: Ledger) -> None:
    furnish(ledger)
    replace_targets(ledger, 100, *range(10))
    all_are_bound(ledger)
    outcome = replace_targets(ledger, 110, *range(7))
    assert (len(outcome.withdrawn), outcome.held) == (3, ())
    gone = {uid for uid, state in states(ledger).items() if state == "draining"}
    assert gone == {"u-7", "u-8", "u-9"}


def test_more_than_the_share_waits_for_an_operator_and_stays_at_the_cloud(ledger: Ledger) -> None:
    furnish(ledger)
    replace_targets(ledger, 100, *range(10))
    all_are_bound(ledger)
    outcome = replace_targets(ledger, 110, *range(6))
    assert (outcome.withdrawn, len(outcome.held)) == ((), 4)
    held = "SELECT count(*) FROM bindings WHERE state = 'held' AND reason = 'removal-guard' AND placed AND holder"
    assert execute(ledger, held) == [4]


def test_an_empty_snapshot_never_takes_the_last_target(ledger: Ledger) -> None:
    furnish(ledger)
    execute(ledger, "UPDATE clusters SET max_removal_share = 1.0")
    replace_targets(ledger, 100, 0, 1)
    all_are_bound(ledger)
    assert len(replace_targets(ledger, 110).held) == 2
    assert set(states(ledger).values()) == {"held"}


def test_targets_of_other_clusters_at_the_listener_count_for_the_share(ledger: Ledger) -> None:
    furnish(ledger)
    bind(ledger, *(a_bind(f"v-{number}", ip=f"10.0.5.{number + 1}") for number in range(8)), cluster_id="cls-b")
    replace_targets(ledger, 100, 0, 1)
    all_are_bound(ledger)
    assert len(replace_targets(ledger, 110).withdrawn) == 2  # two of ten, and eight remain


def test_what_the_cloud_never_had_leaves_at_once_and_asks_no_guard(ledger: Ledger) -> None:
    furnish(ledger)
    replace_targets(ledger, 100, *range(5))
    assert len(replace_targets(ledger, 110).withdrawn) == 5
    assert set(states(ledger).values()) == {"released"}


def test_a_binding_of_a_newer_revision_stays(ledger: Ledger) -> None:
    furnish(ledger)
    bind(ledger, entry(0, 200))
    outcome = replace_targets(ledger, 150)
    assert (outcome.withdrawn, outcome.held) == ((), ())
    assert states(ledger) == {"u-0": "verifying"}


def test_a_late_bind_older_than_the_snapshot_that_left_it_out_is_stale(ledger: Ledger) -> None:
    furnish(ledger)
    bind(ledger, a_bind("u-0", 100, "10.0.4.1"))
    replace_targets(ledger, 150)
    late = received(a_bind("u-0", 140, "10.0.4.1"))
    (result,) = receive_pod_events(ledger, "cls-a", late, actor="agent:cls-a", drain_seconds=30)
    assert result.outcome is Outcome.STALE
    assert states(ledger) == {"u-0": "released"}


def test_other_services_and_other_clusters_are_left_alone(ledger: Ledger) -> None:
    furnish(ledger)
    bind(ledger, a_bind("u-other", ip="10.0.5.1", service=Service("shop", "other")))
    bind(ledger, a_bind("u-none", ip="10.0.5.2", service=None))
    bind(ledger, a_bind("u-theirs", ip="10.0.5.3"), cluster_id="cls-b")
    replace_targets(ledger, 10**6)
    assert set(states(ledger).values()) == {"verifying"}


def test_a_bad_entry_is_answered_and_does_not_stop_its_neighbours(ledger: Ledger) -> None:
    furnish(ledger)
    bad = a_bind("u-bad", ip="224.0.0.1", event_id=None)
    outcome = replaced(ledger, 100, [entry(0, 100), bad, entry(1, 100)]).outcome
    assert [result.outcome for result in outcome.results] == [Outcome.ACCEPTED, Outcome.REJECTED, Outcome.ACCEPTED]
    assert states(ledger) == {"u-0": "verifying", "u-1": "verifying"}


def test_an_unknown_cluster_is_refused(ledger: Ledger) -> None:
    furnish(ledger)
    with pytest.raises(RequestRefused) as refused:
        replace_targets(ledger, 100, 0, cluster_id="cls-none")
    assert (refused.value.status, refused.value.code) == (404, "cluster-not-found")


def test_the_addresses_of_the_load_balancers_that_it_names_are_told(ledger: Ledger) -> None:
    furnish(ledger)
    assert replaced(ledger, 100, [entry(0, 100)]).vips == {"lb-1": INVENTORY.vips}
    assert replaced(ledger, 101, []).vips == {}


def test_addresses_that_were_not_read_yet_are_not_told(ledger: Ledger) -> None:
    furnish(ledger, inventory=None)
    assert replaced(ledger, 100, [entry(0, 100)]).vips == {}
