"""Renderings of both charts with all values files, each made once, and what a test wants to find in them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import helm_python
import yaml

HOUSE: Final = Path(__file__).parents[2]
CHARTS: Final = ("clb-broker", "clb-broker-agent")
VALUES: Final = {
    "clb-broker": ("default", "minimal", "full", "accounts"),
    "clb-broker-agent": ("minimal", "full", "manager", "bare", "alone"),
}
"""Files in `values`; ``default`` is none. The agent's cluster has no default, so its least file is ``minimal``."""

NAMESPACE: Final = "releases"
Object = dict[str, Any]


@dataclass(frozen=True)
class Rendering:
    """A chart with values, rendered."""

    chart: str
    values: str
    texts: dict[str, str]

    def __str__(self) -> str:
        return f"{self.chart}-{self.values}"

    @property
    def notes(self) -> str:
        return self.texts[f"{self.chart}/templates/NOTES.txt"]

    @property
    def objects(self) -> list[Object]:
        return _objects(self.chart, self.values)

    def of(self, *kinds: str) -> list[Object]:
        return [each for each in self.objects if each["kind"] in kinds]

    def one(self, kind: str, component: str) -> Object:
        (found,) = [each for each in self.of(kind) if component_of(each) == component]
        return found

    def pods(self) -> Iterator[tuple[Object, Object]]:
        """Each object that makes pods, with the pods' template."""
        for each in self.of("Deployment", "Job"):
            yield each, each["spec"]["template"]

    def containers(self) -> Iterator[tuple[Object, Object, Object]]:
        """Each container, after the object that makes its pods and their template."""
        for each, pod in self.pods():
            for container in pod["spec"]["containers"]:
                yield each, pod, container

    def variables(self) -> set[str]:
        """Every variable that some container gets."""
        return {variable["name"] for _, _, container in self.containers() for variable in container.get("env", [])}


@cache
def chart(name: str) -> helm_python.Chart:
    return helm_python.Chart.load(HOUSE / "helm" / name)


def values_of(name: str, values: str) -> Object:
    path = Path(__file__).parent / "values" / f"{name}-{values}.yaml"
    return {} if values == "default" else yaml.safe_load(path.read_text())


@cache
def rendering(name: str, values: str) -> Rendering:
    return Rendering(name, values, chart(name).render(values_of(name, values), name="blue", namespace=NAMESPACE))


@cache
def _objects(name: str, values: str) -> list[Object]:
    texts = rendering(name, values).texts
    return [
        found
        for path, text in sorted(texts.items())
        if path.endswith(".yaml")
        for found in yaml.safe_load_all(text)
        if found is not None
    ]


def renderings(*names: str) -> list[Rendering]:
    """Of these charts, or of all."""
    return [rendering(name, values) for name in names or CHARTS for values in VALUES[name]]


def component_of(found: Object) -> str:
    component: str = found["metadata"]["labels"]["app.kubernetes.io/component"]
    return component


def environment(container: Object) -> dict[str, str]:
    """The variables that have their values in the manifest."""
    return {each["name"]: each["value"] for each in container.get("env", []) if "value" in each}
