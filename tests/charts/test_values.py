"""Values: what is refused, what is described, and that the settings and the charts know the same variables."""

import copy
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import helm_python
import pytest
import yaml

from app.agent.settings import read_agent_settings, read_webhook_settings
from app.domain.errors import SettingError
from app.settings import read_settings
from tests.charts.rendering import (
    CHARTS,
    HOUSE,
    NAMESPACE,
    VALUES,
    Rendering,
    chart,
    environment,
    rendering,
    renderings,
    values_of,
)

LEAVES = {"resources", "labels"}
"""Mappings that are one value: what is in them is not the chart's."""


class Asked(dict[str, str]):
    """An environment that remembers what it was asked for."""

    def __init__(self, given: Mapping[str, str]) -> None:
        super().__init__(given)
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return super().get(name, default)


def asked(read: Callable[[Mapping[str, str]], Any], **given: str) -> set[str]:
    remembering = Asked({f"CLB_BROKER_{name}": value for name, value in given.items()})
    read(remembering)
    return remembering.names


BROKER_VARIABLES = asked(read_settings)
AGENT_VARIABLES = asked(
    read_agent_settings, AGENT_BROKER_URL="http://broker", AGENT_CLUSTER_ID="cls-a", AGENT_TOKEN="token"
) | asked(read_webhook_settings, WEBHOOK_CERTIFICATE_FILE="tls.crt", WEBHOOK_KEY_FILE="tls.key")

NOT_BY_THE_CHARTS = {
    "clb-broker": {
        "CLB_BROKER_DATA_DIR": "the image has no embedded Postgres",
        "CLB_BROKER_ADMIN_TOKEN": "secrets are mounted as files",
        "CLB_BROKER_TENCENT_SECRET_ID": "secrets are mounted as files",
        "CLB_BROKER_TENCENT_SECRET_KEY": "secrets are mounted as files",
    },
    "clb-broker-agent": {
        "CLB_BROKER_AGENT_TOKEN": "secrets are mounted as files",
    },
}
KNOWN = {"clb-broker": BROKER_VARIABLES, "clb-broker-agent": AGENT_VARIABLES}


@pytest.mark.parametrize("name", CHARTS)
def test_charts_and_settings_know_the_same_variables(name: str) -> None:
    rendered = {variable for found in renderings(name) for variable in found.variables()}
    assert len(rendered) > 10
    assert rendered == KNOWN[name] - set(NOT_BY_THE_CHARTS[name])


@pytest.mark.parametrize("found", renderings(), ids=str)
def test_the_values_in_manifests_are_ones_that_the_settings_take(found: Rendering) -> None:
    for each, _, container in found.containers():
        # Files are not there in a test: that they are mounted is another one.
        given = {name: value for name, value in environment(container).items() if not name.endswith("_FILE")}
        component = each["metadata"]["labels"]["app.kubernetes.io/component"]
        if component == "agent":
            settings = read_agent_settings({**given, "CLB_BROKER_AGENT_TOKEN": "token"})
            assert settings.namespaces == tuple(values_of(found.chart, found.values).get("namespaces", ()))
        elif component == "webhook":
            files = {f"CLB_BROKER_WEBHOOK_{which}_FILE": which for which in ("CERTIFICATE", "KEY")}
            assert read_webhook_settings({**given, **files}).listen.rpartition(":")[0] in {"0.0.0.0", "[::]"}
        else:
            read_settings(given)


def test_defaults_of_the_charts_are_those_of_the_settings() -> None:
    named = {snake(name): value for name, value in _values("clb-broker")["settings"].items()}
    calls = named.pop("calls_per_second")
    plain = read_settings({"CLB_BROKER_TENCENT_SECRET_ID": "id", "CLB_BROKER_TENCENT_SECRET_KEY": "key"})
    assert named == {name: getattr(plain, name) for name in named}
    assert plain.accounts["default"].calls_per_second == calls
    agent = read_agent_settings(
        {f"CLB_BROKER_AGENT_{name}": "http://broker" for name in ("BROKER_URL", "CLUSTER_ID", "TOKEN")}
    )
    settings = _values("clb-broker-agent")["settings"]
    assert settings == {
        "snapshotSeconds": agent.snapshot_seconds,
        "gatherMilliseconds": agent.gather_milliseconds,
        "leaseSeconds": agent.lease_seconds,
    }


def snake(name: str) -> str:
    return re.sub("([A-Z])", r"_\1", name).lower()


BOUNDS = [
    (name, key, f"{prefix}{snake(key).upper()}")
    for name, prefix in (("clb-broker", "CLB_BROKER_"), ("clb-broker-agent", "CLB_BROKER_AGENT_"))
    for key in yaml.safe_load((HOUSE / "helm" / name / "values.yaml").read_text())["settings"]
]


@pytest.mark.parametrize(("name", "key", "variable"), BOUNDS)
def test_a_number_is_taken_by_the_chart_exactly_where_the_settings_take_it(name: str, key: str, variable: str) -> None:
    bounds = chart(name).schema["properties"]["settings"]["properties"][key]  # type: ignore[index]
    base = {f"CLB_BROKER_AGENT_{each}": "http://broker" for each in ("BROKER_URL", "CLUSTER_ID", "TOKEN")}
    read = read_settings if name == "clb-broker" else read_agent_settings
    for good in (bounds["minimum"], bounds["maximum"]):
        read({**base, variable: str(good)})
    for bad in (bounds["minimum"] - 1, bounds["maximum"] + 1):
        with pytest.raises(SettingError, match=variable):
            read({**base, variable: str(bad)})


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("clb-broker", {"replicas": 3}, "'replicas' not allowed"),
    ("clb-broker", {"api": {"replica": 3}}, "'replica' not allowed"),
    ("clb-broker", {"api": {"replicas": "3"}}, "/api/replicas"),
    ("clb-broker", {"api": {"replicas": -1}}, "/api/replicas"),
    ("clb-broker", {"api": {"port": 80}}, "/api/port"),
    ("clb-broker", {"api": {"resources": {"request": {}}}}, "/api/resources"),
    ("clb-broker", {"api": {"podLabels": {"a": 1}}}, "/api/podLabels/a"),
    ("clb-broker", {"api": {"tolerations": [{"effect": "Never"}]}}, "/api/tolerations/0/effect"),
    ("clb-broker", {"api": {"podDisruptionBudget": {"maxUnavailable": "101%"}}}, "/api/podDisruptionBudget"),
    ("clb-broker", {"worker": {"topologySpread": [{"topologyKey": "zone"}]}}, "/worker/topologySpread/0"),
    ("clb-broker", {"worker": {"parts": []}}, "/worker/parts"),
    ("clb-broker", {"worker": {"parts": None}}, "/worker"),
    ("clb-broker", {"worker": {"parts": ["passes"]}}, "/worker/parts"),
    ("clb-broker", {"worker": {"parts": ["all-but-passes"]}}, "/worker/parts"),
    ("clb-broker", {"worker": {"parts": ["all", "passes"]}}, "/worker/parts"),
    ("clb-broker", {"worker": {"parts": ["passes", "passes"]}}, "/worker/parts"),
    ("clb-broker", {"worker": {"parts": ["sweeps"]}}, "/worker/parts"),
    ("clb-broker", {"worker": {"metricsPort": 65535}}, "/worker/metricsPort"),
    ("clb-broker", {"image": {"digest": "sha256:abc"}}, "/image/digest"),
    ("clb-broker", {"image": {"tag": "a:b"}}, "/image/tag"),
    ("clb-broker", {"image": {"repository": "registry.example.com/clb-broker@sha256:a"}}, "/image/repository"),
    ("clb-broker", {"image": {"pullPolicy": "Sometimes"}}, "/image/pullPolicy"),
    ("clb-broker", {"database": {"url": "postgresql://user:secret@host/name"}}, "'url' not allowed"),
    ("clb-broker", {"database": {"secretName": ""}}, "/database/secretName"),
    ("clb-broker", {"administrator": {"token": "secret"}}, "'token' not allowed"),
    ("clb-broker", {"cloud": {"credential": {"secretKey": "secret"}}}, "'secretKey' not allowed"),
    ("clb-broker", {"cloud": {"credential": {"secretName": ""}}}, "/cloud/credential/secretName"),
    ("clb-broker", {"cloud": {"accounts": {"games": {}}}}, "/cloud/accounts/games"),
    (
        "clb-broker",
        {"cloud": {"accounts": {"games": {"secretName": "g", "secretId": "AKID"}}}},
        "'secretId' not allowed",
    ),
    ("clb-broker", {"cloud": {"accounts": {"Games_1": {"secretName": "g"}}}}, "invalid propertyName 'Games_1'"),
    ("clb-broker", {"cloud": {"accounts": {"default": {"secretName": "g"}}}}, "cloud.credential"),
    ("clb-broker", {"cloud": {"endpoint": "simulator:9900"}}, "/cloud/endpoint"),
    ("clb-broker", {"bindAddress": "::"}, "/bindAddress"),
    ("clb-broker", {"service": {"type": "ExternalName"}}, "/service/type"),
    ("clb-broker", {"ingress": {"enabled": True}}, "/ingress/hosts"),
    ("clb-broker", {"ingress": {"paths": ["v1"]}}, "/ingress/paths/0"),
    ("clb-broker", {"networkPolicy": {"callers": {"cidrs": ["10.0.0.1"]}}}, "/networkPolicy/callers/cidrs/0"),
    ("clb-broker", {"networkPolicy": {"callers": {"namespaces": ["Agents"]}}}, "/networkPolicy/callers/namespaces/0"),
    ("clb-broker", {"monitoring": {"podMonitor": {"interval": "often"}}}, "/monitoring/podMonitor/interval"),
    ("clb-broker", {"fullnameOverride": "a" * 41}, "/fullnameOverride"),
    ("clb-broker-agent", {"clusterId": ""}, "/clusterId"),
    ("clb-broker-agent", {"clusterId": "cls a"}, "/clusterId"),
    ("clb-broker-agent", {"broker": {"url": "broker.example.com"}}, "/broker/url"),
    ("clb-broker-agent", {"broker": {"url": "https://broker.example.com/v1"}}, "/broker/url"),
    ("clb-broker-agent", {"broker": {"token": {"value": "secret"}}}, "'value' not allowed"),
    ("clb-broker-agent", {"broker": {"token": {"source": "none"}}}, "/broker/token/source"),
    ("clb-broker-agent", {"broker": {"token": {"secretName": ""}}}, "/broker/token/secretName"),
    ("clb-broker-agent", {"broker": {"token": {"expirationSeconds": 60}}}, "/broker/token/expirationSeconds"),
    ("clb-broker-agent", {"namespaces": "shop"}, "/namespaces"),
    ("clb-broker-agent", {"namespaces": ["shop", "shop"]}, "/namespaces"),
    ("clb-broker-agent", {"clusterCidrs": ["172.16.0.0"]}, "/clusterCidrs/0"),
    ("clb-broker-agent", {"defaultNetworkMode": "overlay"}, "/defaultNetworkMode"),
    ("clb-broker-agent", {"webhook": {"failurePolicy": "Retry"}}, "/webhook/failurePolicy"),
    ("clb-broker-agent", {"webhook": {"timeoutSeconds": 30}}, "/webhook/timeoutSeconds"),
    ("clb-broker-agent", {"webhook": {"objectSelector": {"matchLabel": {}}}}, "'matchLabel' not allowed"),
    ("clb-broker-agent", {"webhook": {"certificate": {"source": "vault"}}}, "/webhook/certificate/source"),
    ("clb-broker-agent", {"webhook": {"certificate": {"source": "secret"}}}, "/webhook/certificate/secretName"),
    ("clb-broker-agent", {"webhook": {"certificate": {"caBundle": "no PEM"}}}, "/webhook/certificate/caBundle"),
    (
        "clb-broker-agent",
        {"webhook": {"certificate": {"issuerRef": {"kind": "Issuer"}}}},
        "/webhook/certificate/issuerRef",
    ),
    ("clb-broker-agent", {"webhook": {"drainSeconds": 30}}, "webhook.terminationGracePeriodSeconds"),
    ("clb-broker-agent", {"networkPolicy": {"broker": {"ports": []}}}, "/networkPolicy/broker/ports"),
]


@pytest.mark.parametrize(
    ("name", "wrong", "said"), REFUSED, ids=[f"{name} {json.dumps(wrong)}" for name, wrong, _ in REFUSED]
)
def test_wrong_values_are_refused_by_name(name: str, wrong: dict[str, Any], said: str) -> None:
    base = {} if name == "clb-broker" else {"clusterId": "cls-shop"}
    with pytest.raises(helm_python.HelmError, match=re.escape(said)):
        chart(name).render({**base, **wrong}, name="blue", namespace="releases")


def test_the_agent_s_chart_alone_says_which_value_it_needs() -> None:
    with pytest.raises(helm_python.HelmValuesError, match="/clusterId"):
        chart("clb-broker-agent").render({}, name="blue", namespace="releases")


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_may_be_another_s_part(name: str) -> None:
    values = {**values_of(name, VALUES[name][0]), "global": {"region": "ap-guangzhou"}}
    rendered = chart(name).render(values, name="blue", namespace=NAMESPACE)
    assert rendered == rendering(name, VALUES[name][0]).texts


@pytest.mark.parametrize("name", CHARTS)
def test_the_schema_lets_nothing_unnamed_in(name: str) -> None:
    schema = chart(name).schema
    assert schema is not None
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    open_objects = [
        path for path, each in _objects_with_properties(schema, "") if each.get("additionalProperties") is not False
    ]
    assert open_objects == []


@pytest.mark.parametrize("name", CHARTS)
def test_every_value_is_in_the_readme_and_nothing_else_is(name: str) -> None:
    text = (HOUSE / "helm" / name / "README.md").read_text()
    rows = re.findall(r"^\| `([A-Za-z.]+)` \| (.+?) \| .+ \|$", text, re.MULTILINE)
    expected = {path: _shown(value) for path, value in _leaves(_values(name))}
    assert len(expected) > 60
    assert dict(rows) == expected
    assert len(rows) == len(expected)


def _shown(value: Any) -> str:
    return "none" if value in ("", [], {}) else f"`{json.dumps(value) if not isinstance(value, str) else value}`"


def _values(name: str) -> dict[str, Any]:
    return copy.deepcopy(yaml.safe_load((HOUSE / "helm" / name / "values.yaml").read_text()))


def _leaves(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict) and value and key not in LEAVES:
            yield from _leaves(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def _objects_with_properties(schema: Any, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if not isinstance(schema, dict):
        return
    if schema.get("type") == "object" and "properties" in schema:
        yield path, schema
    for key, value in schema.items():
        if key not in {"if", "then", "anyOf"}:
            yield from _objects_with_properties(value, f"{path}/{key}")
