"""What the webhook meets in a cluster: its configuration, its rights, and the Services and pods of others."""

import base64
from typing import Any

from app.agent.admission.exchange import INJECT_PATH
from app.agent.deciding.objects import DIRECT_ACCESS
from app.simulator.kubernetes.server import KubernetesSimulator

NAMESPACE, SERVICE, SECRET, CONFIGURATION = "clb-broker", "webhook", "webhook-certificate", "clb-broker-agent"

WEBHOOK_ROLE = {
    "kind": "ClusterRole",
    "metadata": {"name": "webhook"},
    "rules": [{"apiGroups": [""], "resources": ["services"], "verbs": ["list", "watch"]}],
}
CERTIFICATE_ROLES: list[dict[str, Any]] = [
    {
        "kind": "Role",
        "metadata": {"name": "certificate", "namespace": NAMESPACE},
        "rules": [
            {"apiGroups": [""], "resources": ["secrets"], "resourceNames": [SECRET], "verbs": ["get", "update"]},
            {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]},
        ],
    },
    {
        "kind": "ClusterRole",
        "metadata": {"name": "certificate"},
        "rules": [
            {
                "apiGroups": ["admissionregistration.k8s.io"],
                "resources": ["mutatingwebhookconfigurations"],
                "resourceNames": [CONFIGURATION],
                "verbs": ["get", "patch"],
            }
        ],
    },
]
"""As docs/operations.md has them."""


def configuration(**changes: Any) -> dict[str, Any]:
    """The configuration as the chart makes it."""
    webhook = {
        "name": "readiness-gate.clb-broker.io",
        "admissionReviewVersions": ["v1"],
        "clientConfig": {"service": {"namespace": NAMESPACE, "name": SERVICE, "path": INJECT_PATH, "port": 443}},
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
        "failurePolicy": "Ignore",
        "sideEffects": "None",
        "timeoutSeconds": 10,
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": CONFIGURATION},
        "webhooks": [webhook | changes],
    }


def direct_service(name: str = "web", namespace: str = "shop", **annotations: str) -> dict[str, Any]:
    """A Service with direct access that selects the pods of its name."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace, "annotations": {DIRECT_ACCESS: "true"} | annotations},
        "spec": {"type": "LoadBalancer", "selector": {"app": name}, "ports": [{"port": 80}]},
    }


def secret_entries(cluster: KubernetesSimulator) -> dict[str, bytes]:
    """What the webhook's Secret holds."""
    found = cluster.get("Secret", NAMESPACE, SECRET)
    assert found is not None
    return {name: base64.b64decode(text) for name, text in found["data"].items()}


def trusted(cluster: KubernetesSimulator) -> bytes | None:
    """The authorities that the configuration names."""
    found = cluster.get("MutatingWebhookConfiguration", "", CONFIGURATION)
    assert found is not None
    text = found["webhooks"][0]["clientConfig"].get("caBundle")
    return None if text is None else base64.b64decode(text)
