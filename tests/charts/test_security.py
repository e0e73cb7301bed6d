"""Restricted pods, no secret anywhere, and nobody with more rights than are documented."""

import re
from typing import Any

import pytest

from tests.charts.rendering import (
    CHARTS,
    HOUSE,
    NAMESPACE,
    VALUES,
    Object,
    Rendering,
    component_of,
    environment,
    rendering,
    renderings,
)

ALL = pytest.mark.parametrize("found", renderings(), ids=str)
AGENTS = pytest.mark.parametrize("found", renderings("clb-broker-agent"), ids=str)
ALLOWED_VOLUMES = {"configMap", "emptyDir", "persistentVolumeClaim", "projected", "secret"}


@ALL
def test_every_pod_keeps_to_the_restricted_standard(found: Rendering) -> None:
    """Kubernetes, "Pod Security Standards", restricted, rule by rule, and a root file system that is only read."""
    for _, pod in found.pods():
        spec, context = pod["spec"], pod["spec"]["securityContext"]
        assert not any(spec.get(name) for name in ("hostNetwork", "hostPID", "hostIPC", "initContainers", "hostUsers"))
        assert context["runAsNonRoot"] is True
        assert context["runAsUser"] > 0
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert set(context) <= {
            "runAsNonRoot",
            "runAsUser",
            "runAsGroup",
            "fsGroup",
            "fsGroupChangePolicy",
            "seccompProfile",
        }
        assert {key for volume in spec["volumes"] for key in volume} - {"name"} <= ALLOWED_VOLUMES
    for _, _, container in found.containers():
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert not any("hostPort" in port for port in container.get("ports", []))
        writable = [mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")]
        assert set(writable) - {"/var/lib/clb-broker/checkpoints"} == {"/tmp"}


@ALL
def test_every_pod_says_what_it_needs_and_is_asked_how_it_is(found: Rendering) -> None:
    for each, _, container in found.containers():
        resources = container["resources"]
        assert {"cpu", "memory"} <= set(resources["requests"])
        assert "memory" in resources["limits"]
        probes = {name: container[name]["httpGet"]["path"] for name in container if name.endswith("Probe")}
        if each["kind"] == "Job":
            assert each["spec"]["activeDeadlineSeconds"] <= 900
            assert probes == {}
        else:
            ready = "/livez" if component_of(each) == "worker" else "/readyz"
            assert probes == {"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": ready}


@ALL
def test_only_the_agent_s_chart_hands_out_kubernetes_tokens(found: Rendering) -> None:
    speaks = found.chart == "clb-broker-agent"
    for _, pod in found.pods():
        assert pod["spec"]["automountServiceAccountToken"] is speaks
    for each in found.of("ServiceAccount"):
        assert each["automountServiceAccountToken"] is False


@ALL
def test_no_manifest_has_a_secret_in_it(found: Rendering) -> None:
    assert found.of("Secret") == []
    for _, _, container in found.containers():
        assert "envFrom" not in container
        for name in environment(container):
            assert name.endswith("_FILE") or not re.search("TOKEN|SECRET|PASSWORD|DATABASE|KEY$", name), name
        for variable in container.get("env", []):
            assert set(variable) == {"name", "value"} or set(variable["valueFrom"]) <= {"secretKeyRef", "fieldRef"}
    for each in found.of("ConfigMap"):
        assert not re.search("password|secret_id:|secret_key:|AKID|token:", str(each["data"]))


@pytest.mark.parametrize("name", CHARTS)
def test_no_value_has_a_place_for_a_secret(name: str) -> None:
    """Values about secrets are names, and keys within them; the chart's own text says which."""
    text = (HOUSE / "helm" / name / "values.yaml").read_text()
    about = re.findall(r"^\s*(\w*(?:[sS]ecret|[tT]oken|[pP]assword|[cC]redential)\w*):", text, re.MULTILINE)
    assert set(about) <= {
        "secretName",
        "secretKey",
        "sealKeySecretName",
        "caSecretName",
        "caSecretKey",
        "secretIdKey",
        "secretKeyKey",
        "imagePullSecrets",
        "credential",
        "token",
    }


@pytest.mark.parametrize("values", VALUES["clb-broker"])
def test_cloud_credentials_are_in_workers_alone_and_the_administrator_s_token_in_the_api_alone(values: str) -> None:
    found = rendering("clb-broker", values)
    secrets = {component_of(each): _secrets(pod) for each, pod in found.pods()}
    credentials = {
        name for names in secrets.values() for name in names if name.startswith(("cloud-", "clb-broker-cloud"))
    }
    assert credentials
    assert [component for component, names in secrets.items() if names & credentials] == ["worker"]
    assert credentials <= secrets["worker"]
    assert {component for component, names in secrets.items() if "administrator" in names} <= {"api"}
    assert ("administrator" in secrets["api"]) == (values == "full")


@AGENTS
def test_the_agent_holds_no_cloud_credential_and_its_token_is_a_file(found: Rendering) -> None:
    agent = found.one("Deployment", "agent")["spec"]["template"]
    (token,) = [volume for volume in agent["spec"]["volumes"] if volume["name"] == "token"]
    if found.values == "full":
        (source,) = token["projected"]["sources"]
        assert source["serviceAccountToken"] == {
            "audience": "broker.example.com",
            "expirationSeconds": 7200,
            "path": "token",
        }
    else:
        assert token["secret"]["secretName"] == "clb-broker-agent-token"
    (container,) = agent["spec"]["containers"]
    assert environment(container)["CLB_BROKER_AGENT_TOKEN_FILE"] == "/etc/clb-broker/token/token"


@AGENTS
def test_rights_are_exactly_the_documented_ones(found: Rendering) -> None:
    assert rights_of(found) == documented(found)


def test_the_documented_rights_are_those_of_every_verb() -> None:
    table = _table()
    assert {row[0] for row in table} == {"agent", "webhook", "certificate"}
    assert not any("*" in cell for row in table for cell in row)
    assert {verb for row in table for verb in row[2].split(", ")} == {
        "get",
        "list",
        "watch",
        "create",
        "update",
        "patch",
    }


@AGENTS
def test_no_rule_joins_what_was_not_meant_to_be_joined(found: Rendering) -> None:
    for each in found.of("Role", "ClusterRole"):
        for rule in each["rules"]:
            assert set(rule) <= {"apiGroups", "resources", "resourceNames", "verbs"}
            # The names of what is not there yet cannot be known: such a rule would never hold.
            assert not ("resourceNames" in rule and {"create", "list", "watch"} & set(rule["verbs"]))
    for each in found.of("ClusterRole"):
        given = [rule for rule in each["rules"] if "resourceNames" not in rule]
        assert not any({"secrets", "configmaps", "leases"} & set(rule["resources"]) for rule in given)


@AGENTS
def test_the_webhook_never_stands_in_the_way(found: Rendering) -> None:
    for each in found.of("MutatingWebhookConfiguration"):
        (webhook,) = each["webhooks"]
        assert webhook["failurePolicy"] == "Ignore"
        assert webhook["timeoutSeconds"] <= 3
        assert webhook["sideEffects"] == "None"
        assert [rule["operations"] for rule in webhook["rules"]] == [["CREATE"]]
        excluded, *others = webhook["namespaceSelector"]["matchExpressions"]
        assert (excluded["key"], excluded["operator"]) == ("kubernetes.io/metadata.name", "NotIn")
        assert NAMESPACE in excluded["values"]
        named = [other["values"] for other in others if other["key"] == excluded["key"]]
        assert named == ([["shop", "pay"]] if found.values == "full" else [])
        assert found.values == "full" or "kube-system" in excluded["values"]


@pytest.mark.parametrize("values", ["default", "full"])
def test_the_network_policies_let_in_and_out_what_is_needed_and_no_more(values: str) -> None:
    found = rendering("clb-broker", values)
    rules = {component_of(each): each["spec"] for each in found.of("NetworkPolicy")}
    dns = {53}
    ledger, cloud = ({5433}, {443, 9900}) if values == "full" else ({5432}, {443})
    assert {name: _ports(spec["egress"]) for name, spec in rules.items()} == {
        "api": dns | ledger,
        "worker": dns | ledger | cloud,
        "migration": dns | ledger,
    }
    assert rules["migration"]["ingress"] == []
    callers = rules["api"]["ingress"][0].get("from")
    watchers = [rule["from"] for rule in rules["worker"]["ingress"]]
    if values == "default":
        assert (callers, watchers) == (None, [])
    else:
        assert callers == [_namespace("agents"), _namespace("monitoring"), {"ipBlock": {"cidr": "10.0.0.0/8"}}]
        assert watchers == [[_namespace("monitoring")]]


def rights_of(found: Rendering) -> set[tuple[str, str, str, str, str, str]]:
    """Component, where, API group, resource, name (or empty) and verb of every right that is given."""
    rights = set()
    for each in found.of("Role", "ClusterRole"):
        where = each["metadata"].get("namespace", "all")
        for rule in each["rules"]:
            for group in rule["apiGroups"]:
                for resource in rule["resources"]:
                    for name in rule.get("resourceNames", [""]):
                        rights |= {(component_of(each), where, group, resource, name, verb) for verb in rule["verbs"]}
    return rights


def documented(found: Rendering) -> set[tuple[str, str, str, str, str, str]]:
    """The table of the chart's README, for these values."""
    if found.values == "bare":
        return set()
    served = ["shop", "pay"] if found.values == "full" else ["all"]
    release = found.one("Deployment", "agent")["metadata"]["name"]
    names: dict[str, str] = {
        "": "",
        "the Lease": "the-agent" if found.values == "full" else release,
        "the certificate's": f"{release}-webhook-certificate",
        "the chart's": f"{NAMESPACE}-{release}",
        "tke-service-controller-config": "tke-service-controller-config",
    }
    places = {"served": served, "own": [NAMESPACE], "kube-system": ["kube-system"], "cluster": ["all"]}
    components = {
        "agent": True,
        "webhook": found.values != "alone",
        "certificate": found.values == "minimal",
    }
    return {
        (component, where, group, resource, names[name], verb)
        for component, resource_and_group, verbs, name, place in _table()
        if components[component]
        for resource, _, group in [resource_and_group.partition(".")]
        for where in places[place]
        for verb in verbs.split(", ")
    }


def _table() -> list[tuple[str, ...]]:
    text = (HOUSE / "helm" / "clb-broker-agent" / "README.md").read_text()
    rows = re.findall(
        r"^\| (agent|webhook|certificate) \| `([a-z./0-9]+)` \| ([a-z, ]+) \| ([a-zA-Z' -]*) ?\| ([a-z-]+) \|$",
        text,
        re.MULTILINE,
    )
    assert len(rows) > 8
    return [tuple(cell.strip() for cell in row) for row in rows]


def _secrets(pod: Object) -> set[str]:
    volumes = {volume["secret"]["secretName"] for volume in pod["spec"]["volumes"] if "secret" in volume}
    variables = [
        each.get("valueFrom", {}).get("secretKeyRef", {}).get("name")
        for container in pod["spec"]["containers"]
        for each in container.get("env", [])
    ]
    return volumes | {name for name in variables if name}


def _ports(rules: list[dict[str, Any]]) -> set[int]:
    return {port["port"] for rule in rules for port in rule["ports"]}


def _namespace(name: str) -> Object:
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}
