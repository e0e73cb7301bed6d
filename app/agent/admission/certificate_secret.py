"""Keeps a self-signed certificate in a Secret, and its authority in the webhook's configuration.

Safe to run twice and by two at once: the Secret is written only if it is still as it was read, and whoever comes second
finds the first one's certificate good and keeps it.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from app.agent.admission.certificates import Certificate, KeySource, dns_names, fault, issue
from app.agent.errors import Conflict, ObjectMissing
from app.agent.kubernetes_api import STRATEGIC, Json, KubernetesApi, connect
from app.domain.errors import BrokerError, SettingError

TRIES: Final = 10
TLS: Final = "kubernetes.io/tls"
_AUTHORITIES, _CHAIN, _KEY = "ca.crt", "tls.crt", "tls.key"
_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_NAME: Final = re.compile(r"[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?")
_CONFIGURATIONS: Final = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"


class NotOurs(BrokerError):
    """A Secret or a configuration is not one to write a certificate into; the message says why."""


@dataclass(frozen=True, slots=True)
class Order:
    """For which Service a certificate is kept, for how many days it is made, and where.

    ``configuration`` None: only the Secret is written. ``may_be_missing``: a configuration that is not there is no
    error, since a hook before the installation runs before it is made.
    """

    service: str
    namespace: str
    secret: str
    configuration: str | None
    days: int
    may_be_missing: bool


class SystemKeys:
    """Keys and serial numbers by the system's chance."""

    def key(self) -> ec.EllipticCurvePrivateKey:
        """A new key on P-256."""
        return ec.generate_private_key(ec.SECP256R1())

    def serial(self) -> int:
        """A new serial number."""
        return x509.random_serial_number()


class CertificateApi(KubernetesApi):
    """The four calls that this needs; RBAC as in docs/operations.md."""

    def __init__(self) -> None:
        """Raises `SettingError` where no configuration for Kubernetes can be used."""
        super().__init__(connect(connections=1), may_write=lambda: True)

    def secret(self, namespace: str, name: str) -> Json | None:
        """The Secret, None when there is none. Raises `CallFailed`."""
        try:
            return self._json("GET", f"/api/v1/namespaces/{namespace}/secrets/{name}", [])
        except ObjectMissing:
            return None

    def write_secret(self, secret: Json) -> None:
        """Create it, or replace the version of it that was read. Raises `CallFailed`, `Conflict`."""
        metadata = secret["metadata"]
        path = f"/api/v1/namespaces/{metadata['namespace']}/secrets"
        if "resourceVersion" in metadata:
            self._json("PUT", f"{path}/{metadata['name']}", [], secret, "application/json")
        else:
            self._json("POST", path, [], secret, "application/json")

    def configuration(self, name: str) -> Json:
        """The MutatingWebhookConfiguration. Raises `CallFailed`, `ObjectMissing`."""
        return self._json("GET", f"{_CONFIGURATIONS}/{name}", [])

    def patch_configuration(self, name: str, changes: Json) -> None:
        """Change it by a strategic merge: webhooks are merged by their name. Raises `CallFailed`, `Conflict`."""
        self._json("PATCH", f"{_CONFIGURATIONS}/{name}", [], changes, STRATEGIC)


def order_of(
    service: str,
    namespace: str,
    secret: str,
    configuration: str | None,
    days: int,
    may_be_missing: bool,  # noqa: FBT001 (an option of the command line)
) -> Order:
    """An order by the names that the command line gives. Raises `SettingError` for what is no name."""
    for option, name, form in (
        ("--service", service, _LABEL),
        ("--namespace", namespace, _LABEL),
        ("--secret", secret, _NAME),
        ("--configuration", configuration or "none", _NAME),
    ):
        if not form.fullmatch(name):
            raise SettingError(f"{option}: {name!r} is not a name in Kubernetes")
    return Order(service, namespace, secret, configuration or None, days, may_be_missing)


def keep_certificate(
    api: CertificateApi, order: Order, source: KeySource, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> str:
    """See to it that the Secret has a good certificate and that the configuration trusts it; what was done, for people.

    Raises `NotOurs`, `CallFailed`; `Conflict` where others write all the time.
    """
    for _ in range(TRIES - 1):
        try:
            return _keep(api, order, clock(), source)
        except Conflict:
            continue  # somebody was quicker: what they wrote is read and judged
    return _keep(api, order, clock(), source)


def _keep(api: CertificateApi, order: Order, now: datetime, source: KeySource) -> str:
    secret = api.secret(order.namespace, order.secret)
    names = dns_names(order.service, order.namespace)
    found = _certificate(secret, order)
    why = fault(found, names, now)
    if why is None:
        return f"kept, {_trust(api, order, found.authorities)}"
    made = issue(names, now, order.days, source, found.authorities)
    # Trusted before it is served. The authority of the one that is served until then is among these.
    _trust(api, order, made.authorities)
    api.write_secret(_secret(secret, order, made))
    return f"made, because {why}, for {names[0]} and {order.days} days, {_trust(api, order, made.authorities)}"


def _certificate(secret: Json | None, order: Order) -> Certificate:
    """What is in the Secret, empty where there is nothing. Raises `NotOurs`."""
    if secret is None:
        return Certificate(b"", b"", b"")
    name = f"Secret {order.namespace}/{order.secret}"
    if secret.get("type") != TLS:
        raise NotOurs(f"{name} is of type {secret.get('type')}, not {TLS}, and a Secret's type cannot be changed")
    if "cert-manager.io/certificate-name" in ((secret.get("metadata") or {}).get("annotations") or {}):
        raise NotOurs(f"{name} is kept by cert-manager")
    entries = secret.get("data") or {}
    return Certificate(_decoded(entries, _AUTHORITIES), _decoded(entries, _CHAIN), _decoded(entries, _KEY))


def _secret(found: Json | None, order: Order, made: Certificate) -> Json:
    fresh = {"metadata": {"name": order.secret, "namespace": order.namespace}, "type": TLS}
    entries = {_AUTHORITIES: made.authorities, _CHAIN: made.chain, _KEY: made.key}
    encoded = {name: base64.b64encode(content).decode() for name, content in entries.items()}
    return {"apiVersion": "v1", "kind": "Secret", **(found or fresh), "data": encoded}


def _trust(api: CertificateApi, order: Order, authorities: bytes) -> str:
    """See to it that the configuration names ``authorities``; what is so then, for people."""
    if order.configuration is None:
        return "no configuration was to be told"
    name = f"MutatingWebhookConfiguration {order.configuration}"
    try:
        configuration = api.configuration(order.configuration)
    except ObjectMissing:
        if order.may_be_missing:
            return f"{name} is not there yet"
        raise
    bundle = base64.b64encode(authorities).decode()
    ours = [each for each in configuration.get("webhooks") or () if _calls(each, order)]
    if not ours:
        service = f"{order.namespace}/{order.service}"
        raise NotOurs(f"{name} has no webhook at the Service {service}")
    old = [each["name"] for each in ours if each["clientConfig"].get("caBundle") != bundle]
    if old:
        version = configuration["metadata"]["resourceVersion"]
        webhooks = [{"name": name, "clientConfig": {"caBundle": bundle}} for name in old]
        api.patch_configuration(order.configuration, {"metadata": {"resourceVersion": version}, "webhooks": webhooks})
    return f"{name} trusts it"


def _calls(webhook: Mapping[str, Any], order: Order) -> bool:
    service = (webhook.get("clientConfig") or {}).get("service") or {}
    return (service.get("namespace"), service.get("name")) == (order.namespace, order.service)


def _decoded(entries: Mapping[str, str], name: str) -> bytes:
    try:
        return base64.b64decode(entries.get(name, ""))
    except binascii.Error:
        return b""
