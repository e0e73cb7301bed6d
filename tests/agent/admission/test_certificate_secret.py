"""The certificate in its Secret and its authority in the configuration, through the real client."""

import base64
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.agent.admission.certificate_secret import (
    CertificateApi,
    NotOurs,
    Order,
    SystemKeys,
    keep_certificate,
    order_of,
)
from app.agent.admission.certificates import Certificate, dns_names, fault
from app.agent.errors import Conflict, ObjectMissing, TokenRefused
from app.domain.errors import SettingError
from app.simulator.kubernetes.server import KubernetesSimulator
from tests.agent.admission.cluster import (
    CERTIFICATE_ROLES,
    CONFIGURATION,
    NAMESPACE,
    SECRET,
    SERVICE,
    configuration,
    secret_entries,
    trusted,
)

ORDER = Order(SERVICE, NAMESPACE, SECRET, CONFIGURATION, days=300, may_be_missing=False)
NOW = datetime(2026, 3, 1, tzinfo=UTC)
TOKEN = "hook-token"


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KubernetesSimulator]:
    with KubernetesSimulator() as running:
        monkeypatch.setenv("KUBECONFIG", str(running.write_kubeconfig(tmp_path / "kubeconfig", token=TOKEN)))
        running.give_roles(TOKEN, *CERTIFICATE_ROLES)
        running.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}, configuration())
        yield running


@pytest.fixture
def api(cluster: KubernetesSimulator) -> Iterator[CertificateApi]:
    made = CertificateApi()
    yield made
    made.client.rest_client.pool_manager.clear()


def _keep(api: CertificateApi, order: Order = ORDER, now: datetime = NOW) -> str:
    return keep_certificate(api, order, SystemKeys(), lambda: now)


def _versions(cluster: KubernetesSimulator) -> list[str]:
    found = cluster.objects("Secret") + cluster.objects("MutatingWebhookConfiguration")
    return [each["metadata"]["resourceVersion"] for each in found]


def test_a_first_run_makes_a_certificate_that_the_configuration_trusts(
    cluster: KubernetesSimulator, api: CertificateApi
) -> None:
    assert _keep(api) == (
        "made, because there is none, for webhook.clb-broker.svc and 300 days, "
        "MutatingWebhookConfiguration clb-broker-agent trusts it"
    )
    entries = secret_entries(cluster)
    assert entries.keys() == {"ca.crt", "tls.crt", "tls.key"}
    made = Certificate(entries["ca.crt"], entries["tls.crt"], entries["tls.key"])
    assert fault(made, dns_names(SERVICE, NAMESPACE), NOW) is None
    assert trusted(cluster) == entries["ca.crt"]
    secret = cluster.get("Secret", NAMESPACE, SECRET)
    assert secret is not None
    assert secret["type"] == "kubernetes.io/tls"


def test_a_second_run_keeps_what_is_good_and_writes_nothing(cluster: KubernetesSimulator, api: CertificateApi) -> None:
    _keep(api)
    before = _versions(cluster)
    assert _keep(api, now=NOW + timedelta(days=190)).startswith("kept, ")
    assert _versions(cluster) == before


def test_a_configuration_that_was_made_anew_is_told_again(cluster: KubernetesSimulator, api: CertificateApi) -> None:
    _keep(api)
    cluster.delete("MutatingWebhookConfiguration", "", CONFIGURATION)
    cluster.apply(configuration())
    assert trusted(cluster) is None
    assert _keep(api).startswith("kept, ")
    assert trusted(cluster) == secret_entries(cluster)["ca.crt"]


def test_it_is_renewed_when_less_than_a_third_is_left_and_trusted_before_it_is_served(
    cluster: KubernetesSimulator, api: CertificateApi
) -> None:
    _keep(api)
    first = secret_entries(cluster)
    cluster.clear_calls()
    assert _keep(api, now=NOW + timedelta(days=210)).startswith("made, because it ends at 2026-12-26T")
    second = secret_entries(cluster)
    assert second["tls.crt"] != first["tls.crt"]
    assert second["ca.crt"].endswith(first["ca.crt"])
    assert trusted(cluster) == second["ca.crt"]
    writes = [(call.verb, call.resource) for call in cluster.calls if call.verb != "get"]
    assert writes == [("patch", "mutatingwebhookconfigurations"), ("update", "secrets")]


def test_many_at_once_agree(cluster: KubernetesSimulator) -> None:
    told: list[str] = []
    apis = [CertificateApi() for _ in range(6)]
    threads = [threading.Thread(target=lambda api=api: told.append(_keep(api))) for api in apis]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for api in apis:
        api.client.rest_client.pool_manager.clear()
    assert len(told) == 6
    assert [call.verb for call in cluster.calls if call.resource == "secrets" and call.status == 201] == ["create"]
    assert not [call for call in cluster.calls if call.verb == "update"]
    entries = secret_entries(cluster)
    assert trusted(cluster) == entries["ca.crt"]
    made = Certificate(entries["ca.crt"], entries["tls.crt"], entries["tls.key"])
    assert fault(made, dns_names(SERVICE, NAMESPACE), NOW) is None


def test_who_loses_the_race_takes_the_winners_certificate(
    cluster: KubernetesSimulator, api: CertificateApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, other = api.write_secret, CertificateApi()

    def late(secret: Any) -> None:
        monkeypatch.setattr(api, "write_secret", write)
        _keep(other)
        write(secret)

    monkeypatch.setattr(api, "write_secret", late)
    assert _keep(api).startswith("kept, ")
    other.client.rest_client.pool_manager.clear()
    assert trusted(cluster) == secret_entries(cluster)["ca.crt"]


def test_conflicts_without_end_end_it(api: CertificateApi, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(_: Any) -> None:
        raise Conflict(409, "Conflict", "somebody was quicker")

    monkeypatch.setattr(api, "write_secret", never)
    with pytest.raises(Conflict):
        _keep(api)


def test_before_the_installation_there_is_a_secret_and_no_configuration(
    cluster: KubernetesSimulator, api: CertificateApi
) -> None:
    cluster.delete("MutatingWebhookConfiguration", "", CONFIGURATION)
    assert _keep(api, replace(ORDER, may_be_missing=True)).endswith("clb-broker-agent is not there yet")
    assert secret_entries(cluster)["tls.crt"]
    with pytest.raises(ObjectMissing):
        _keep(api)


def test_without_a_configuration_only_the_secret_is_written(cluster: KubernetesSimulator, api: CertificateApi) -> None:
    assert _keep(api, replace(ORDER, configuration=None)).endswith("no configuration was to be told")
    assert trusted(cluster) is None


@pytest.mark.parametrize("broken", [{"tls.key": "not base64"}, {"tls.crt": ""}, {"ca.crt": "eA=="}])
def test_a_broken_secret_is_replaced_and_its_labels_stay(
    cluster: KubernetesSimulator, api: CertificateApi, broken: dict[str, str]
) -> None:
    _keep(api)
    cluster.patch("Secret", NAMESPACE, SECRET, {"metadata": {"labels": {"team": "edge"}}, "data": broken})
    assert _keep(api).startswith("made, because ")
    assert _keep(api).startswith("kept, ")
    found = cluster.get("Secret", NAMESPACE, SECRET)
    assert found is not None
    assert found["metadata"]["labels"] == {"team": "edge"}


@pytest.mark.parametrize(
    ("kind", "annotations", "told"),
    [
        ("Opaque", {}, "is of type Opaque"),
        ("kubernetes.io/tls", {"cert-manager.io/certificate-name": "webhook"}, "is kept by cert-manager"),
    ],
)
def test_a_secret_of_somebody_else_is_left_alone(
    cluster: KubernetesSimulator, api: CertificateApi, kind: str, annotations: dict[str, str], told: str
) -> None:
    metadata = {"name": SECRET, "namespace": NAMESPACE, "annotations": annotations}
    cluster.apply({"apiVersion": "v1", "kind": "Secret", "type": kind, "metadata": metadata, "data": {"a": "Yg=="}})
    with pytest.raises(NotOurs, match=told):
        _keep(api)
    found = cluster.get("Secret", NAMESPACE, SECRET)
    assert found is not None
    assert found["data"] == {"a": "Yg=="}


def test_webhooks_of_others_in_the_configuration_are_left_alone(
    cluster: KubernetesSimulator, api: CertificateApi
) -> None:
    other = configuration(name="other.example", clientConfig={"url": "https://other.example", "caBundle": "eA=="})
    whole = configuration()
    cluster.apply(whole | {"webhooks": other["webhooks"] + whole["webhooks"]})
    _keep(api)
    found = cluster.get("MutatingWebhookConfiguration", "", CONFIGURATION)
    assert found is not None
    bundles = {each["name"]: each["clientConfig"]["caBundle"] for each in found["webhooks"]}
    assert bundles.pop("other.example") == "eA=="
    assert [base64.b64decode(bundle) for bundle in bundles.values()] == [secret_entries(cluster)["ca.crt"]]
    cluster.patch("MutatingWebhookConfiguration", "", CONFIGURATION, {"webhooks": other["webhooks"]})
    with pytest.raises(NotOurs, match="no webhook at the Service clb-broker/webhook"):
        _keep(api)


def test_its_rights_are_exactly_those_that_it_uses(cluster: KubernetesSimulator, api: CertificateApi) -> None:
    _keep(api)
    _keep(api, now=NOW + timedelta(days=250))
    assert cluster.permissions.unused(TOKEN) == set()
    assert cluster.permissions.denied == []
    with pytest.raises(TokenRefused):
        _keep(api, replace(ORDER, secret="another"))


@pytest.mark.parametrize(
    ("names", "option"),
    [
        (("web hook", NAMESPACE, SECRET, CONFIGURATION), "--service"),
        ((SERVICE, "a/b", SECRET, CONFIGURATION), "--namespace"),
        ((SERVICE, NAMESPACE, "../x", CONFIGURATION), "--secret"),
        ((SERVICE, NAMESPACE, SECRET, "ü"), "--configuration"),
        (("x" * 64, NAMESPACE, SECRET, None), "--service"),
    ],
)
def test_what_is_no_name_is_refused_before_anything_is_asked(names: Any, option: str) -> None:
    with pytest.raises(SettingError, match=option):
        order_of(*names, 300, may_be_missing=False)
