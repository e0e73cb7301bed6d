"""What the broker says of bindings."""

from app.agent.deciding.objects import ObjectKey
from app.agent.deciding.reports import Reports, report_of, vanished
from tests.agent.deciding.builders import TARGET, WEB
from tests.agent.deciding.reports import raw_report, report


def test_a_report_names_its_target_as_the_agent_does() -> None:
    found = report("u1")
    assert found.subject == ("u1", TARGET)
    assert (found.state, found.health, found.service, found.at_cloud) == ("bound", "healthy", WEB, True)


def test_a_binding_whose_listener_was_named_by_its_id_is_none_of_an_agents() -> None:
    assert report_of(raw_report(target={"protocol": None, "listener_port": None})) is None


def test_only_news_are_new() -> None:
    reports = Reports()
    assert reports.take([report()]) == (report(),)
    assert reports.take([report()]) == ()
    assert reports.take([report(state="draining")]) == (report(state="draining"),)
    assert reports.of("u1") == (report(state="draining"),)


def test_the_latest_binding_of_a_pod_at_a_target_counts() -> None:
    reports = Reports()
    later = report(binding_id="b-2", revision=12, created_at="2026-11-23T08:00:00.500Z")
    reports.take([later])
    assert reports.take([report(state="released", created_at="2026-11-23T08:00:00Z")]) == ()
    assert reports.take([report(state="released", binding_id="b-0", revision=11)]) == ()
    assert reports.all() == (later,)


def test_what_ended_is_forgotten_with_its_pod() -> None:
    reports = Reports()
    reports.take([report("u1", "released"), report("u2"), report("u3", "released")])
    reports.keep_only({"u3"})
    assert [each.pod_uid for each in reports.all()] == ["u2", "u3"]


def test_services_that_are_gone_have_bindings_that_somebody_must_let_go() -> None:
    service = {"namespace": "shop", "name": "old"}
    found = [
        report("u1"),
        report("u2", service=service),
        report("u3", "draining", service={"namespace": "shop", "name": "leaving"}),
        report("u4", service={"namespace": "bank", "name": "other"}),
        report("u5", service=None),
    ]
    assert vanished(found, {WEB}, ()) == (ObjectKey("bank", "other"), ObjectKey("shop", "old"))
    assert vanished(found, {WEB}, {"shop"}) == (ObjectKey("shop", "old"),)
