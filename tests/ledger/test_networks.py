"""Cloud Connect Networks and security groups, kept for all workers: the later reading stays, whoever comes last."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial

from app.ledger import networks
from app.ledger.connection import Ledger
from app.ledger.networks import KeptNetwork
from app.ownership.evidence import Attachment, Ccn, Policy
from app.ownership.routes import Route, RouteTable
from tests.ledger.building import ACCOUNT, THEN, at_once, execute

LATER, EARLIER = THEN + timedelta(seconds=1), THEN - timedelta(seconds=1)
IN = Attachment("ccn-1", "vpc-1", "ACTIVE", ("10.0.0.0/16",))
ROUTE = Route("ccn-1", "172.16.0.0/16", "VPC", "vpc-1", True)
DISABLED = Route("ccn-1", "172.16.0.0/16", "VPC", "vpc-1", False)
OPEN = Policy("TCP", "80", "0.0.0.0/0", "ACCEPT")
SHUT = Policy("ALL", "ALL", "0.0.0.0/0", "DROP", readable=False)


def ccn(*routes: Route, ccn_id: str = "ccn-1", attachments: tuple[Attachment, ...] = (IN,)) -> Ccn:
    return Ccn(ccn_id, attachments, RouteTable(routes))


def keep(ledger: Ledger, *found: Ccn, at: datetime = THEN, vpc_id: str = "vpc-1", calls: int = 2) -> list[str]:
    read: Mapping[str, tuple[Ccn, int]] = {each.ccn_id: (each, calls) for each in found}
    with ledger.begin() as connection:
        return networks.keep(connection, ACCOUNT, vpc_id, read, at)


def find(ledger: Ledger, vpc_id: str = "vpc-1", account_id: str = ACCOUNT) -> KeptNetwork | None:
    with ledger.begin() as connection:
        return networks.find(connection, account_id, vpc_id)


def test_a_network_comes_back_as_it_was_read(ledger: Ledger) -> None:
    second = ccn(ccn_id="ccn-2", attachments=())
    assert keep(ledger, second, ccn(ROUTE, DISABLED)) == []
    found = find(ledger)
    assert found == KeptNetwork((ccn(ROUTE, DISABLED), second), THEN, 5)
    assert found is not None
    assert found.ccns[0].routes.routes == (ROUTE, DISABLED)


def test_a_vpc_that_was_never_read_is_not_known_and_one_in_no_network_is(ledger: Ledger) -> None:
    assert find(ledger) is None
    keep(ledger)
    assert find(ledger) == KeptNetwork((), THEN, 1)
    assert find(ledger, account_id="second") is None


def test_a_vpc_one_of_whose_networks_was_not_read_is_not_known(ledger: Ledger) -> None:
    keep(ledger, ccn(ROUTE), ccn(ccn_id="ccn-2"))
    execute(ledger, "DELETE FROM ccns WHERE ccn_id = 'ccn-2'")
    assert find(ledger) is None


def test_networks_are_as_old_as_their_oldest_part(ledger: Ledger) -> None:
    keep(ledger, ccn(ROUTE), ccn(ccn_id="ccn-2"))
    keep(ledger, ccn(ROUTE), vpc_id="vpc-2", at=LATER)
    found = find(ledger)
    assert found is not None
    assert found.read_at == THEN
    keep(ledger, ccn(ROUTE), ccn(ccn_id="ccn-2"), at=LATER)
    found = find(ledger)
    assert found is not None
    assert found.read_at == LATER


def test_an_older_reading_never_overwrites_a_newer_one_and_changes_nothing(ledger: Ledger) -> None:
    keep(ledger, ccn(DISABLED), at=LATER)
    assert keep(ledger, ccn(ROUTE), ccn(ccn_id="ccn-2"), at=EARLIER) == []
    assert find(ledger) == KeptNetwork((ccn(DISABLED),), LATER, 3)
    assert keep(ledger, ccn(ROUTE), at=LATER) == ["ccn-1"]
    assert find(ledger) == KeptNetwork((ccn(ROUTE),), LATER, 3)


def test_what_has_changed_is_told_and_what_is_the_same_in_another_order_has_not(ledger: Ledger) -> None:
    other = Route("ccn-1", "10.1.0.0/16", "VPC", "vpc-2", True)
    pending = Attachment("ccn-1", "vpc-2", "PENDING")
    assert keep(ledger, ccn(ROUTE, other, attachments=(IN, pending))) == []
    assert keep(ledger, ccn(other, ROUTE, attachments=(pending, IN)), at=LATER) == []
    assert keep(ledger, ccn(ROUTE, attachments=(pending, IN)), at=LATER) == ["ccn-1"]
    assert keep(ledger, ccn(ROUTE), at=LATER) == ["ccn-1"]
    assert keep(ledger, ccn(DISABLED), at=LATER) == ["ccn-1"]
    assert keep(ledger, ccn(DISABLED), at=LATER) == []


def test_a_network_that_the_vpc_has_joined_or_left_has_changed(ledger: Ledger) -> None:
    keep(ledger, ccn(ROUTE))
    assert keep(ledger, ccn(ROUTE), ccn(ccn_id="ccn-2"), at=LATER) == ["ccn-2"]
    assert keep(ledger, ccn(ccn_id="ccn-2"), at=LATER) == ["ccn-1"]
    assert keep(ledger, at=LATER) == ["ccn-2"]
    assert keep(ledger, at=LATER) == []


def test_workers_that_keep_shared_networks_at_once_do_not_stand_in_each_other_s_way(ledger: Ledger) -> None:
    found = [ccn(ROUTE, ccn_id=f"ccn-{number}") for number in range(20)]

    def keep_all(vpc_id: str, networks_read: list[Ccn], at: datetime) -> None:
        for _ in range(10):
            keep(ledger, *networks_read, vpc_id=vpc_id, at=at)

    times = (EARLIER, THEN, LATER)
    at_once([partial(keep_all, f"vpc-{n % 2}", found[:: (-1) ** n], times[n % 3]) for n in range(6)])
    assert execute(ledger, "SELECT DISTINCT read_at FROM ccns") == [LATER]
    assert execute(ledger, "SELECT count(*) FROM ccns") == [20]


def test_security_groups_come_back_with_the_time_of_their_reading(ledger: Ledger) -> None:
    with ledger.begin() as connection:
        networks.keep_policies(connection, ACCOUNT, {"sg-2": [SHUT, OPEN], "sg-1": []}, THEN)
        assert networks.policies(connection, ACCOUNT, ["sg-1", "sg-2", "sg-3"]) == {
            "sg-1": ((), THEN),
            "sg-2": ((SHUT, OPEN), THEN),
        }
        assert networks.policies(connection, "second", ["sg-1"]) == {}


def test_the_later_reading_of_a_security_group_stays(ledger: Ledger) -> None:
    with ledger.begin() as connection:
        for at, rules in ((THEN, [OPEN]), (EARLIER, []), (LATER, [SHUT]), (THEN, [OPEN])):
            networks.keep_policies(connection, ACCOUNT, {"sg-1": rules}, at)
        assert networks.policies(connection, ACCOUNT, ["sg-1"]) == {"sg-1": ((SHUT,), LATER)}
