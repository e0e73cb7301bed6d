"""The agent's chart, rendered: what `helm install` would give to the cluster."""

from pathlib import Path
from typing import Any

import helm_python
import yaml

CHART = Path(__file__).parents[2] / "helm" / "clb-broker-agent"
NAMESPACE = "clb-broker-system"

Manifest = dict[str, Any]


def rendered(**values: Any) -> list[Manifest]:
    """The manifests, for the chart's own values with these besides."""
    chart = helm_python.Chart.load(str(CHART))
    texts = chart.render(values, name="agent", namespace=NAMESPACE)
    return [each for text in texts.values() for each in _documents(text)]


def component(manifest: Manifest) -> str:
    """Whose it is: agent, webhook or certificate."""
    return str(manifest["metadata"]["labels"]["app.kubernetes.io/component"])


def environment(manifests: list[Manifest], whose: str) -> dict[str, str]:
    """The environment of a component's Deployment, without what the kubelet alone can say."""
    (found,) = [each for each in manifests if each["kind"] == "Deployment" and component(each) == whose]
    (container,) = found["spec"]["template"]["spec"]["containers"]
    return {each["name"]: each["value"] for each in container["env"] if "value" in each}


def certificate_arguments(manifests: list[Manifest]) -> list[str]:
    """The arguments of the job that keeps the webhook's certificate after the installation."""
    (found,) = [each for each in manifests if each["kind"] == "Job" and each["metadata"]["name"].endswith("after")]
    (container,) = found["spec"]["template"]["spec"]["containers"]
    return list(container["args"])


def _documents(text: str) -> list[Manifest]:
    try:
        return [each for each in yaml.safe_load_all(text) if isinstance(each, dict) and "kind" in each]
    except yaml.YAMLError:
        return []  # NOTES.txt
