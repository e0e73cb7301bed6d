"""The checks of one address, summed up."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.binding import Verdict
from app.domain.codes import Code
from app.ownership.evidence import Evidence, Subject
from app.ownership.verdict import verify
from tests.ownership.builders import ATTACHMENT, DECLARED, IP, ROUTED, VPC_CNI, evidence, interface, route, topology
from tests.planning.builders import NOW
from tests.planning.histories import law

ELSEWHERE = topology(cluster_cidrs=("10.0.0.0/8",))

SUMMED: dict[str, tuple[Subject, dict[str, Any], Verdict, Code | None]] = {
    "on its interface": (VPC_CNI, {}, Verdict.PROVEN, None),
    "on its interface, whatever the routes say": (VPC_CNI, {"routes": ()}, Verdict.PROVEN, None),
    "on no interface": (VPC_CNI, {"interfaces": {IP: ()}}, Verdict.DISPROVEN, Code.ENI_NOT_FOUND),
    "interfaces not answered": (VPC_CNI, {"interfaces": {}}, Verdict.UNKNOWN, None),
    "routed": (ROUTED, {}, Verdict.PROVEN, None),
    "routed, whatever the interfaces say": (ROUTED, {"interfaces": {IP: ()}}, Verdict.PROVEN, None),
    "outside": (ROUTED, {"topology": ELSEWHERE}, Verdict.DISPROVEN, Code.OUTSIDE_CLUSTER_CIDR),
    "outside and not attached": (
        ROUTED,
        {"topology": ELSEWHERE, "attachments": ()},
        Verdict.DISPROVEN,
        Code.OUTSIDE_CLUSTER_CIDR,
    ),
    "not attached and not routed": (
        ROUTED,
        {"attachments": (), "routes": ()},
        Verdict.DISPROVEN,
        Code.CCN_NOT_ATTACHED,
    ),
    "not routed, attachments not answered": (
        ROUTED,
        {"attachments": None, "routes": ()},
        Verdict.DISPROVEN,
        Code.CCN_ROUTE_MISSING,
    ),
    "routes not answered": (ROUTED, {"routes": None}, Verdict.UNKNOWN, None),
    "attachments not answered": (ROUTED, {"attachments": None}, Verdict.UNKNOWN, None),
    "topology not known": (ROUTED, {"topology": None}, Verdict.UNKNOWN, None),
    "declared, inside": (DECLARED, {"attachments": None, "routes": None}, Verdict.DECLARED, None),
    "declared, inside, routed elsewhere": (DECLARED, {"routes": ()}, Verdict.DECLARED, None),
    "declared, outside": (DECLARED, {"topology": ELSEWHERE}, Verdict.DISPROVEN, Code.OUTSIDE_CLUSTER_CIDR),
    "declared, topology not known": (DECLARED, {"topology": None}, Verdict.UNKNOWN, None),
}


@pytest.mark.parametrize(("subject", "changes", "verdict", "code"), SUMMED.values(), ids=SUMMED.keys())
def test_the_first_check_that_fails_decides_and_no_answer_decides_nothing(
    subject: Subject, changes: dict[str, Any], verdict: Verdict, code: Code | None
) -> None:
    proof, found = verify(subject, evidence(**changes), NOW)
    assert (proof.verdict, found) == (verdict, code)
    assert proof.checked_at == NOW


@pytest.mark.parametrize(("subject", "method"), [(VPC_CNI, "eni"), (ROUTED, "ccn-route"), (DECLARED, "cidr")])
def test_the_proof_says_how_it_was_reached(subject: Subject, method: str) -> None:
    assert verify(subject, evidence(), NOW)[0].method == method


def test_an_interface_proves_more_than_a_declaration() -> None:
    declared = Subject(IP, VPC_CNI.network_mode, DECLARED.verification)
    assert verify(declared, evidence(), NOW)[0].verdict is Verdict.PROVEN
    assert verify(declared, evidence(interfaces={IP: ()}), NOW)[1] is Code.ENI_NOT_FOUND


def test_the_evidence_shows_every_check_and_the_sentence_that_decided() -> None:
    proof, _ = verify(ROUTED, evidence(attachments=None, routes=()), NOW)
    assert [check["result"] for check in proof.evidence["checks"]] == ["passed", "unknown", "failed"]
    assert proof.evidence["detail"] == "no route covers 172.16.3.17"
    unanswered, _ = verify(ROUTED, evidence(attachments=None, problem="throttled"), NOW)
    assert unanswered.evidence["detail"] == "throttled"
    assert verify(ROUTED, evidence(), NOW)[0].evidence["detail"] is None


interfaces = st.builds(
    interface,
    vpc_id=st.sampled_from(["vpc-mine", "vpc-other"]),
    instance_id=st.sampled_from([None, "ins-1"]),
    state=st.sampled_from(["AVAILABLE", "PENDING", ""]),
)
routes = st.builds(
    route,
    st.sampled_from(
        ["172.16.0.0/16", "172.16.3.0/24", "172.17.0.0/16", "0.0.0.0/0", "fd00::/8", "", "172.16", "::/999"]
    ),
    st.sampled_from(["vpc-mine", "vpc-other"]),
    enabled=st.booleans(),
)
anything = st.builds(
    Evidence,
    st.sampled_from([None, topology(), topology(cluster_cidrs=("172.16.0.0/99", "::/0"))]),
    st.one_of(st.just({}), st.lists(interfaces, max_size=3).map(lambda found: {IP: tuple(found)})),
    st.sampled_from([None, (), (ATTACHMENT,)]),
    st.one_of(st.none(), st.lists(routes, max_size=4).map(tuple)),
)


@law
@given(anything, st.sampled_from([VPC_CNI, ROUTED, DECLARED]))
def test_whatever_the_cloud_writes_there_is_one_verdict_and_a_code_exactly_when_it_refuses(
    found: Evidence, subject: Subject
) -> None:
    proof, code = verify(subject, found, NOW)
    assert (proof.verdict is Verdict.DISPROVEN) is (code is not None)
    assert (proof.verdict is Verdict.DECLARED) <= (subject is DECLARED)
    if found.topology is None:
        assert proof.verdict is Verdict.UNKNOWN


@law
@given(anything, st.sampled_from([VPC_CNI, ROUTED, DECLARED]))
def test_taking_an_answer_away_never_makes_a_proof(found: Evidence, subject: Subject) -> None:
    proofs = {Verdict.PROVEN, Verdict.DECLARED}
    less = (
        Evidence(None, found.interfaces, found.attachments, found.routes),
        Evidence(found.topology, {}, found.attachments, found.routes),
        Evidence(found.topology, found.interfaces, None, found.routes),
        Evidence(found.topology, found.interfaces, found.attachments, None),
    )
    if verify(subject, found, NOW)[0].verdict not in proofs:
        for answer in less:
            assert verify(subject, answer, NOW)[0].verdict not in proofs
