"""Mutating webhooks are asked before a pod is stored; what they cannot answer is let pass, when they say so."""

import base64
import datetime
import http.server
import ipaddress
import json
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from kubernetes import client

from app.simulator.kubernetes.server import KubernetesSimulator
from tests.simulator.kubernetes.conftest import pod, refused

NAMES = ["webhook.system.svc", "127.0.0.1"]
GATE = [{"op": "add", "path": "/spec/readinessGates", "value": [{"conditionType": "example.com/gate"}]}]


class Webhook:
    """Answers every review with `response`, and keeps the reviews."""

    def __init__(self, certificate: Path) -> None:
        self.response: dict[str, Any] = {"allowed": True}
        self.reviews: list[Any] = []
        outer = self

        class Answering(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.reviews.append((self.path, review))
                response = {"uid": review["request"]["uid"], **outer.response}
                body = json.dumps({"kind": "AdmissionReview", "response": response}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Silent."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = int(self.server.server_address[1])


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "webhook")])
    today = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName(NAMES[0]), x509.IPAddress(ipaddress.ip_address(NAMES[1]))]
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("webhook") / "certificate.pem"
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(built.public_bytes(serialization.Encoding.PEM) + key.private_bytes(*form))
    return path


@pytest.fixture
def webhook(certificate: Path) -> Iterator[Webhook]:
    found = Webhook(certificate)
    thread = threading.Thread(target=found.server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()
    thread.join()


def register(cluster: KubernetesSimulator, certificate: Path, where: dict[str, Any], **more: Any) -> None:
    bundle = certificate.read_text().partition("-----BEGIN PRIVATE")[0]
    rule = {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}
    webhook = {
        "name": "gate.example.com",
        "clientConfig": {**where, "caBundle": base64.b64encode(bundle.encode()).decode()},
        "rules": [rule],
        **more,
    }
    cluster.apply(
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": "gate"},
            "webhooks": [webhook],
        }
    )


def gates(found: Any) -> list[str]:
    return [each.condition_type for each in found.spec.readiness_gates or ()]


def test_a_webhook_behind_a_service_changes_the_pod(
    cluster: KubernetesSimulator, core: client.CoreV1Api, webhook: Webhook, certificate: Path
) -> None:
    cluster.route("system", "webhook", "127.0.0.1", webhook.port)
    register(cluster, certificate, {"service": {"namespace": "system", "name": "webhook", "path": "/mutate"}})
    webhook.response |= {"patchType": "JSONPatch", "patch": base64.b64encode(json.dumps(GATE).encode()).decode()}
    assert gates(core.create_namespaced_pod("default", pod("a"))) == ["example.com/gate"]
    ((path, review),) = webhook.reviews
    assert (path, review["request"]["namespace"], review["request"]["operation"]) == ("/mutate", "default", "CREATE")


def test_a_webhook_can_refuse(
    cluster: KubernetesSimulator, core: client.CoreV1Api, webhook: Webhook, certificate: Path
) -> None:
    register(cluster, certificate, {"url": f"https://127.0.0.1:{webhook.port}/mutate"})
    webhook.response = {"allowed": False, "status": {"code": 400, "message": "no"}}
    assert refused(lambda: core.create_namespaced_pod("default", pod("a"))) == 400


@pytest.mark.parametrize(("policy", "status"), [("Ignore", 201), ("Fail", 500)])
def test_a_webhook_that_is_away_is_let_pass_only_when_it_says_so(
    cluster: KubernetesSimulator, core: client.CoreV1Api, certificate: Path, policy: str, status: int
) -> None:
    where = {"service": {"namespace": "system", "name": "nobody"}}
    register(cluster, certificate, where, failurePolicy=policy)
    if status == 201:
        assert gates(core.create_namespaced_pod("default", pod("a"))) == []
        assert "no endpoints available" in cluster.admission.failures[0]
    else:
        assert refused(lambda: core.create_namespaced_pod("default", pod("a"))) == status


def test_a_certificate_of_somebody_else_is_not_trusted(
    cluster: KubernetesSimulator, core: client.CoreV1Api, webhook: Webhook, certificate: Path
) -> None:
    cluster.route("system", "stranger", "127.0.0.1", webhook.port)
    where = {"service": {"namespace": "system", "name": "stranger"}}
    register(cluster, certificate, where, failurePolicy="Ignore")
    core.create_namespaced_pod("default", pod("a"))
    assert "CERTIFICATE_VERIFY_FAILED" in cluster.admission.failures[0]
    assert webhook.reviews == []


def test_selectors_say_which_pods_are_asked_about(
    cluster: KubernetesSimulator, core: client.CoreV1Api, webhook: Webhook, certificate: Path
) -> None:
    not_system = {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system"]}
    register(
        cluster,
        certificate,
        {"url": f"https://127.0.0.1:{webhook.port}/"},
        namespaceSelector={"matchExpressions": [not_system]},
        objectSelector={"matchLabels": {"app": "web"}},
    )
    core.create_namespaced_pod("kube-system", pod("a", "kube-system", labels={"app": "web"}))
    core.create_namespaced_pod("default", pod("b"))
    core.create_namespaced_pod("default", pod("c", labels={"app": "web"}))
    core.create_namespaced_config_map("default", {"metadata": {"name": "d", "labels": {"app": "web"}}})
    assert [review["request"]["name"] for _, review in webhook.reviews] == ["c"]
