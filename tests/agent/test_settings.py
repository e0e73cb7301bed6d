"""The agent's settings: every variable, its default, and one line that names it when it is wrong."""

from pathlib import Path
from typing import Any

import pytest

from app.agent import settings as module
from app.agent.settings import AgentSettings, WebhookSettings, read_agent_settings, read_webhook_settings
from app.domain.errors import SettingError

SECRET = "the-token-that-nobody-may-see"
NEEDED = {"AGENT_BROKER_URL": "https://broker.example/", "AGENT_CLUSTER_ID": "cls-1", "AGENT_TOKEN": SECRET}


def read(**named: str) -> AgentSettings:
    return read_agent_settings({f"CLB_BROKER_{name}": value for name, value in {**NEEDED, **named}.items()})


def test_three_settings_are_enough(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "NAMESPACE_FILE", str(tmp_path / "none"))
    assert read(AGENT_IDENTITY="me") == AgentSettings(
        broker_url="https://broker.example",
        cluster_id="cls-1",
        token=SECRET,
        token_file=None,
        ca_file=None,
        namespaces=(),
        cluster_cidrs=(),
        default_network_mode=None,
        snapshot_seconds=300,
        gather_milliseconds=50,
        lease_name="clb-broker-agent",
        lease_namespace="default",
        lease_seconds=15,
        identity="me",
        listen=None,
    )


@pytest.mark.parametrize(
    ("name", "value", "field", "expected"),
    [
        ("AGENT_NAMESPACES", "shop, bank,,shop", "namespaces", ("shop", "bank")),
        ("AGENT_CLUSTER_CIDRS", "172.16.0.0/16,10.0.0.0/8", "cluster_cidrs", ("172.16.0.0/16", "10.0.0.0/8")),
        ("AGENT_DEFAULT_NETWORK_MODE", "vpc-cni", "default_network_mode", "vpc-cni"),
        ("AGENT_SNAPSHOT_SECONDS", "60", "snapshot_seconds", 60),
        ("AGENT_GATHER_MILLISECONDS", "0", "gather_milliseconds", 0),
        ("AGENT_LEASE_NAME", "mine", "lease_name", "mine"),
        ("AGENT_LEASE_NAMESPACE", "clb", "lease_namespace", "clb"),
        ("AGENT_LEASE_SECONDS", "30", "lease_seconds", 30),
        ("AGENT_IDENTITY", "agent-0", "identity", "agent-0"),
        ("AGENT_LISTEN", "0.0.0.0:9090", "listen", "0.0.0.0:9090"),
    ],
)
def test_every_variable_is_read(name: str, value: str, field: str, expected: Any) -> None:
    assert getattr(read(**{name: value}), field) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AGENT_BROKER_URL", ""),
        ("AGENT_BROKER_URL", "broker.example"),
        ("AGENT_BROKER_URL", "https://broker.example/path"),
        ("AGENT_CLUSTER_ID", ""),
        ("AGENT_TOKEN", ""),
        ("AGENT_TOKEN_FILE", "/nowhere/token"),
        ("AGENT_CA_FILE", "/nowhere/ca.pem"),
        ("AGENT_CLUSTER_CIDRS", "172.16.0.0/16,house"),
        ("AGENT_CLUSTER_CIDRS", "172.16.0.1/16"),
        ("AGENT_CLUSTER_CIDRS", "fd00::/8"),
        ("AGENT_DEFAULT_NETWORK_MODE", "bridge"),
        ("AGENT_SNAPSHOT_SECONDS", "0"),
        ("AGENT_GATHER_MILLISECONDS", "51"),
        ("AGENT_LEASE_SECONDS", "2"),
        ("AGENT_LISTEN", "9090"),
    ],
)
def test_a_wrong_value_is_named_on_one_line_without_a_secret(name: str, value: str) -> None:
    with pytest.raises(SettingError) as raised:
        read(**{name: value})
    text = str(raised.value)
    assert text.startswith(f"CLB_BROKER_{name}: ")
    assert "\n" not in text
    assert SECRET not in text


def test_a_token_in_a_file_is_left_there(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(f"{SECRET}\n")
    settings = read(AGENT_TOKEN_FILE=str(path))
    assert (settings.token, settings.token_file) == (None, str(path))


def test_no_token_shows_when_settings_are_printed() -> None:
    settings = read()
    assert SECRET not in f"{settings!r}{settings}"
    assert settings.token == SECRET


def test_two_processes_of_one_host_are_not_the_same_agent() -> None:
    assert read().identity != read().identity


def test_the_lease_is_in_the_pod_s_own_namespace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "namespace"
    path.write_text("clb-system\n")
    monkeypatch.setattr(module, "NAMESPACE_FILE", str(path))
    assert read().lease_namespace == "clb-system"


def test_the_webhook_needs_a_certificate_and_its_key() -> None:
    files = {"CLB_BROKER_WEBHOOK_CERTIFICATE_FILE": "/tls/tls.crt", "CLB_BROKER_WEBHOOK_KEY_FILE": "/tls/tls.key"}
    assert read_webhook_settings(files) == WebhookSettings("127.0.0.1:9443", "/tls/tls.crt", "/tls/tls.key", 5, ())
    for missing in files:
        with pytest.raises(SettingError, match=missing):
            read_webhook_settings({name: value for name, value in files.items() if name != missing})
