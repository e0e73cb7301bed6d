"""Keys are read in the background, served stale while their issuer is away, and what changes is in history."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from app.api.trusted_keys import TrustedKeys
from app.broker.register_cluster import register_cluster
from app.broker.trust_cluster import GivenTrust
from app.cloud.client import Client
from app.domain.caller import Role
from app.domain.cluster import Removal, Verification
from app.domain.trust import KeptTrust, PeopleIssuer, Trust, trust_id_of_cluster, trust_id_of_people
from app.ledger import trusts
from app.ledger.connection import Ledger
from app.ledger.leases import LeaseSubject
from app.worker.loops import LOOPS, Worker
from app.worker.workshop import Periods, Workshop
from tests.identity.issuing import AUDIENCE, ISSUER, KEY, OTHER_KEY, SUBJECT, Key, key_set
from tests.ledger.building import execute
from tests.worker.issuer import PublishingIssuer

MINUTE = timedelta(minutes=1)
PERIODS = Periods(lease=MINUTE, sweep=MINUTE, reverify=MINUTE, topology=MINUTE, cloud_timeout=MINUTE)


@pytest.fixture
def issuer() -> Iterator[PublishingIssuer]:
    with PublishingIssuer() as started:
        started.content = key_set(KEY)
        yield started


def no_cloud(*_: str) -> Client:
    raise AssertionError


def worker(ledger: Ledger, *people: PeopleIssuer) -> Worker:
    workshop = Workshop(ledger, no_cloud, "life-1", PERIODS, people=people)
    return Worker(workshop, [loop for loop in LOOPS if loop.subject is LeaseSubject.KEYS])


def register(ledger: Ledger, url: str, cluster_id: str = "cls-a") -> None:
    register_cluster(
        ledger,
        cluster_id,
        account_id="default",
        region="r",
        verification=Verification.STRICT,
        topology=None,
        removal=Removal(0.3),
        actor="operator:ann",
        trust=GivenTrust(Trust(ISSUER, AUDIENCE, (SUBJECT,), url)),
    )


def read(ledger: Ledger) -> int:
    """Let a worker read what is due, and make everything due again."""
    done = worker(ledger).run_once()
    execute(ledger, "UPDATE trusts SET due_at = now() WHERE jwks_uri IS NOT NULL")
    return done


def kept(ledger: Ledger, trust_id: str = trust_id_of_cluster("cls-a")) -> KeptTrust:
    with ledger.begin() as connection:
        return trusts.everything(connection)[trust_id][1]


def names(ledger: Ledger, trust_id: str = trust_id_of_cluster("cls-a")) -> list[str]:
    return sorted(key.name for key in kept(ledger, trust_id).keys)


def history(ledger: Ledger) -> list[tuple[str, str, str]]:
    return execute(ledger, "SELECT actor, action, detail FROM journal WHERE action LIKE 'keys-%' ORDER BY sequence")


def test_keys_are_read_when_they_are_due_and_not_before(ledger: Ledger, issuer: PublishingIssuer) -> None:
    register(ledger, issuer.url)
    assert worker(ledger).run_once() == 1
    assert names(ledger) == ["key-1"]
    found = kept(ledger)
    assert found.read_at is not None
    assert (found.error, found.failing_since) == (None, None)
    assert worker(ledger).run_once() == 0
    assert history(ledger) == [("worker:life-1", "keys-changed", "cluster:cls-a, came: key-1")]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"status": 503}, "status 503"),
        ({"content": b"no json"}, "not JSON"),
        ({"content": {"keys": []}}, "no public key"),
        ({"content": {"keys": [KEY.jwk(d="AQAB")]}}, "private or shared"),
        ({"content": b" " * 70_000}, "longer than"),
    ],
    ids=lambda given: given if isinstance(given, str) else "-".join(given),  # keys are made anew in each process
)
def test_while_an_issuer_says_nothing_usable_its_keys_stay(
    ledger: Ledger, issuer: PublishingIssuer, changes: dict[str, object], error: str
) -> None:
    register(ledger, issuer.url)
    read(ledger)
    before = kept(ledger)
    vars(issuer).update(changes)
    with capture_logs() as logs:
        assert [read(ledger) for _ in range(3)] == [1, 1, 1]
    found = kept(ledger)
    assert (found.keys, found.read_at) == (before.keys, before.read_at)
    assert error in str(found.error)
    assert found.failing_since is not None
    assert [line["event"] for line in logs] == ["key set not read"]
    issuer.content, issuer.status = key_set(KEY), 200
    with capture_logs() as logs:
        read(ledger)
    assert [line["event"] for line in logs] == ["key set read again"]
    assert (kept(ledger).error, kept(ledger).failing_since) == (None, None)


def test_what_fails_is_tried_again_soon(ledger: Ledger, issuer: PublishingIssuer) -> None:
    register(ledger, issuer.url)
    issuer.status = 500
    worker(ledger).run_once()
    (soon,) = execute(ledger, "SELECT due_at < now() + interval '10 seconds' FROM trusts")
    assert soon


def test_a_set_that_changes_all_its_keys_is_followed_told_and_leaves_time_for_tokens_under_way(
    ledger: Ledger, issuer: PublishingIssuer
) -> None:
    register(ledger, issuer.url)
    read(ledger)
    issuer.content = key_set(OTHER_KEY)
    with capture_logs() as logs:
        read(ledger)
    assert names(ledger) == ["key-1", "key-2"]
    assert [line["event"] for line in logs] == ["all keys of a key set were replaced"]
    assert history(ledger)[-1][1:] == ("keys-replaced", "cluster:cls-a, came: key-2; left: key-1")
    (grace,) = execute(
        ledger, "SELECT ends_at - now() BETWEEN '4 minutes' AND '5 minutes' FROM trusted_keys WHERE ends_at IS NOT NULL"
    )
    assert grace
    read(ledger)
    assert names(ledger) == ["key-1", "key-2"]
    execute(ledger, "UPDATE trusted_keys SET ends_at = now() - interval '1 second' WHERE ends_at IS NOT NULL")
    assert names(ledger) == ["key-2"]
    read(ledger)
    assert execute(ledger, "SELECT count(*) FROM trusted_keys") == [1]
    assert len(history(ledger)) == 2


def test_a_rotation_with_both_keys_is_no_replacement_and_a_key_that_returns_stays(
    ledger: Ledger, issuer: PublishingIssuer
) -> None:
    register(ledger, issuer.url)
    for keys in ((KEY,), (KEY, OTHER_KEY), (OTHER_KEY,), (KEY, OTHER_KEY)):
        issuer.content = key_set(*keys)
        read(ledger)
    assert [action for _, action, _ in history(ledger)] == ["keys-changed"] * 4
    assert execute(ledger, "SELECT count(*) FROM trusted_keys WHERE ends_at IS NULL") == [2]


def test_a_key_of_another_cluster_spoils_the_set_and_nothing_of_it_is_kept(
    ledger: Ledger, issuer: PublishingIssuer
) -> None:
    register(ledger, issuer.url)
    read(ledger)
    register(ledger, issuer.url, "cls-b")
    issuer.content = key_set(Key("aaa"), KEY, Key("zzz"))
    read(ledger)
    assert names(ledger) == ["aaa", "key-1", "zzz"]
    assert names(ledger, trust_id_of_cluster("cls-b")) == []
    assert "trusted for another" in str(kept(ledger, trust_id_of_cluster("cls-b")).error)


def test_a_trust_that_is_another_by_now_gets_no_keys_of_the_old_place(ledger: Ledger, issuer: PublishingIssuer) -> None:
    register(ledger, issuer.url)
    read(ledger)
    with PublishingIssuer() as other:
        other.content = key_set(OTHER_KEY)
        register(ledger, other.url)
        assert names(ledger) == []
        read(ledger)
        assert names(ledger) == ["key-2"]


PEOPLE = PeopleIssuer("corp", "https://login.example", "broker", "groups", {"ops": Role.OPERATOR})


def test_the_keys_of_people_s_issuers_are_read_too_and_no_longer_when_the_settings_drop_them(
    ledger: Ledger, issuer: PublishingIssuer
) -> None:
    corp = PeopleIssuer(**{**fields(PEOPLE), "jwks_uri": issuer.url})
    introduced = worker(ledger, corp)
    introduced._introduce_people()
    assert introduced.run_once() == 1
    assert names(ledger, trust_id_of_people("corp")) == ["key-1"]
    keys = TrustedKeys([corp])
    keys.reload(ledger)
    assert len(keys._ring.candidates("https://login.example", "key-1")) == 1
    elsewhere = TrustedKeys([PeopleIssuer(**{**fields(PEOPLE), "jwks_uri": "https://login.example/other"})])
    elsewhere.reload(ledger)
    assert elsewhere._ring.candidates("https://login.example", "key-1") == ()
    worker(ledger)._introduce_people()
    assert names(ledger, trust_id_of_people("corp")) == ["key-1"]
    other = PeopleIssuer(**{**fields(PEOPLE), "name": "other", "jwks_uri": issuer.url})
    worker(ledger, other)._introduce_people()
    with ledger.begin() as connection:
        assert trusts.ids_of_people(connection) == {trust_id_of_people("other")}


def fields(issuer: PeopleIssuer) -> dict[str, object]:
    return {name: getattr(issuer, name) for name in issuer.__dataclass_fields__}
