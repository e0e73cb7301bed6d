"""The checks of one address, summed up, and what a verdict rests on."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.domain.binding import Verdict, Verification
from app.domain.codes import Code
from app.ownership.checks import CHECKS
from app.ownership.evidence import Evidence, Source, Subject
from app.ownership.verdict import Judgement, doubtful, unconfirmed, verify
from tests.ownership.builders import (
    BALANCER,
    CLUSTER,
    DECLARED,
    ROUTED,
    VPC_CNI,
    balancer,
    ccn,
    evidence,
    interface,
    neighbour,
    on,
    platform,
    route,
    topology,
    vip,
)
from tests.planning.builders import NOW, SECOND

ELSEWHERE = {"topology": topology(cluster_cidrs=("10.0.0.0/8",))}
OLD = {"platform": platform(kubernetes_version="1.10.0")}
UNROUTED = {"ccns": (ccn(),)}
APART = balancer(vpc_id="vpc-other", snat_pro=True)
PROVEN, DISPROVEN, UNKNOWN = Verdict.PROVEN, Verdict.DISPROVEN, Verdict.UNKNOWN

SUMMED: dict[str, tuple[Subject, dict[str, Any], Verdict, Code | None]] = {
    "on its interface": (VPC_CNI, {}, PROVEN, None),
    "on its interface, whatever the routes say": (VPC_CNI, UNROUTED, PROVEN, None),
    "on its interface, networks not answered": (VPC_CNI, {"ccns": None}, PROVEN, None),
    "on its interface, the account's kind not known": (VPC_CNI, {"account_type": None}, PROVEN, None),
    "on no interface": (VPC_CNI, on(), DISPROVEN, Code.ENI_NOT_FOUND),
    "interfaces not answered": (VPC_CNI, {"interfaces": {}}, UNKNOWN, None),
    "machines not answered": (VPC_CNI, {"machines": {}}, UNKNOWN, None),
    "routed": (ROUTED, {}, PROVEN, None),
    "routed, whatever the interfaces say": (ROUTED, on(), PROVEN, None),
    "outside": (ROUTED, ELSEWHERE, DISPROVEN, Code.OUTSIDE_CLUSTER_CIDR),
    "routes not answered": (ROUTED, {"ccns": None}, UNKNOWN, None),
    "topology not known": (ROUTED, {"topology": None}, UNKNOWN, None),
    "platform not known": (ROUTED, {"platform": None}, UNKNOWN, None),
    "account not known": (ROUTED, {"account_type": None}, UNKNOWN, None),
    "load balancer not read": (ROUTED, {"load_balancers": {}}, UNKNOWN, None),
    "load balancer not there": (ROUTED, {"load_balancers": {BALANCER: None}}, PROVEN, None),
    "no load balancer asked about": (replace(ROUTED, load_balancer_id=None), {}, PROVEN, None),
    "declared": (DECLARED, {}, Verdict.DECLARED, None),
    "declared, routes not answered": (DECLARED, {"ccns": None}, Verdict.DECLARED, None),
    "declared, routed elsewhere": (DECLARED, UNROUTED, Verdict.DECLARED, None),
    "declared, outside": (DECLARED, ELSEWHERE, DISPROVEN, Code.OUTSIDE_CLUSTER_CIDR),
    "declared, topology not known": (DECLARED, {"topology": None}, UNKNOWN, None),
    "declared, account not known": (DECLARED, {"account_type": None}, UNKNOWN, None),
    "a declared cluster's, on an interface": (
        replace(VPC_CNI, verification=DECLARED.verification),
        {},
        PROVEN,
        None,
    ),
    "a declared cluster's, behind another VPC's load balancer": (
        replace(VPC_CNI, verification=DECLARED.verification),
        APART,
        Verdict.DECLARED,
        None,
    ),
}


@pytest.mark.parametrize(("subject", "changes", "verdict", "code"), SUMMED.values(), ids=SUMMED.keys())
def test_all_checks_prove_one_refuses_and_no_answer_decides_nothing(
    subject: Subject, changes: dict[str, Any], verdict: Verdict, code: Code | None
) -> None:
    judgement = verify(subject, evidence(**changes), NOW)
    assert (judgement.proof.verdict, judgement.code) == (verdict, code)
    assert judgement.proof.checked_at == NOW
    assert (judgement.rests_on is not None) is (code is not None)


FIRST: dict[str, tuple[Subject, dict[str, Any], Code]] = {
    "a load balancer's before a Service's": (
        ROUTED,
        vip("lb-2", "vpc-mine") | {"topology": topology(service_cidr="172.16.0.0/16")},
        Code.ADDRESS_IS_LOAD_BALANCER,
    ),
    "a Service's before a machine's": (
        VPC_CNI,
        on(interface(primary=True)) | {"topology": topology(service_cidr="172.16.0.0/16")},
        Code.ADDRESS_IS_SERVICE,
    ),
    "a machine's before the version": (VPC_CNI, on(interface(primary=True)) | OLD, Code.ADDRESS_IS_NODE),
    "the version before the network": (
        VPC_CNI,
        {"platform": platform(kubernetes_version="1.10.0", network_type="CiliumOverlay")},
        Code.KUBERNETES_TOO_OLD,
    ),
    "the network before the interface": (
        VPC_CNI,
        on() | {"platform": platform(network_type="CiliumOverlay")},
        Code.NETWORK_MODE_UNSUPPORTED,
    ),
    "the interface before the load balancer": (VPC_CNI, on() | APART, Code.ENI_NOT_FOUND),
    "the machine before the load balancer": (VPC_CNI, {"machines": {"ins-1": False}} | APART, Code.ENI_OTHER_CLUSTER),
    "the account before the CIDR": (ROUTED, {"account_type": "LEGACY"} | ELSEWHERE, Code.ACCOUNT_NOT_BILL_BY_IP),
    "the CIDR before the network": (ROUTED, ELSEWHERE | {"ccns": ()}, Code.OUTSIDE_CLUSTER_CIDR),
    "the attachment before the route": (ROUTED, {"ccns": ()}, Code.CCN_NOT_ATTACHED),
    "the route before the neighbour": (
        ROUTED,
        UNROUTED | {"neighbours": (neighbour("vpc-mine", "172.16.0.0/16"),)},
        Code.CCN_ROUTE_MISSING,
    ),
    "the neighbour before the load balancer": (
        ROUTED,
        {"neighbours": (neighbour("vpc-mine", "172.16.0.0/16"),)} | APART,
        Code.CIDR_OVERLAP,
    ),
    "the route, though the account's kind is not known": (
        ROUTED,
        UNROUTED | {"account_type": None},
        Code.CCN_ROUTE_MISSING,
    ),
    "the interface, though the platform is not known": (VPC_CNI, on() | {"platform": None}, Code.ENI_NOT_FOUND),
}


@pytest.mark.parametrize(("subject", "changes", "code"), FIRST.values(), ids=FIRST.keys())
def test_the_first_check_that_fails_decides(subject: Subject, changes: dict[str, Any], code: Code) -> None:
    assert verify(subject, evidence(**changes), NOW).code is code


RESTS: dict[str, tuple[Subject, dict[str, Any], Source]] = {
    "no address": (replace(ROUTED, ip="127.0.0.1"), {}, Source.ADDRESS),
    "a load balancer's": (ROUTED, vip("lb-2", "vpc-mine"), Source.REGION),
    "a Service's": (ROUTED, {"topology": topology(service_cidr="172.16.0.0/16")}, Source.TOPOLOGY),
    "a machine's by its interface": (VPC_CNI, on(interface(primary=True)), Source.INTERFACES),
    "an old version": (ROUTED, OLD, Source.TOPOLOGY),
    "no interface": (VPC_CNI, on(), Source.INTERFACES),
    "a strange machine": (VPC_CNI, {"machines": {"ins-1": False}}, Source.MACHINES),
    "a strange subnet": (VPC_CNI, on(interface(subnet_id="subnet-9")), Source.TOPOLOGY),
    "an account": (ROUTED, {"account_type": "LEGACY"}, Source.REGION),
    "no CIDR": (ROUTED, ELSEWHERE, Source.TOPOLOGY),
    "no attachment": (ROUTED, {"ccns": ()}, Source.NETWORK),
    "no route": (ROUTED, UNROUTED, Source.NETWORK),
    "no SnatPro": (ROUTED, balancer(vpc_id="vpc-other"), Source.LOAD_BALANCER),
    "no common network": (ROUTED, APART, Source.NETWORK),
}


@pytest.mark.parametrize(("subject", "changes", "source"), RESTS.values(), ids=RESTS.keys())
def test_a_refusal_names_where_its_facts_come_from(subject: Subject, changes: dict[str, Any], source: Source) -> None:
    assert verify(subject, evidence(**changes), NOW).rests_on is source


@pytest.mark.parametrize(
    ("read_at", "is_doubtful"),
    [
        ({Source.NETWORK: NOW - SECOND}, True),
        ({Source.NETWORK: NOW}, False),
        ({Source.NETWORK: NOW + SECOND}, False),
        ({Source.TOPOLOGY: NOW - timedelta(days=1), Source.NETWORK: NOW}, False),
        ({}, False),
    ],
)
def test_a_refusal_that_rests_on_an_older_reading_is_doubtful(read_at: Any, is_doubtful: bool) -> None:
    given = evidence(**UNROUTED, read_at=read_at)
    assert doubtful(verify(ROUTED, given, NOW), given, lambda _: NOW) is is_doubtful


@pytest.mark.parametrize("changes", [{}, {"ccns": None}])
def test_what_refuses_nothing_is_never_doubtful(changes: dict[str, Any]) -> None:
    given = evidence(**changes, read_at=dict.fromkeys(Source, NOW - timedelta(days=1)))
    assert not doubtful(verify(ROUTED, given, NOW), given, lambda _: NOW)


def test_a_refusal_that_was_not_confirmed_decides_nothing_and_says_so() -> None:
    refusal = verify(ROUTED, evidence(**UNROUTED), NOW)
    open_still = unconfirmed(refusal)
    assert (open_still.proof.verdict, open_still.code, open_still.rests_on) == (UNKNOWN, None, None)
    assert open_still.proof.evidence["detail"] == "not confirmed: no route covers 172.16.3.17"
    assert open_still.proof.evidence["checks"] == refusal.proof.evidence["checks"]


@pytest.mark.parametrize(("subject", "method"), [(VPC_CNI, "eni"), (ROUTED, "ccn-route"), (DECLARED, "cidr")])
def test_the_proof_says_how_it_was_reached(subject: Subject, method: str) -> None:
    assert verify(subject, evidence(), NOW).proof.method == method


@pytest.mark.parametrize("ip", ["127.0.0.1", "fd00::1", "172.16.3.017", "nobody", ""])
def test_what_is_no_address_is_asked_nothing_else(ip: str) -> None:
    for subject in (VPC_CNI, ROUTED, DECLARED):
        judgement = verify(replace(subject, ip=ip), evidence(), NOW)
        assert (judgement.proof.verdict, judgement.code) == (DISPROVEN, Code.ADDRESS_NOT_BINDABLE)
        assert [check["check"] for check in judgement.proof.evidence["checks"]] == ["bindable-address"]


@pytest.mark.parametrize("subject", [VPC_CNI, ROUTED, DECLARED])
def test_the_evidence_shows_every_check_of_the_mode_in_order(subject: Subject) -> None:
    for given in (evidence(), evidence(**on(), ccns=()), Evidence(CLUSTER, None)):
        shown = [check["check"] for check in verify(subject, given, NOW).proof.evidence["checks"]]
        assert shown == [check.name for check in CHECKS if subject.network_mode in check.modes]


def test_the_evidence_shows_results_codes_facts_and_the_sentence_that_decided() -> None:
    proof = verify(ROUTED, evidence(**UNROUTED, account_type=None, problem="throttled"), NOW).proof
    shown = {check["check"]: check for check in proof.evidence["checks"]}
    assert proof.evidence["detail"] == "no route covers 172.16.3.17"
    assert shown["account-bill-by-ip"] == {
        "check": "account-bill-by-ip",
        "result": "unknown",
        "code": None,
        "evidence": {"detail": "throttled"},
    }
    assert (shown["ccn-route-leads-to-cluster"]["result"], shown["ccn-route-leads-to-cluster"]["code"]) == (
        "failed",
        "ccn-route-missing",
    )


def test_the_sentence_is_that_of_the_first_lack_when_nothing_refuses_and_none_when_nothing_lacks() -> None:
    lacking = verify(ROUTED, evidence(account_type=None, ccns=None, problem="throttled"), NOW).proof
    assert lacking.evidence["detail"] == "throttled"
    assert verify(ROUTED, evidence(), NOW).proof.evidence["detail"] is None


def test_a_declared_verdict_shows_what_was_skipped() -> None:
    checks = verify(DECLARED, evidence(), NOW).proof.evidence["checks"]
    assert [check["check"] for check in checks if check["result"] == "skipped"] == [
        "vpc-in-ccn",
        "ccn-route-leads-to-cluster",
        "no-overlapping-cluster",
    ]


def test_the_evidence_says_when_each_source_was_read() -> None:
    given = evidence(read_at={Source.TOPOLOGY: NOW, Source.NETWORK: NOW + SECOND})
    assert verify(ROUTED, given, NOW).proof.evidence["read_at"] == {
        "network": "2026-11-23T08:00:01+00:00",
        "topology": "2026-11-23T08:00:00+00:00",
    }


def test_two_looks_that_differ_in_when_they_read_say_the_same() -> None:
    first = verify(ROUTED, evidence(read_at={Source.NETWORK: NOW}), NOW).proof
    second = verify(ROUTED, evidence(read_at={Source.NETWORK: NOW + SECOND}), NOW + SECOND).proof
    assert first.says_the_same(second)
    assert not first.says_the_same(verify(ROUTED, evidence(ccns=(ccn(route("172.16.3.0/24")),)), NOW).proof)


def test_a_verdict_answers_a_question_with_its_code_and_its_checks_last() -> None:
    judgement = verify(ROUTED, evidence(**UNROUTED), NOW)
    answer = judgement.rendered()
    assert list(answer)[-2:] == ["code", "checks"]
    assert (answer["verdict"], answer["code"], answer["method"]) == ("disproven", "ccn-route-missing", "ccn-route")
    assert answer["warnings"] == []
    assert answer["checks"] == judgement.proof.evidence["checks"]
    assert verify(ROUTED, evidence(), NOW).rendered()["code"] is None


def test_a_judgement_without_a_refusal_has_no_code() -> None:
    assert Judgement(Verification(UNKNOWN)).code is None


def test_what_the_agent_says_of_the_machine_and_port_decides_nothing() -> None:
    for subject in (VPC_CNI, ROUTED):
        given = evidence(security_groups={"sg-node": (), "sg-eni": ()})
        told, silent = (verify(each, given, NOW).proof for each in (subject, replace(subject, port=None, node=None)))
        assert (told.verdict, told.evidence) == (silent.verdict, silent.evidence)
