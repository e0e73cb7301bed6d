"""Laws of the verdict, for any evidence: also such as no cloud should write."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.domain.binding import Verdict
from app.domain.cluster import NetworkMode, Node, Platform, Topology, Verification
from app.domain.load_balancer import Inventory
from app.ownership.evidence import (
    Attachment,
    Ccn,
    Evidence,
    InterfaceAddress,
    Neighbour,
    Owner,
    Policy,
    Subject,
    Vip,
)
from app.ownership.routes import Route, RouteTable
from app.ownership.verdict import Judgement, unconfirmed, verify
from tests.ownership.builders import BALANCER, CLUSTER, IP, NODE, SUBJECTS, evidence
from tests.planning.builders import NOW
from tests.planning.histories import law

PROOFS = {Verdict.PROVEN, Verdict.DECLARED}


def word(*usual: str) -> st.SearchStrategy[str]:
    """One of the usual words, most of the time, or any text."""
    return st.one_of(st.sampled_from(usual), st.sampled_from(usual), st.text(max_size=6))


vpcs = word("vpc-mine", "vpc-mine", "vpc-other", "")
clusters = word(CLUSTER, "cls-theirs")
ips = word(IP, IP, "172.16.3.18", NODE)
cidrs = word("172.16.0.0/16", "172.16.3.0/24", "172.17.0.0/16", "0.0.0.0/0", "fd00::/8", "", "172.16", "::/999")
groups = st.lists(word("sg-eni", "sg-node"), max_size=2).map(tuple)
machines = word("ins-1", "ins-2")

topologies = st.builds(
    Topology,
    vpcs,
    st.lists(cidrs, max_size=2).map(tuple),
    st.none() | word("192.168.0.0/17", "172.16.0.0/16"),
    st.lists(word("subnet-1"), max_size=1).map(tuple),
)
platforms = st.builds(
    Platform,
    st.booleans(),
    word("1.30.0", "v1.12.4-tke.1", "1.10.5"),
    word("GR", "VPC-CNI", "CiliumOverlay"),
    st.sampled_from([True, False, None]),
)
interfaces = st.builds(
    InterfaceAddress,
    ips,
    word("eni-1"),
    vpcs,
    word("subnet-1"),
    st.none() | machines,
    word("AVAILABLE", "AVAILABLE", "PENDING"),
    st.booleans(),
    groups,
)
ccns = st.builds(
    Ccn,
    word("ccn-1"),
    st.lists(
        st.builds(Attachment, word("ccn-1"), vpcs, word("ACTIVE", "PENDING"), st.lists(cidrs, max_size=1).map(tuple)),
        max_size=3,
    ).map(tuple),
    st.lists(
        st.builds(Route, word("ccn-1"), cidrs, word("VPC"), vpcs, st.booleans()),
        max_size=4,
    ).map(RouteTable),
)
policies = st.builds(
    Policy,
    word("TCP", "ALL", "ICMP"),
    word("ALL", "8080", "80,443", "8000-9000", "9000-"),
    word("0.0.0.0/0", "", "10.0.0.0/8"),
    word("ACCEPT", "DROP"),
    st.booleans(),
)
inventories = st.builds(Inventory, vpcs, st.just(()), st.just(()), internal=st.booleans(), snat_pro=st.booleans())

GIVEN: Mapping[str, st.SearchStrategy[Any]] = {
    "topology": st.none() | topologies,
    "platform": st.none() | platforms,
    "stated": st.booleans(),
    "interfaces": st.dictionaries(ips, st.lists(interfaces, max_size=3).map(tuple), max_size=2),
    "machines": st.dictionaries(machines, st.booleans(), max_size=2),
    "ccns": st.none() | st.lists(ccns, max_size=2).map(tuple),
    "account_type": st.none() | word("STANDARD", "LEGACY"),
    "load_balancers": st.dictionaries(st.just(BALANCER), st.none() | inventories, max_size=1),
    "neighbours": st.lists(st.builds(Neighbour, clusters, topologies), max_size=2).map(tuple),
    "nodes": st.lists(st.builds(Node, clusters, machines, ips, groups), max_size=2).map(tuple),
    "vips": st.dictionaries(
        ips, st.lists(st.builds(Vip, word(BALANCER, "lb-2"), vpcs), max_size=2).map(tuple), max_size=1
    ),
    "all_vips": st.booleans(),
    "unread_neighbours": st.just(()) | st.just(("cls-new",)),
    "owners": st.dictionaries(ips, st.lists(st.builds(Owner, clusters, vpcs), max_size=2).map(tuple), max_size=1),
    "security_groups": st.dictionaries(
        word("sg-eni", "sg-node"), st.lists(policies, max_size=3).map(tuple), max_size=2
    ),
    "problem": st.none() | st.text(max_size=5),
}

NOTHING: Mapping[str, Any] = {
    "topology": None,
    "platform": None,
    "interfaces": {},
    "machines": {},
    "ccns": None,
    "account_type": None,
    "load_balancers": {},
    "all_vips": False,
    "unread_neighbours": ("cls-new",),
}
"""What each answer is when it is missing. Without the others (who else has the address) there is one refusal less."""

# Most of what is drawn is as usual, or hardly anything would be proven.
anything: st.SearchStrategy[Evidence] = st.lists(st.sampled_from(sorted(GIVEN)), max_size=4, unique=True).flatmap(
    lambda names: st.builds(evidence, **{name: GIVEN[name] for name in names})
)
subjects = st.one_of(
    st.sampled_from(SUBJECTS),
    st.sampled_from(SUBJECTS),
    st.builds(
        Subject,
        ips,
        st.sampled_from(NetworkMode),
        st.sampled_from(Verification),
        st.none() | st.just(BALANCER),
        st.none() | st.integers(0, 65536),
        st.none() | ips,
    ),
)


def results(judgement: Judgement) -> set[str]:
    """The results of all checks."""
    return {check["result"] for check in judgement.proof.evidence["checks"]}


def test_every_piece_of_evidence_is_drawn() -> None:
    assert {each.name for each in fields(Evidence)} == GIVEN.keys() | {"cluster_id", "read_at"}


@law
@given(subjects, anything)
def test_whatever_the_cloud_writes_there_is_one_verdict_that_is_the_sum_of_its_checks(
    subject: Subject, found: Evidence
) -> None:
    judgement = verify(subject, found, NOW)
    seen, verdict = results(judgement), judgement.proof.verdict
    assert (verdict is Verdict.DISPROVEN) is ("failed" in seen)
    assert (verdict is Verdict.UNKNOWN) is ("unknown" in seen and "failed" not in seen)
    assert (verdict is Verdict.PROVEN) is (seen <= {"passed", "not-applicable"})
    assert (verdict is Verdict.DECLARED) is ("skipped" in seen <= {"passed", "not-applicable", "skipped"})
    assert (judgement.code is None) is (judgement.rests_on is None) is (verdict is not Verdict.DISPROVEN)
    assert verdict is not Verdict.DECLARED or subject.verification is Verification.DECLARED


@law
@given(subjects, anything)
def test_what_is_proven_has_the_answers_that_prove_it(subject: Subject, found: Evidence) -> None:
    proof = verify(subject, found, NOW).proof
    if proof.verdict not in PROOFS:
        return
    passed = {check["check"] for check in proof.evidence["checks"] if check["result"] == "passed"}
    assert found.topology is not None
    assert found.platform is not None
    if subject.network_mode is NetworkMode.VPC_CNI:
        assert {"address-on-interface", "machine-of-cluster"} <= passed
        assert any(each.vpc_id == found.topology.vpc_id and each.usable for each in found.interfaces[subject.ip])
    elif proof.verdict is Verdict.PROVEN and subject.verification is Verification.STRICT:
        assert {"address-in-cluster-cidr", "vpc-in-ccn", "ccn-route-leads-to-cluster", "account-bill-by-ip"} <= passed
    else:
        assert "address-in-cluster-cidr" in passed


@law
@given(subjects, anything, st.sampled_from(sorted(NOTHING)))
def test_an_answer_that_is_missing_proves_nothing_that_it_did_not_prove_before(
    subject: Subject, found: Evidence, lacks: str
) -> None:
    less = verify(subject, replace(found, **{lacks: NOTHING[lacks]}), NOW).proof
    if less.verdict in PROOFS:
        # What was refused before was refused by somebody else's having the address, as those answers say.
        before = verify(subject, found, NOW)
        assert before.proof.verdict in PROOFS or lacks in {"ccns", "interfaces", "load_balancers"}
        assert before.proof.verdict is not Verdict.UNKNOWN or lacks == "interfaces"


@law
@given(subjects, anything, st.sampled_from(sorted(NOTHING)))
def test_an_answer_that_is_missing_refuses_nothing_that_was_proven(
    subject: Subject, found: Evidence, lacks: str
) -> None:
    if verify(subject, found, NOW).proof.verdict in PROOFS:
        less = verify(subject, replace(found, **{lacks: NOTHING[lacks]}), NOW).proof
        assert less.verdict is not Verdict.DISPROVEN


@law
@given(subjects, anything)
def test_no_answer_at_all_is_no_proof_and_no_refusal_but_of_what_is_no_address(
    subject: Subject, found: Evidence
) -> None:
    nothing = verify(subject, replace(found, **NOTHING, vips={}, nodes=()), NOW)
    refused = {check["check"] for check in nothing.proof.evidence["checks"] if check["result"] == "failed"}
    assert refused <= {"bindable-address"}
    assert nothing.proof.verdict not in PROOFS


@law
@given(subjects, anything)
def test_what_is_not_confirmed_is_neither_proof_nor_refusal(subject: Subject, found: Evidence) -> None:
    judgement = unconfirmed(verify(subject, found, NOW))
    assert (judgement.proof.verdict, judgement.code) == (Verdict.UNKNOWN, None)
