"""Accounts in their regions, and whose the addresses of load balancers are."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from app.ledger import regions
from app.ledger.connection import Ledger
from app.ledger.regions import Region
from app.ownership.evidence import Vip
from tests.ledger.building import ACCOUNT, REGION, THEN, at_once, execute, in_one

MINUTE = timedelta(minutes=1)
LB_1, LB_2 = Vip("lb-1", "vpc-1"), Vip("lb-2", "vpc-1")


def replace(ledger: Ledger, region: str = REGION, /, **found: Sequence[Vip]) -> None:
    """The region has these load balancers at 10.0.0.1 (``a``), 10.0.0.2 (``b``), and so on."""
    named = {f"10.0.0.{ord(name) - 96}": vips for name, vips in found.items()}
    in_one(ledger, partial(regions.replace_vips, account_id=ACCOUNT, region=region, found=named, read_at=THEN))


def add(ledger: Ledger, load_balancer_id: str, *ips: str, vpc_id: str = "vpc-1") -> None:
    with ledger.begin() as connection:
        regions.add_vips(connection, ACCOUNT, REGION, load_balancer_id, vpc_id, ips)


def at(ledger: Ledger, *ips: str) -> dict[str, tuple[Vip, ...]]:
    with ledger.begin() as connection:
        return regions.vips_at(connection, ips or [f"10.0.0.{number}" for number in range(1, 10)])


def test_a_region_is_offered_once_and_due_at_once(ledger: Ledger) -> None:
    with ledger.begin() as connection:
        regions.offer(connection, ACCOUNT, REGION)
        regions.record_account_type(connection, ACCOUNT, REGION, "STANDARD", THEN)
        regions.offer(connection, ACCOUNT, REGION)
        assert regions.find(connection, ACCOUNT, REGION) == Region("STANDARD", THEN)
        assert regions.find(connection, ACCOUNT, "elsewhere") == Region(None, None)
    assert execute(ledger, "SELECT due_at <= now(), error FROM regions") == [(True, None)]


def test_a_reading_that_failed_says_why_and_is_made_again_and_leaves_what_is_known(ledger: Ledger) -> None:
    with ledger.begin() as connection:
        regions.offer(connection, ACCOUNT, REGION)
        regions.record_account_type(connection, ACCOUNT, REGION, "LEGACY", THEN)
        regions.read_again(connection, ACCOUNT, REGION, MINUTE, "the cloud is silent")
        assert regions.find(connection, ACCOUNT, REGION) == Region("LEGACY", THEN)
    assert execute(ledger, "SELECT due_at > now() + interval '50 seconds', error FROM regions") == [
        (True, "the cloud is silent")
    ]


def test_an_address_is_every_load_balancer_s_that_has_it(ledger: Ledger) -> None:
    replace(ledger, a=[LB_2, LB_1], b=[LB_2])
    assert at(ledger) == {"10.0.0.1": (LB_1, LB_2), "10.0.0.2": (LB_2,)}
    assert at(ledger, "10.9.9.9") == {}


def test_what_a_reading_no_longer_has_goes_and_what_stays_is_not_written(ledger: Ledger) -> None:
    replace(ledger, a=[LB_1], b=[LB_1], c=[LB_2])
    rows = set(execute(ledger, "SELECT ip, ctid::text FROM vips"))
    replace(ledger, a=[LB_1], c=[LB_1, LB_2], d=[LB_2])
    assert at(ledger) == {"10.0.0.1": (LB_1,), "10.0.0.3": (LB_1, LB_2), "10.0.0.4": (LB_2,)}
    kept = rows & set(execute(ledger, "SELECT ip, ctid::text FROM vips"))
    assert {ip for ip, _ in kept} == {"10.0.0.1", "10.0.0.3"}
    replace(ledger)
    assert at(ledger) == {}


def test_a_load_balancer_that_is_in_another_vpc_now_is_there(ledger: Ledger) -> None:
    replace(ledger, a=[LB_1])
    replace(ledger, a=[Vip("lb-1", "vpc-2")])
    assert at(ledger) == {"10.0.0.1": (Vip("lb-1", "vpc-2"),)}


def test_another_region_s_addresses_stay(ledger: Ledger) -> None:
    replace(ledger, "elsewhere", a=[LB_1])
    replace(ledger, b=[LB_2])
    replace(ledger)
    assert at(ledger) == {"10.0.0.1": (LB_1,)}


def test_a_load_balancer_s_addresses_are_those_that_it_was_last_read_with(ledger: Ledger) -> None:
    add(ledger, "lb-2", "10.0.0.9")
    add(ledger, "lb-1", "10.0.0.1", "10.0.0.2")
    rows = execute(ledger, "SELECT ip, ctid::text FROM vips ORDER BY ip")
    add(ledger, "lb-1", "10.0.0.2", "10.0.0.1")
    assert execute(ledger, "SELECT ip, ctid::text FROM vips ORDER BY ip") == rows
    add(ledger, "lb-1", "10.0.0.2", "10.0.0.3")
    assert at(ledger) == {"10.0.0.2": (LB_1,), "10.0.0.3": (LB_1,), "10.0.0.9": (LB_2,)}
    add(ledger, "lb-1", "10.0.0.3", vpc_id="vpc-2")
    assert at(ledger) == {"10.0.0.3": (Vip("lb-1", "vpc-2"),), "10.0.0.9": (LB_2,)}


def test_a_load_balancer_of_two_accounts_regions_is_found_for_both(ledger: Ledger) -> None:
    replace(ledger, a=[LB_1])
    with ledger.begin() as connection:
        regions.replace_vips(connection, "second", REGION, {"10.0.0.1": [Vip("lb-9", "vpc-9")]}, THEN)
    assert at(ledger) == {"10.0.0.1": (LB_1, Vip("lb-9", "vpc-9"))}


def test_the_same_addresses_added_at_once_are_there_once(ledger: Ledger) -> None:
    ips = [f"10.0.0.{number}" for number in range(1, 9)]
    with ledger.begin() as connection:
        regions.offer(connection, ACCOUNT, REGION)
    for _ in range(5):
        execute(ledger, "DELETE FROM vips")
        at_once([partial(add, ledger, "lb-1", *order) for order in (ips, ips[::-1]) * 3])
        assert at(ledger) == dict.fromkeys(ips, (LB_1,))


def test_workers_that_read_a_region_and_its_load_balancers_at_once_do_not_stand_in_each_other_s_way(
    ledger: Ledger,
) -> None:
    """Each deletes what the other has added, in another order: without the region's lock they would wait in a ring."""
    with ledger.begin() as connection:
        regions.offer(connection, ACCOUNT, REGION)
    ips = [f"10.0.{number}.{part}" for number in range(4) for part in range(1, 60)]

    def read_region(found: Sequence[str]) -> None:
        for number in range(8):
            vips = {ip: [LB_1, LB_2] for ip in found if number % 2}
            in_one(ledger, partial(regions.replace_vips, account_id=ACCOUNT, region=REGION, found=vips, read_at=THEN))

    def read_balancer(load_balancer_id: str) -> None:
        for number in range(8):
            add(ledger, load_balancer_id, *ips[number * 20 : number * 20 + 40])

    at_once(
        [
            *(partial(read_region, part) for part in (ips, ips[::-1], ips[50:])),
            *(partial(read_balancer, name) for name in ("lb-1", "lb-2", "lb-3")),
        ]
    )
    in_one(
        ledger, partial(regions.replace_vips, account_id=ACCOUNT, region=REGION, found={ips[0]: [LB_1]}, read_at=THEN)
    )
    assert at(ledger, *ips) == {ips[0]: (LB_1,)}


def test_a_region_s_addresses_are_known_from_when_all_of_them_were_read(ledger: Ledger) -> None:
    with ledger.begin() as connection:
        regions.offer(connection, ACCOUNT, REGION)
    add(ledger, "lb-1", "10.0.0.1")
    with ledger.begin() as connection:
        assert regions.find(connection, ACCOUNT, REGION).vips_read_at is None
        regions.replace_vips(connection, ACCOUNT, REGION, {}, THEN)
        assert regions.find(connection, ACCOUNT, REGION).vips_read_at == THEN
