"""The ledger in numbers: what still moves, what is at the cloud, who is behind and who is silent."""

from datetime import timedelta

from app.domain.binding import Health, State, Verdict, Verification
from app.domain.codes import Code
from app.ledger import journal_months
from app.ledger.connection import Ledger
from app.ledger.figures import LAG_BOUNDS, NONE, Figures, History, Registered, figures
from tests.broker.sealing import seal, tell
from tests.ledger.building import a_binding, execute, furnish, keep

PLACED = {"placed": True, "holder": True}
MINUTES = timedelta(minutes=1)


def counted(ledger: Ledger, silent_after: timedelta = 5 * MINUTES) -> Figures:
    with ledger.begin() as connection:
        return figures(connection, silent_after)


def test_an_empty_ledger_is_counted_as_nothing(ledger: Ledger) -> None:
    assert counted(ledger) == Figures(
        bindings={},
        targets=dict.fromkeys(Health, 0),
        drift={},
        load_balancers=Registered(dict.fromkeys(("registered", "behind", "failing", "alarm", "missing"), 0), NONE),
        greatest_lag=NONE,
        clusters=Registered(dict.fromkeys(("registered", "silent", "unread", "failing", "alarm"), 0), NONE),
        history=History(0, NONE, journal_months.AHEAD),
        key_sets=Registered(dict.fromkeys(("registered", "failing", "unread"), 0), NONE),
        proofs=dict.fromkeys(Verdict, 0),
        lags=dict.fromkeys(LAG_BOUNDS, 0),
    )


def test_entries_that_wait_for_their_seal_are_counted_with_the_time_of_the_oldest(ledger: Ledger) -> None:
    for account_id in ("default", "other"):
        tell(ledger, 3, account_id)
    tell(ledger, 1, "sealed")
    for account_id in ("default", "sealed"):
        seal(ledger, account_id)
    tell(ledger, 2)
    history = counted(ledger).history
    assert history.unsealed == 5
    (waited,) = execute(ledger, "SELECT clock_timestamp() - min(recorded_at) FROM journal WHERE account_id = 'other'")
    assert NONE < history.seal_lag <= waited
    seal(ledger)
    seal(ledger, "other")
    assert counted(ledger).history == History(0, NONE, journal_months.AHEAD)


def test_bindings_are_counted_by_state_and_reason_and_those_that_ended_are_not(ledger: Ledger) -> None:
    furnish(ledger)
    guard = {"reason": Code.REMOVAL_GUARD, **PLACED}
    made = [
        a_binding("b-1", State.BOUND, ip="10.0.3.1", **PLACED),
        a_binding("b-2", State.BOUND, ip="10.0.3.2", cluster_id="cls-b", **PLACED),
        a_binding("b-3", State.HELD, ip="10.0.3.3", **guard),
        a_binding("b-4", State.HELD, ip="10.0.3.4", reason=Code.QUOTA_EXCEEDED),
        a_binding("b-5", State.REJECTED, ip="10.0.3.5", reason=Code.ENI_NOT_FOUND),
        a_binding("b-6", State.RELEASED, ip="10.0.3.6"),
    ]
    keep(ledger, *made)
    expected = {("bound", ""): 2, ("held", "removal-guard"): 1, ("held", "quota-exceeded"): 1}
    assert counted(ledger).bindings == expected


def test_targets_are_counted_by_health_and_none_is_a_number_too(ledger: Ledger) -> None:
    furnish(ledger)
    found = [Health.HEALTHY, Health.HEALTHY, Health.OFF]
    for number, each in enumerate(found):
        keep(ledger, a_binding(f"b-{number}", State.BOUND, ip=f"10.0.3.{number}", health=each, **PLACED))
    keep(ledger, a_binding("b-9", State.HELD, ip="10.0.3.9"))
    keep(ledger, a_binding("b-8", State.VERIFYING, ip="10.0.3.8", **PLACED))
    expected = {Health.HEALTHY: 2, Health.OFF: 1, Health.UNKNOWN: 0, Health.UNHEALTHY: 0}
    assert counted(ledger).targets == expected


def test_load_balancers_are_counted_by_what_is_the_matter_with_them(ledger: Ledger) -> None:
    furnish(ledger, load_balancer_ids=("lb-1", "lb-2", "lb-3"))
    execute(ledger, "UPDATE load_balancers SET reconciled_generation = wanted_generation, wanted_at = NULL")
    execute(ledger, "UPDATE load_balancers SET missing = true WHERE load_balancer_id = 'lb-2'")
    for name, minutes, alarm in (("lb-1", 10, "now()"), ("lb-3", 2, "NULL")):
        behind = f"wanted_generation = wanted_generation + 1, wanted_at = now() - interval '{minutes} minutes'"
        failing = f"failing_since = now() - interval '{2 * minutes} minutes', alarmed_at = {alarm}"
        execute(ledger, f"UPDATE load_balancers SET {behind}, {failing} WHERE load_balancer_id = '{name}'")
    found = counted(ledger)
    expected = {"registered": 3, "behind": 2, "failing": 2, "alarm": 1, "missing": 1}
    assert found.load_balancers.conditions == expected
    assert 10 * MINUTES <= found.greatest_lag < 20 * MINUTES <= found.load_balancers.longest_failure < 60 * MINUTES
    assert found.lags == {bound: (bound >= 300) + (bound >= 900) for bound in LAG_BOUNDS}
    assert 12 * MINUTES <= found.lag_sum < 24 * MINUTES


def test_proofs_are_counted_by_their_verdict_as_long_as_a_binding_can_move(ledger: Ledger) -> None:
    furnish(ledger)
    found = {
        "b-1": (State.BOUND, Verdict.PROVEN),
        "b-2": (State.PENDING, Verdict.DECLARED),
        "b-3": (State.VERIFYING, Verdict.UNKNOWN),
        "b-4": (State.REJECTED, Verdict.DISPROVEN),
    }
    for name, (state, verdict) in found.items():
        keep(ledger, a_binding(name, state, ip=f"10.0.3.{name[2:]}", verification=Verification(verdict)))
    expected = {Verdict.PROVEN: 1, Verdict.DECLARED: 1, Verdict.UNKNOWN: 1, Verdict.DISPROVEN: 0}
    assert counted(ledger).proofs == expected


def test_clusters_are_counted_by_what_is_the_matter_with_them(ledger: Ledger) -> None:
    furnish(ledger, cluster_ids=("cls-a", "cls-b", "cls-c"))
    execute(ledger, "UPDATE clusters SET last_seen_at = now() - interval '1 hour' WHERE cluster_id <> 'cls-c'")
    execute(ledger, "UPDATE clusters SET topology_error = 'AuthFailure: no right' WHERE cluster_id = 'cls-a'")
    failing = "reverification_failing_since = now() - interval '20 minutes', topology_failing_since = now()"
    execute(ledger, f"UPDATE clusters SET alarmed_at = now(), {failing} WHERE cluster_id = 'cls-b'")
    execute(ledger, "UPDATE clusters SET verification_failing_since = now() WHERE cluster_id = 'cls-c'")
    found = counted(ledger).clusters
    assert found.conditions == {"registered": 3, "silent": 2, "unread": 1, "failing": 2, "alarm": 1}
    assert 20 * MINUTES <= found.longest_failure < 60 * MINUTES
    assert counted(ledger, 120 * MINUTES).clusters.conditions["silent"] == 0


def test_drift_is_counted_by_kind_and_what_was_done(ledger: Ledger) -> None:
    furnish(ledger)
    columns = "account_id, load_balancer_id, listener_id, location_id, ip, port, kind, action, seen_at"
    rows = [(1, "foreign", "reported"), (2, "foreign", "reported"), (3, "foreign", "ignored"), (4, "missing", "x")]
    for number, kind, action in rows:
        values = f"'default', 'lb-1', 'lbl-1', '', '10.9.0.{number}', 80, '{kind}', '{action}', now()"
        execute(ledger, f"INSERT INTO drift ({columns}) VALUES ({values})")
    expected = {("foreign", "reported"): 2, ("foreign", "ignored"): 1, ("missing", "x"): 1}
    assert counted(ledger).drift == expected


def test_what_has_ended_is_not_read_to_be_counted(ledger: Ledger) -> None:
    """It is kept for ever: reading the whole table would cost more each day."""
    furnish(ledger)
    statement = """
        INSERT INTO bindings (account_id, binding_id, cluster_id, load_balancer_id, ip, port, target, pod_uid, pod,
            network_mode, weight, revision, state, live, holder, placed, generation, verdict, verification, health,
            created_at, updated_at, change_sequence)
        SELECT 'default', 'b-' || number, 'cls-a', 'lb-1', '10.0.0.1', 80, '{}', 'u', '{}', 'vpc-cni', 10, 1,
            CASE WHEN number <= 10 THEN 'pending' ELSE 'released' END, number <= 10, false, false, 1, 'proven', '{}',
            'unknown', now(), now(), 1
        FROM generate_series(1, 5000) AS number"""
    execute(ledger, statement)
    execute(ledger, "ANALYZE bindings")
    assert counted(ledger).bindings == {("pending", ""): 10}
    plan = execute(ledger, "EXPLAIN SELECT state, reason, count(*) FROM bindings WHERE live OR placed GROUP BY 1, 2")
    assert any("bindings_at_work" in line for line in plan)
