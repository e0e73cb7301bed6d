"""Which addresses can be bound at all."""

from dataclasses import replace

import pytest

from app.domain.codes import Code
from app.ownership.finding import Result
from app.ownership.strangers import bindable_address
from tests.ownership.builders import FAILED, PASSED, ROUTED, evidence


@pytest.mark.parametrize(
    ("ip", "result"),
    [
        ("172.16.3.17", PASSED),
        ("1.0.0.0", PASSED),
        ("0.255.255.255", FAILED),
        ("126.255.255.255", PASSED),
        ("127.0.0.1", FAILED),
        ("128.0.0.0", PASSED),
        ("169.253.255.255", PASSED),
        ("169.254.0.1", FAILED),
        ("169.255.0.0", PASSED),
        ("223.255.255.255", PASSED),
        ("224.0.0.1", FAILED),
        ("240.0.0.1", FAILED),
        ("255.255.255.255", FAILED),
        ("172.16.3.017", FAILED),
        (" 172.16.3.17", FAILED),
        ("172.16.3.17\n", FAILED),
        ("172.16.3.17/32", FAILED),
        ("172.16.3", FAILED),
        ("172.16.3.256", FAILED),
        ("fd00::1", FAILED),
        ("::ffff:172.16.3.17", FAILED),
        ("", FAILED),
    ],
)
def test_only_a_plain_unicast_ipv4_address_can_be_bound(ip: str, result: Result) -> None:
    finding = bindable_address(replace(ROUTED, ip=ip), evidence())
    assert (finding.result, finding.code) == (result, Code.ADDRESS_NOT_BINDABLE if result is FAILED else None)
