"""What is said of objects, each once per change."""

from app.agent.deciding.notices import Notice, Notices
from app.agent.deciding.objects import ObjectKey
from app.agent.deciding.problems import Problem, Reason, Subject
from app.agent.deciding.words import Answer, Word
from tests.agent.deciding.builders import WEB, wanted
from tests.agent.deciding.reports import report

SERVICE = Subject("Service", WEB, "uid-web")
POD = Subject("Pod", ObjectKey("shop", "web-u1"), "u1")
HOST = Problem(POD, Reason.HOST_NETWORK_SKIPPED, "the pod uses its node's network")
SKIP = Problem(SERVICE, Reason.PLATFORM_CONTROLLER_ACTIVE, "annotate it")


def said(notices: tuple[Notice, ...]) -> list[tuple[str, Reason, bool]]:
    """Of what kind of object what is said, and whether it is a warning."""
    return [(notice.about.kind, notice.reason, notice.warning) for notice in notices]


def knowing() -> Notices:
    """Notices that know the shop's Service."""
    notices = Notices()
    notices.of_problems(WEB, (), SERVICE.uid)
    return notices


def test_a_problem_is_said_once_and_again_when_it_comes_back() -> None:
    notices = Notices()
    assert notices.of_problems(WEB, (HOST, SKIP)) == (
        Notice(POD, Reason.HOST_NETWORK_SKIPPED, HOST.message),
        Notice(SERVICE, Reason.PLATFORM_CONTROLLER_ACTIVE, SKIP.message),
    )
    assert notices.of_problems(WEB, (SKIP, HOST)) == ()
    assert notices.of_problems(WEB, (HOST,)) == ()
    assert [notice.reason for notice in notices.of_problems(WEB, (HOST, SKIP))] == [Reason.PLATFORM_CONTROLLER_ACTIVE]


def test_a_bound_pod_is_said_once_of_the_pod_and_for_the_first_pod_of_the_service() -> None:
    notices = knowing()
    first = notices.of_reports([report("u1"), report("u2")])
    assert said(first) == [("Pod", Reason.BOUND, False), ("Service", Reason.BOUND, False), ("Pod", Reason.BOUND, False)]
    assert first[0].message == "bound at lb-1 TCP:80, port 8080"
    assert first[1] == Notice(SERVICE, Reason.BOUND, "bound at lb-1 TCP:80, port 8080 (pod web-u1)", warning=False)
    assert notices.of_reports([report("u1", "pending"), report("u1"), report("u1", "draining"), report("u1")]) == ()


def test_a_pod_that_is_released_is_unbound_if_it_ever_was_bound() -> None:
    notices = knowing()
    assert notices.of_reports([report("u1", "released")]) == ()
    notices.of_reports([report("u1"), report("u2")])
    gone = notices.of_reports([report("u1", "released", reason="superseded"), report("u1", "released")])
    assert said(gone) == [("Pod", Reason.UNBOUND, False)]
    assert gone[0].message == "no longer bound at lb-1 TCP:80, port 8080: superseded"
    assert said(notices.of_reports([report("u1")])) == [("Pod", Reason.BOUND, False)]


def test_when_all_pods_have_gone_the_first_to_come_back_is_said_of_the_service_again() -> None:
    notices = knowing()
    notices.of_reports([report("u1"), report("u1", "released")])
    assert said(notices.of_reports([report("u2")])) == [("Pod", Reason.BOUND, False), ("Service", Reason.BOUND, False)]


def test_what_is_refused_or_held_is_said_with_code_and_detail() -> None:
    notices = knowing()
    refused = notices.of_reports([report("u1", "rejected", reason="eni-not-found", detail="no interface has it")])
    assert said(refused) == [("Pod", Reason.BIND_REFUSED, True), ("Service", Reason.BIND_REFUSED, True)]
    assert refused[0].message == "rejected at lb-1 TCP:80, port 8080: eni-not-found: no interface has it"
    held = notices.of_reports(
        [report("u1", "held", reason="quota-exceeded"), report("u1", "held", reason="quota-exceeded")]
    )
    assert said(held) == [("Pod", Reason.BIND_HELD, True), ("Service", Reason.BIND_HELD, True)]
    unknown = notices.of_reports([report("u2", "held", reason="listener-not-found")])
    assert said(unknown) == [("Pod", Reason.UNKNOWN_LISTENER, True), ("Service", Reason.UNKNOWN_LISTENER, True)]


def test_states_on_the_way_are_not_said() -> None:
    states = ("verifying", "pending", "draining", "removing")
    assert knowing().of_reports([report("u1", state) for state in states]) == ()


def test_a_rejected_word_is_said_once_with_its_code() -> None:
    notices = knowing()
    words = [Word(wanted("u1"), 1), Word(wanted("u2"), 1)]
    answers = [Answer("accepted"), Answer("rejected", "not-granted", "no grant for lb-1")]
    found = notices.of_refusals(words, answers)
    assert said(found) == [("Pod", Reason.BIND_REFUSED, True), ("Service", Reason.BIND_REFUSED, True)]
    assert found[0].message == "refused at lb-1 TCP:80, port 8080: not-granted: no grant for lb-1"
    assert notices.of_refusals(words, answers) == ()


def test_that_the_broker_is_away_is_said_once_per_service_and_outage() -> None:
    notices = knowing()
    assert said(notices.of_broker([SERVICE], trouble="time-out")) == [("Service", Reason.BROKER_UNAVAILABLE, True)]
    assert notices.of_broker([SERVICE], trouble="503") == ()
    assert notices.of_broker([SERVICE], trouble=None) == ()
    assert len(notices.of_broker([SERVICE], trouble="503")) == 1


def test_what_is_gone_is_forgotten_and_the_rest_is_not() -> None:
    notices = knowing()
    notices.of_reports([report("u1"), report("u2")])
    notices.keep_only({"u2"}, {WEB})
    assert notices.of_reports([report("u2")]) == ()
    assert said(notices.of_reports([report("u1")])) == [("Pod", Reason.BOUND, False)]
    notices.keep_only(set(), set())
    found = notices.of_reports([report("u2")])
    assert [notice.about.uid for notice in found] == ["u2", ""]
