"""Every secret of a run, looked for everywhere that anything is written to: nowhere is one found."""

import base64
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import jwt
import psycopg
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jwt.algorithms import ECAlgorithm

from tests.acceptance.conftest import _reachable
from tests.acceptance.installation import Installation
from tests.acceptance.world import CLUSTERS, event, target, world

ADMIN = "canary-administrator-2f6e9a"
SECRET_ID, SECRET_KEY = "AKIDcanary7b1c", "canary-cloud-key-91d4"
PASSWORD = "canary-database-password-c07"
PLANTED = "canary-planted-on-purpose-5e"
SUBJECT = "system:serviceaccount:kube:agent"
ISSUER = "https://issuer.cluster-a.example"


class Watched(Installation):
    """An installation whose secrets can be told from anything else, and whose problem answers are kept."""

    def __init__(self, place: Path) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        seal_key = ed25519.Ed25519PrivateKey.generate()
        pem = seal_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (place / "seal.pem").write_bytes(pem)
        self._pem_line = pem.decode().splitlines()[1]
        super().__init__(
            place,
            {**world(), "credentials": [{"secret_id": SECRET_ID, "secret_key": SECRET_KEY}]},
            CLB_BROKER_ADMIN_TOKEN=ADMIN,
            CLB_BROKER_TENCENT_SECRET_ID=SECRET_ID,
            CLB_BROKER_TENCENT_SECRET_KEY=SECRET_KEY,
            CLB_BROKER_SEAL_KEY_FILE=str(place / "seal.pem"),
            CLB_BROKER_WORKER_LISTEN="127.0.0.1:0",
        )
        self.answers: list[requests.Response] = []
        self.folder = place

    def start_postgres(self) -> None:
        super().start_postgres()
        uri = self._environment["CLB_BROKER_DATABASE_URL"]
        self.plain_uri = uri
        host = urlsplit(uri).netloc.rpartition("@")[2]
        self._environment["CLB_BROKER_DATABASE_URL"] = uri.replace(
            urlsplit(uri).netloc, f"postgres:{PASSWORD}@{host}", 1
        )

    def as_(self, token: str, method: str, path: str, **options: Any) -> requests.Response:
        """One request with a token, whose answer is kept."""
        headers = {"Authorization": f"Bearer {token}", **options.pop("headers", {})}
        answer = requests.request(
            method, f"{self.url}{path}", headers=headers, timeout=30, proxies={"http": ""}, **options
        )
        self.answers.append(answer)
        return answer

    def signed(self, **claims: Any) -> str:
        """A token of the cluster's own issuer, signed with a key that is trusted."""
        now = int(time.time())
        said = {"iss": ISSUER, "aud": "clb-broker", "sub": SUBJECT, "iat": now, "exp": now + 900}
        return jwt.encode({**said, **claims}, self._key, "ES256", headers={"kid": "k1"})

    def set_trust(self) -> None:
        key = {**ECAlgorithm.to_jwk(self._key.public_key(), as_dict=True), "kid": "k1", "use": "sig", "alg": "ES256"}
        trust = {
            "issuer": ISSUER,
            "audience": "clb-broker",
            "subjects": [SUBJECT],
            "jwks": {"keys": [key]},
        }
        body = {"account_id": "default", "region": "ap-guangzhou", "trust": trust}
        assert self.as_(ADMIN, "PUT", "/v1/clusters/cls-a", json=body).status_code == 200

    @property
    def secrets(self) -> Mapping[str, str]:
        return {
            "the administrator's token": ADMIN,
            "an agent's token": self.token("cls-b"),
            "the cloud's secret id": SECRET_ID,
            "the cloud's secret key": SECRET_KEY,
            "the database's password": PASSWORD,
            "the key of the seal": self._pem_line,
        }


@pytest.fixture
def watched(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    monkeypatch.setattr("tests.acceptance.installation.ADMIN_TOKEN", ADMIN)
    with Watched(_reachable(tmp_path_factory.mktemp("watched"))) as running:
        running.set_the_table(CLUSTERS, ["lb-1"])
        running.set_trust()
        yield running


def test_no_secret_is_written_anywhere(watched: Watched) -> None:
    tokens = _play(watched)
    metrics = _work(watched)
    places = {**_written(watched), "the worker's metrics": metrics}
    found = _find(places, {**watched.secrets, **tokens})
    assert found == set()

    # What would be written would be found.
    _plant(watched)
    seen = {place for _, place in _find(_written(watched), {"planted": PLANTED})}
    kinds = ("log serve", "table bindings", "table journal", "table events", "export text/csv")
    assert seen >= {*kinds, "export application/x-ndjson", "answers"}


def _play(watched: Watched) -> dict[str, str]:
    """The main path, and what goes wrong with tokens; the signed tokens that were used."""
    good = watched.signed()
    bad = {
        "an expired token": watched.signed(exp=int(time.time()) - 900),
        "a token for others": watched.signed(aud="somebody-else"),
        "a token of another subject": watched.signed(sub="system:serviceaccount:kube:other"),
        "a token with a broken signature": good[:-6] + "AAAAAA",
    }
    path = "/v1/clusters/cls-a/pod-events"
    body = {"events": [event("cls-a", 1)]}
    watched.wait_for("the keys to be known", lambda: watched.as_(good, "GET", "/v1/bindings").status_code == 200)
    assert watched.as_(good, "POST", path, json=body).status_code == 202
    for token in bad.values():
        assert watched.as_(token, "POST", path, json=body).status_code in {401, 403}
    agent = watched.token("cls-b")
    assert watched.as_(agent, "POST", path, json=body).status_code == 403  # another's cluster: in the log
    assert watched.as_(agent, "POST", "/v1/clusters/cls-b/pod-events", data="{").status_code == 400
    assert watched.as_(agent, "GET", f"/v1/bindings?limit={quote(agent)}").status_code == 422
    assert watched.as_(f"{agent}x", "GET", "/v1/bindings").status_code == 401
    assert watched.as_(ADMIN, "GET", f"/v1/nothing?token={ADMIN}").status_code == 404
    assert watched.as_(ADMIN, "PUT", "/v1/clusters/cls-a", json={"token": ADMIN}).status_code == 422
    watched.as_("x", "GET", "/v1/bindings", headers={"Authorization": f"Basic {ADMIN}"})
    signatures = {f"the signature of {name}": token.rpartition(".")[2] for name, token in {"one": good, **bad}.items()}
    return {key: value for key, value in signatures.items() if not value.endswith("AAAAAA")}


def _work(watched: Watched) -> str:
    """What the worker does, well and while the cloud refuses its credential; its metrics."""
    line = watched.start("worker")
    watched.wait_for_targets("lb-1", [target("cls-a", 1)])
    watched.simulator.order("request-lost", times=2)
    assert watched.as_(watched.signed(), "POST", "/v1/clusters/cls-a/pod-events", json={"events": [event("cls-a", 2)]})
    watched.wait_for_targets("lb-1", [target("cls-a", number) for number in (1, 2)])
    metrics = requests.get(line.split()[-1], timeout=30, proxies={"http": ""}).text
    assert "clb_broker_cloud_calls_total" in metrics
    # A worker with a credential that is none, and one whose database is not there.
    watched.stop("worker")
    watched.start("worker", CLB_BROKER_TENCENT_SECRET_KEY=f"{SECRET_KEY}x")
    assert watched.as_(watched.signed(), "POST", "/v1/clusters/cls-a/pod-events", json={"events": [event("cls-a", 3)]})
    watched.wait_for("a refused call", lambda: "AuthFailure" in watched.log("worker"))
    watched.kill_postgres()
    assert watched.as_(ADMIN, "GET", "/v1/clusters").status_code == 503
    watched.wait_for("the worker to miss its ledger", lambda: "ledger unavailable" in watched.log("worker"))
    watched.start_postgres()
    watched.wait_for("the API to be ready", lambda: watched.as_(ADMIN, "GET", "/readyz").status_code == 200)
    return metrics


def _plant(watched: Watched) -> None:
    """A secret where each kind of place would keep it: as a pod's name, and in a path that is logged."""
    told = event("cls-a", 7)
    told["pod"]["name"] = told["event_id"] = PLANTED
    results = watched.as_(watched.signed(), "POST", "/v1/clusters/cls-a/pod-events", json={"events": [told]})
    assert results.status_code == 202
    path = f"/v1/clusters/{PLANTED}/pod-events"
    assert watched.as_(watched.token("cls-b"), "POST", path, json={"events": []}).status_code == 403


def _written(watched: Watched) -> dict[str, str]:
    """Everything that anything was written to, by what it is."""
    places = {f"log {path.stem}": path.read_text(errors="replace") for path in sorted(watched.folder.glob("*.log"))}
    assert {"log serve", "log worker"} <= places.keys()
    server_log = watched.folder / "postgres" / "log"
    places["log postgres"] = server_log.read_text(errors="replace") if server_log.is_file() else ""
    places |= _tables(watched.plain_uri)
    for kind in ("text/csv", "application/x-ndjson"):
        answer = watched.as_(ADMIN, "GET", "/v1/history", headers={"Accept": kind})
        assert len(answer.text.splitlines()) > 5
        places[f"export {kind}"] = answer.text
    for path in ("/metrics", "/openapi.yaml", "/v1/clusters", "/v1/load-balancers", "/v1/bindings"):
        places[path] = watched.as_(ADMIN, "GET", path).text
    places["answers"] = "\n".join(f"{answer.headers}\n{answer.text}" for answer in watched.answers)
    return places


def _tables(uri: str) -> dict[str, str]:
    """Every row of every table as text, bytes in hexadecimal and as what they say."""
    found = {}
    with psycopg.connect(uri) as connection:
        names = connection.execute(
            "SELECT table_name FROM information_schema.tables"
            " WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
        ).fetchall()
        assert len(names) > 15
        for (name,) in names:
            rows = connection.execute(f'SELECT * FROM public."{name}"').fetchall()  # type: ignore[arg-type]
            found[f"table {name.partition('_20')[0]}"] = found.get(f"table {name.partition('_20')[0]}", "") + "\n".join(
                json.dumps(row, default=lambda value: [str(value), repr(value)]) for row in rows
            )
    return found


def _find(places: Mapping[str, str], secrets: Mapping[str, str]) -> set[tuple[str, str]]:
    """Which secret is in which place, as it is, in base 64 (RFC 4648), in hexadecimal or quoted for a URL."""
    found = set()
    for name, secret in secrets.items():
        assert len(secret) > 12
        raw = secret.encode()
        forms = {secret, quote(secret), raw.hex(), base64.b64encode(raw).decode().rstrip("=")}
        found |= {(name, place) for place, text in places.items() if any(form in text for form in forms)}
    return found
