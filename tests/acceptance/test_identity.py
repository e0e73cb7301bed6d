"""Real processes: an agent by its cluster's own identity, its keys read by a worker, and a person by login."""

from pathlib import Path

import requests
import yaml

from tests.acceptance.installation import Installation
from tests.acceptance.world import world
from tests.identity.issuing import KEY, OTHER_KEY, Key, key_set, token, trust
from tests.worker.issuer import PublishingIssuer

LOGIN = {
    "name": "corp",
    "issuer": "https://login.example",
    "audience": "broker",
    "claim": "groups",
    "roles": {"ops": "operator"},
}
EMPLOYEE = {"iss": "https://login.example", "aud": "broker", "sub": "ann", "groups": ["ops"]}
STAFF = Key("staff")


def test_agents_and_people_are_known_by_keys_that_a_worker_reads(tmp_path: Path) -> None:
    with PublishingIssuer() as cluster_issuer, PublishingIssuer() as login:
        cluster_issuer.content, login.content = key_set(KEY), key_set(STAFF)
        people = tmp_path / "people.yaml"
        people.write_text(yaml.safe_dump({"issuers": [{**LOGIN, "jwks_uri": login.url}]}))
        place = tmp_path / "place"
        place.mkdir()
        settings = {"CLB_BROKER_PEOPLE_FILE": str(people), "CLB_BROKER_KEYS_SECONDS": "1"}
        with Installation(place, world(), **settings, CLB_BROKER_API_PROCESSES="2") as broker:
            stated = trust(jwks=None, jwks_uri=cluster_issuer.url)
            broker.put("/v1/clusters/cls-a", {"region": "ap-guangzhou", "trust": stated})
            assert status(broker, token()) == 401
            broker.start("worker")
            broker.wait_for("the agent to be known", lambda: known(broker, token()))
            broker.wait_for("the person to be known", lambda: known(broker, token(STAFF, **EMPLOYEE), "/v1/clusters"))
            assert status(broker, token(), "/v1/clusters") == 403
            cluster_issuer.content = key_set(OTHER_KEY)
            broker.wait_for("the new key to be known", lambda: known(broker, token(OTHER_KEY)))
            broker.wait_for("the old key to be over", lambda: status(broker, token(KEY)) == 401)
            cluster_issuer.status = 503
            broker.wait_for("an error", lambda: broker.get("/v1/clusters/cls-a")["trust_keys"]["error"])
            assert known(broker, token(OTHER_KEY))
            actions = [entry["action"] for entry in broker.everything("/v1/history", cluster_id="cls-a")]
            assert {"trust-given", "keys-changed", "keys-replaced", "request-refused"} >= {*actions} - {
                "cluster-registered"
            }
            assert "keys-replaced" in actions


def status(broker: Installation, given: str, path: str = "/v1/bindings") -> int:
    answer = requests.get(
        f"{broker.url}{path}", headers={"Authorization": f"Bearer {given}"}, timeout=30, proxies={"http": ""}
    )
    return answer.status_code


def known(broker: Installation, given: str, path: str = "/v1/bindings") -> bool:
    """By each of the API's processes, whichever answers."""
    return {status(broker, given, path) for _ in range(8)} == {200}
