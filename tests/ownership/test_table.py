"""The table of checks: its order, its lines, and that every code of the group stands in it."""

import re
from inspect import getsource, isfunction
from typing import Any

import pytest

from app.domain import codes
from app.domain.cluster import NetworkMode
from app.domain.codes import Code
from app.ownership.checks import CHECKS, Check
from app.ownership.evidence import Source

ELSEWHERE = {Code.MIXED_NETWORK_MODES}
"""What one address's evidence cannot say: it takes the workload's other bindings."""

CLAIMS = {Code.CLAIMED_BY_OTHER_CLUSTER}
"""What a check refuses with besides the group's own codes."""


def group(title: str) -> set[Code]:
    """The codes under a heading of the list of codes."""
    text = getsource(codes.Code)
    part = re.split(r"\n    # ", text[text.index(f"# {title}") + 1 :])[0]
    return {Code[name] for name in re.findall(r"^    ([A-Z_0-9]+) = ", part, re.MULTILINE)}


def test_every_ownership_code_is_refused_by_some_check() -> None:
    refused = {code for check in CHECKS for code in check.codes}
    assert refused - CLAIMS | ELSEWHERE == group("Ownership")
    assert ELSEWHERE.isdisjoint(refused)


def test_the_groups_of_codes_are_all_there_are() -> None:
    assert group("Ownership") | group("Claims and rights") == set(Code)
    assert group("Ownership").isdisjoint(group("Claims and rights"))


def named_in(examine: Any) -> set[str]:
    """The codes in the source of a check, and of what it calls in its own module."""
    source = getsource(examine)
    called = (examine.__globals__.get(name) for name in set(re.findall(r"(?<![.\w])(\w+)\(", source)))
    inner = [each for each in called if isfunction(each) and each.__module__ == examine.__module__ and each != examine]
    named = set(re.findall(r"Code\.([A-Z_0-9]+)", source))
    return named.union(*map(named_in, inner))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_a_line_of_the_table_names_the_codes_that_its_check_refuses_with(check: Check) -> None:
    assert {code.name for code in check.codes} == named_in(check.examine)


def test_names_are_told_apart() -> None:
    assert len({check.name for check in CHECKS}) == len(CHECKS)


def order(mode: NetworkMode) -> list[str]:
    """The checks of a network mode."""
    return [check.name for check in CHECKS if mode in check.modes]


def test_each_network_mode_has_its_checks_in_order() -> None:
    first = ["bindable-address", "no-load-balancer", "no-service-address", "no-node"]
    able = ["kubernetes-version", "network-mode"]
    assert order(NetworkMode.VPC_CNI) == [
        *first,
        *able,
        "address-on-interface",
        "machine-of-cluster",
        "load-balancer-reaches",
    ]
    assert order(NetworkMode.GLOBAL_ROUTER) == [
        *first,
        *able,
        "account-bill-by-ip",
        "address-in-cluster-cidr",
        "vpc-in-ccn",
        "ccn-route-leads-to-cluster",
        "no-overlapping-cluster",
        "no-other-owner",
        "load-balancer-reaches",
    ]


def test_every_source_of_a_refusal_is_one_that_can_be_read_again_or_is_fresh() -> None:
    sources = {check.name: check.source for check in CHECKS}
    assert sources["address-on-interface"] is Source.INTERFACES
    assert sources["machine-of-cluster"] is Source.TOPOLOGY
    assert sources["ccn-route-leads-to-cluster"] is Source.NETWORK
    assert sources["account-bill-by-ip"] is Source.REGION
    assert sources["load-balancer-reaches"] is Source.LOAD_BALANCER
    assert sources["bindable-address"] is Source.ADDRESS
