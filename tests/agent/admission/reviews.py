"""Reviews as an API server sends them."""

import json
from typing import Any

PODS = {"group": "", "version": "v1", "resource": "pods"}


def pod(app: str = "web", *, gates: Any = None, **metadata: Any) -> dict[str, Any]:
    """A pod that is being created."""
    spec: dict[str, Any] = {"containers": [{"name": "web", "image": "web:1"}]}
    if gates is not None:
        spec["readinessGates"] = gates
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web-1", "namespace": "shop", "labels": {"app": app}, **metadata},
        "spec": spec,
    }


def review_of(
    new: Any, *, kind: str = "AdmissionReview", version: str = "admission.k8s.io/v1", **request: Any
) -> bytes:
    """A review of the creation of ``new``."""
    whole = {
        "uid": "7c5f",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": PODS,
        "namespace": "shop",
        "operation": "CREATE",
        "userInfo": {"username": "system:serviceaccount:kube-system:replicaset-controller"},
        "object": new,
        "oldObject": None,
        "dryRun": False,
    } | request
    return json.dumps({"kind": kind, "apiVersion": version, "request": whole}).encode()
