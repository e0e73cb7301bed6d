"""The settings of the two verbs that run in a cluster, `agent` and `webhook`, read once from the environment."""

import ipaddress
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from app.domain.errors import SettingError
from app.environment import PREFIX, Reader, address, read_secret, service_url

NAMESPACE_FILE: Final = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"
"""Where a pod finds the name of its own namespace (Kubernetes, "Accessing the API from a Pod")."""

NETWORK_MODES: Final = ("vpc-cni", "global-router")


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """The agent's settings; names in the environment are these in capitals with the prefix ``CLB_BROKER_AGENT_``.

    ``broker_url``           where the broker's API is, e.g. ``https://clb-broker.example``
    ``cluster_id``           the id under which the broker knows this cluster
    ``token``                the agent's bearer token, as it was at start; None where ``token_file`` has it
    ``token_file``           the file it stands in, read again when it changes, as projected tokens do
    ``ca_file``              the authorities that sign the broker's certificate; None: the system's
    ``namespaces``           namespaces to work for; none: all
    ``cluster_cidrs``        the cluster's CIDRs for pods under GlobalRouter: the strongest sign of a pod's network mode
    ``default_network_mode`` the mode of pods that show no sign of theirs; None: they are not bound
    ``snapshot_seconds``     how often the full truth about every Service is told
    ``gather_milliseconds``  how long changes may wait for others to share a request with
    ``lease_name``           the Lease by which one of several agents leads
    ``lease_namespace``      where it is
    ``lease_seconds``        how long a leader that died keeps the others waiting
    ``identity``             this process among the cluster's agents; no restart repeats it
    ``listen``               address of ``/livez``, ``/readyz`` and ``/metrics``, ``HOST:PORT``; None: it has none
    """

    broker_url: str
    cluster_id: str
    token: str | None = field(repr=False)
    token_file: str | None
    ca_file: str | None
    namespaces: tuple[str, ...]
    cluster_cidrs: tuple[str, ...]
    default_network_mode: str | None
    snapshot_seconds: int
    gather_milliseconds: int
    lease_name: str
    lease_namespace: str
    lease_seconds: int
    identity: str
    listen: str | None


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """The admission webhook's settings, with the prefix ``CLB_BROKER_WEBHOOK_``, but ``namespaces``, the agent's.

    ``listen``           its address, ``HOST:PORT``
    ``certificate_file`` its certificate with the chain, in PEM; read again when it changes
    ``key_file``         the certificate's private key
    ``drain_seconds``    how long it goes on answering after it was told to end, until no API server asks it any more
    ``namespaces``       namespaces that the agent works for; none: all. Elsewhere nobody would set a gate to True
    """

    listen: str
    certificate_file: str
    key_file: str
    drain_seconds: int
    namespaces: tuple[str, ...]


def read_agent_settings(environment: Mapping[str, str] | None = None) -> AgentSettings:
    """The settings in ``environment`` (None: the process's own). Raises `SettingError`, which names the wrong one."""
    reader = Reader(environment)
    token_file = reader.text("AGENT_TOKEN_FILE")
    token = None if token_file else reader.needed("AGENT_TOKEN")
    if token_file:
        read_secret(token_file, f"{PREFIX}AGENT_TOKEN_FILE")
    return AgentSettings(
        broker_url=_broker_url(reader),
        cluster_id=reader.needed("AGENT_CLUSTER_ID"),
        token=token,
        token_file=token_file,
        ca_file=_readable(reader.text("AGENT_CA_FILE"), "AGENT_CA_FILE"),
        namespaces=reader.names("AGENT_NAMESPACES"),
        cluster_cidrs=_networks(reader.names("AGENT_CLUSTER_CIDRS"), "AGENT_CLUSTER_CIDRS"),
        default_network_mode=_network_mode(reader.text("AGENT_DEFAULT_NETWORK_MODE")),
        snapshot_seconds=reader.number("AGENT_SNAPSHOT_SECONDS", 300, 5, 86400),
        gather_milliseconds=reader.number("AGENT_GATHER_MILLISECONDS", 50, 0, 50),
        lease_name=reader.text("AGENT_LEASE_NAME") or "clb-broker-agent",
        lease_namespace=reader.text("AGENT_LEASE_NAMESPACE") or own_namespace(),
        lease_seconds=reader.number("AGENT_LEASE_SECONDS", 15, 3, 600),
        identity=reader.text("AGENT_IDENTITY") or f"{socket.gethostname()}-{secrets.token_hex(4)}",
        listen=address(where, "AGENT_LISTEN") if (where := reader.text("AGENT_LISTEN")) else None,
    )


def read_webhook_settings(environment: Mapping[str, str] | None = None) -> WebhookSettings:
    """The settings in ``environment`` (None: the process's own). Raises `SettingError`, which names the wrong one."""
    reader = Reader(environment)
    return WebhookSettings(
        listen=address(reader.text("WEBHOOK_LISTEN") or "127.0.0.1:9443", "WEBHOOK_LISTEN"),
        certificate_file=reader.needed("WEBHOOK_CERTIFICATE_FILE"),
        key_file=reader.needed("WEBHOOK_KEY_FILE"),
        drain_seconds=reader.number("WEBHOOK_DRAIN_SECONDS", 5, 0, 300),
        namespaces=reader.names("AGENT_NAMESPACES"),
    )


def own_namespace() -> str:
    """The namespace that this pod is in; ``default`` outside of a cluster."""
    try:
        return Path(NAMESPACE_FILE).read_text(encoding="utf-8").strip() or "default"
    except OSError:
        return "default"


def _broker_url(reader: Reader) -> str:
    name = "AGENT_BROKER_URL"
    url = service_url(reader.needed(name), f"{PREFIX}{name}")
    return str(url).rstrip("/")


def _readable(path: str | None, name: str) -> str | None:
    if path is not None:
        read_secret(path, f"{PREFIX}{name}")
    return path


def _networks(listed: tuple[str, ...], name: str) -> tuple[str, ...]:
    for each in listed:
        try:
            ipaddress.IPv4Network(each)
        except ValueError as error:
            raise SettingError(f"{PREFIX}{name}: {each!r} is not an IPv4 network like 172.16.0.0/16") from error
    return listed


def _network_mode(text: str | None) -> str | None:
    if text is not None and text not in NETWORK_MODES:
        raise SettingError(f"{PREFIX}AGENT_DEFAULT_NETWORK_MODE: {text!r} is not one of {', '.join(NETWORK_MODES)}")
    return text
