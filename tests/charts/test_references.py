"""What one object names, another one is: selectors, ports, accounts, files and verbs."""

from typing import Any

import pytest
import yaml

from app.agent.admission.exchange import INJECT_PATH
from app.cli import main
from app.composition import LOOK_OUT_CONNECTIONS
from app.worker.loops import PARTS, hands
from tests.charts.rendering import (
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
PRE, POST = {"pre-install", "pre-upgrade"}, {"post-install", "post-upgrade"}


def selector_of(found: Object) -> dict[str, str]:
    spec = found["spec"]
    selector: dict[str, Any] = spec.get("podSelector") or spec["selector"]
    return selector.get("matchLabels", selector)


def selected(found: Rendering, selector: dict[str, str]) -> list[Object]:
    """Objects whose pods have these labels."""
    return [each for each, pod in found.pods() if selector.items() <= pod["metadata"]["labels"].items()]


def hooks_of(found: Object) -> set[str]:
    text: str = found["metadata"].get("annotations", {}).get("helm.sh/hook", "")
    return set(text.split(",")) - {""}


def weight_of(found: Object) -> int:
    return int(found["metadata"]["annotations"]["helm.sh/hook-weight"])


@ALL
def test_every_selector_finds_the_pods_of_its_own_component_and_no_others(found: Rendering) -> None:
    selecting = found.of("Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy", "PodMonitor")
    assert selecting
    for each in selecting:
        components = {component_of(one) for one in selected(found, selector_of(each))}
        assert components == {component_of(each)}, each["metadata"]["name"]


@ALL
def test_every_pod_is_under_a_network_policy_where_there_are_any(found: Rendering) -> None:
    under = {component_of(each) for each in found.of("NetworkPolicy")}
    assert under in (set(), {component_of(each) for each, _ in found.pods()})
    for each in found.of("NetworkPolicy"):
        assert each["spec"]["policyTypes"] == ["Ingress", "Egress"]


@ALL
def test_a_service_monitor_finds_its_service_and_an_autoscaler_its_deployment(found: Rendering) -> None:
    for each in found.of("ServiceMonitor"):
        (service,) = [
            one for one in found.of("Service") if selector_of(each).items() <= one["metadata"]["labels"].items()
        ]
        assert each["spec"]["endpoints"][0]["port"] in {port["name"] for port in service["spec"]["ports"]}
    for each in found.of("HorizontalPodAutoscaler"):
        target = found.one("Deployment", component_of(each))
        assert each["spec"]["scaleTargetRef"]["name"] == target["metadata"]["name"]
        assert "replicas" not in target["spec"]


@ALL
def test_every_named_port_is_a_container_s(found: Rendering) -> None:
    for each, pod in found.pods():
        ports = [port for container in pod["spec"]["containers"] for port in container.get("ports", [])]
        names = {port["name"] for port in ports}
        assert len(names) == len({port["containerPort"] for port in ports}) == len(ports)  # the pod has one address
        probed = set()
        for container in pod["spec"]["containers"]:
            probing = {container[probe]["httpGet"]["port"] for probe in container if probe.endswith("Probe")}
            assert probing <= {port["name"] for port in container.get("ports", [])}, container["name"]
            probed |= probing
        asking = [
            set(_ports_named(one))
            for one in found.of("Service", "PodMonitor", "NetworkPolicy")
            if component_of(one) == component_of(each)
        ]
        assert probed.union(*asking) == names, each["metadata"]["name"]
        if component_of(each) == "worker":  # whoever asks workers asks all of their parts
            assert [named for named in asking if named not in (names, set())] == []


def _ports_named(found: Object) -> list[str]:
    spec = found["spec"]
    if found["kind"] == "Service":
        return [port["targetPort"] for port in spec["ports"]]
    if found["kind"] == "PodMonitor":
        return [endpoint["port"] for endpoint in spec["podMetricsEndpoints"]]
    return [port["port"] for rule in spec["ingress"] for port in rule["ports"]]


@pytest.mark.parametrize("values", VALUES["clb-broker"])
def test_the_containers_of_a_worker_do_together_everything_that_there_is_to_do_and_nothing_twice(values: str) -> None:
    worker = rendering("clb-broker", values).one("Deployment", "worker")["spec"]["template"]["spec"]["containers"]
    parts = [environment(container)["CLB_BROKER_WORKER_PART"] for container in worker]
    whole = values == "minimal"
    assert sorted(parts) == (["all"] if whole else sorted(set(PARTS) - {"all"}))
    assert [container["name"] for container in worker] == (["worker"] if whole else parts)
    done = [loop.subject for part in parts for loop in PARTS[part]]
    assert sorted(done) == sorted(loop.subject for loop in PARTS["all"])


@pytest.mark.parametrize("values", VALUES["clb-broker"])
def test_the_containers_of_a_worker_differ_in_their_part_and_their_port_alone(values: str) -> None:
    first, *others = rendering("clb-broker", values).one("Deployment", "worker")["spec"]["template"]["spec"][
        "containers"
    ]
    own = {"CLB_BROKER_WORKER_PART", "CLB_BROKER_WORKER_LISTEN"}
    listening = [environment(each)["CLB_BROKER_WORKER_LISTEN"].rpartition(":")[2] for each in (first, *others)]
    assert listening == [str(each["ports"][0]["containerPort"]) for each in (first, *others)]
    for other in others:
        assert [each for each in other["env"] if each["name"] not in own] == [
            each for each in first["env"] if each["name"] not in own
        ]
        for same in ("image", "securityContext", "resources", "volumeMounts", "args"):
            assert other[same] == first[same]


def test_the_documented_connections_of_a_worker_are_those_of_its_hands() -> None:
    text = (HOUSE / "docs" / "operations.md").read_text()
    pools = {part: hands(loops) + LOOK_OUT_CONNECTIONS for part, loops in PARTS.items()}
    for part, pool in pools.items():
        single = max(4, pool // 3)
        if part == "all":
            assert f"a worker {pool + single + 1} ({pool} for its hands' transactions, {single} for single" in text
        else:
            assert f"{pool} + {single} + 1 with `{part}`" in text


@ALL
def test_every_file_that_a_variable_names_is_mounted(found: Rendering) -> None:
    for _, pod, container in found.containers():
        given = environment(container)
        wanted = {value for value in given.values() if value.startswith("/")}
        if "CLB_BROKER_ACCOUNTS_FILE" in given:
            for account in _accounts(found).values():
                wanted |= {account["secret_id_file"], account["secret_key_file"]}
        assert wanted - set(_files(found, pod, container)) - _claimed(pod, container) == set()


@ALL
def test_every_volume_is_mounted_and_every_mount_has_its_volume(found: Rendering) -> None:
    for _, pod, container in found.containers():
        volumes = [volume["name"] for volume in pod["spec"].get("volumes", [])]
        mounts = [mount["name"] for mount in container["volumeMounts"]]
        assert sorted(volumes) == sorted(mounts)
        assert len(set(mounts)) == len(mounts)


@ALL
def test_accounts_are_what_the_worker_reads(found: Rendering) -> None:
    for name, account in _accounts(found).items():
        assert set(account) <= {"secret_id_file", "secret_key_file", "endpoint", "calls_per_second"}
        assert (name == "games") == ("shop" not in account["secret_id_file"])


@ALL
def test_every_verb_and_option_is_one_of_the_command_line(found: Rendering) -> None:
    for each, _, container in found.containers():
        verb, *options = container["args"]
        assert main.commands[verb].make_context(verb, list(options)).params is not None, each["metadata"]["name"]


@ALL
def test_every_service_account_is_the_chart_s_own_or_named_by_the_values(found: Rendering) -> None:
    accounts = {each["metadata"]["name"] for each in found.of("ServiceAccount")} | {"default", "theirs"}
    for _, pod in found.pods():
        assert pod["spec"].get("serviceAccountName", "default") in accounts
    for each in found.of("RoleBinding", "ClusterRoleBinding"):
        role = each["roleRef"]
        (bound,) = [
            one
            for one in found.of(role["kind"])
            if one["metadata"]["name"] == role["name"]
            and one["metadata"].get("namespace") == each["metadata"].get("namespace")
        ]
        assert bound["rules"]
        (subject,) = each["subjects"]
        assert subject["name"] in accounts
        assert subject["namespace"] == NAMESPACE


@ALL
def test_what_a_hook_needs_is_there_before_it(found: Rendering) -> None:
    for job in found.of("Job"):
        assert hooks_of(job) in (PRE, POST)
        account = job["spec"]["template"]["spec"].get("serviceAccountName", "default")
        needed = [
            each
            for each in found.of(
                "ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "NetworkPolicy"
            )
            if component_of(each) == component_of(job)
        ]
        assert (account == "default") == (not [each for each in needed if each["kind"] == "ServiceAccount"])
        for each in needed:
            assert hooks_of(job) <= hooks_of(each)
            assert weight_of(each) < weight_of(job)


@ALL
def test_the_webhook_is_called_where_it_listens(found: Rendering) -> None:
    for each in found.of("MutatingWebhookConfiguration"):
        (webhook,) = each["webhooks"]
        called = webhook["clientConfig"]["service"]
        service = found.one("Service", "webhook")
        assert (called["name"], called["namespace"]) == (service["metadata"]["name"], NAMESPACE)
        assert called["path"] == INJECT_PATH
        assert called["port"] == service["spec"]["ports"][0]["port"]


@ALL
def test_the_certificate_is_kept_where_the_webhook_reads_it(found: Rendering) -> None:
    (mounted, *_) = [
        volume["secret"]["secretName"]
        for each, pod in found.pods()
        if component_of(each) == "webhook"
        for volume in pod["spec"]["volumes"]
        if volume["name"] == "certificate"
    ] or [None]
    jobs = [
        main.commands["webhook-certificate"].make_context("job", list(container["args"][1:])).params
        for each, _, container in found.containers()
        if component_of(each) == "certificate"
    ]
    kept = {each["spec"]["secretName"] for each in found.of("Certificate")} | {job["secret"] for job in jobs}
    assert kept == ({mounted} if mounted and found.values != "bare" else set())
    assert [job["may_be_missing"] for job in jobs] in ([], [True, False])
    for job in jobs:
        assert job["configuration"] == found.of("MutatingWebhookConfiguration")[0]["metadata"]["name"]
        assert job["service"] == found.one("Service", "webhook")["metadata"]["name"]
    for each in found.of("Certificate"):
        service = found.one("Service", "webhook")["metadata"]["name"]
        assert each["spec"]["dnsNames"][0] == f"{service}.{NAMESPACE}.svc"


def _accounts(found: Rendering) -> dict[str, Any]:
    texts = [each["data"]["accounts.yaml"] for each in found.of("ConfigMap") if "accounts.yaml" in each["data"]]
    return yaml.safe_load(texts[0])["accounts"] if texts else {}


def _files(found: Rendering, pod: Object, container: Object) -> list[str]:
    """Every file that the pod's volumes put into this container."""
    places = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    files = []
    for volume in pod["spec"]["volumes"]:
        source = volume.get("secret") or volume.get("configMap") or {}
        paths = [item["path"] for item in source.get("items", [])]
        paths += [each["serviceAccountToken"]["path"] for each in volume.get("projected", {}).get("sources", [])]
        if "configMap" in volume and not paths:
            paths = [
                key
                for each in found.of("ConfigMap")
                if each["metadata"]["name"] == source["name"]
                for key in each["data"]
            ]
        files += [f"{places[volume['name']]}/{path}" for path in paths]
    return files


def _claimed(pod: Object, container: Object) -> set[str]:
    """Where volumes are mounted that are there for longer than the pod."""
    claims = {each["name"] for each in pod["spec"]["volumes"] if "persistentVolumeClaim" in each}
    return {mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] in claims}
