"""Every manifest is one that Kubernetes takes, from the oldest version that the charts are for to the newest known."""

import functools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import helm_python
import jsonschema
import kubernetes_validate
import pytest
import yaml

from tests.charts.rendering import CHARTS, HOUSE, NAMESPACE, VALUES, Object, Rendering, chart, renderings, values_of

SCHEMAS = Path(__file__).parent / "schemas"
OLDEST: dict[str, Any] = json.loads((SCHEMAS / "kubernetes-1.24.json").read_text())
CUSTOM: dict[str, Any] = json.loads((SCHEMAS / "custom-resources.json").read_text())
NEWEST = kubernetes_validate.latest_version()

ALL = pytest.mark.parametrize("found", renderings(), ids=str)


def kind(found: Object) -> str:
    return f"{found['apiVersion']}/{found['kind']}"


@pytest.fixture(scope="module", autouse=True)
def _schemas_are_read_once() -> Any:
    """The library reads a megabyte of definitions for each object."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            kubernetes_validate.utils, "schema_contents", functools.cache(kubernetes_validate.utils.schema_contents)
        )
        yield


def of_the_oldest(found: Object) -> jsonschema.protocols.Validator:
    name = OLDEST["kinds"][kind(found)]
    return jsonschema.Draft202012Validator({"$ref": f"#/definitions/{name}", "definitions": OLDEST["definitions"]})


@pytest.mark.parametrize(("name", "values"), [(name, values) for name in CHARTS for values in VALUES[name]])
@pytest.mark.parametrize("version", ["v1.24.0", f"v{NEWEST}"])
def test_helm_finds_nothing_to_say_about_the_charts(name: str, values: str, version: str) -> None:
    report = helm_python.lint(
        HOUSE / "helm" / name, values_of(name, values), strict=True, namespace=NAMESPACE, kube_version=version
    )
    told = [(each["path"], each["error"]) for each in report["messages"]]
    assert (told, report["errors"]) == ([("Chart.yaml", "icon is recommended")], [])


@ALL
def test_every_manifest_is_valid_for_the_newest_known_kubernetes(found: Rendering) -> None:
    for each in found.objects:
        if kind(each) not in CUSTOM:
            assert kubernetes_validate.validate(each, NEWEST, strict=True) == kubernetes_validate.utils.major_minor(
                NEWEST
            )


@ALL
def test_every_manifest_is_valid_for_kubernetes_1_24(found: Rendering) -> None:
    for each in found.objects:
        if kind(each) not in CUSTOM:
            of_the_oldest(each).validate(each)


@ALL
def test_every_custom_resource_has_the_shape_of_its_kind(found: Rendering) -> None:
    for each in found.objects:
        if kind(each) in CUSTOM:
            jsonschema.Draft202012Validator(CUSTOM[kind(each)]).validate(each)


def test_all_kinds_are_rendered_somewhere_or_their_schemas_prove_nothing() -> None:
    rendered = {kind(each) for found in renderings() for each in found.objects}
    assert rendered == set(OLDEST["kinds"]) | set(CUSTOM)


JUDGES: dict[str, Callable[[Object], Any]] = {
    "1.24": lambda found: of_the_oldest(found).validate(found),
    "newest": lambda found: kubernetes_validate.validate(found, NEWEST, strict=True),
}


@pytest.mark.parametrize("version", JUDGES)
def test_the_schemas_refuse_a_field_that_does_not_exist_and_a_wrong_type(version: str) -> None:
    found = renderings("clb-broker")[0].of("Deployment")[0]
    for wrong in ({"replicaCount": 3}, {"replicas": "three"}):
        broken = {**found, "spec": {**found["spec"], **wrong}}
        with pytest.raises(jsonschema.ValidationError):
            JUDGES[version](broken)


@ALL
def test_no_two_objects_of_a_release_are_one(found: Rendering) -> None:
    names = [(kind(each), each["metadata"].get("namespace"), each["metadata"]["name"]) for each in found.objects]
    assert len(set(names)) == len(names) > 2


@ALL
def test_names_fit_where_they_are_used_however_long_the_release_is_called(found: Rendering) -> None:
    given = values_of(found.chart, found.values)
    for name in ("r", "r" * 53):
        texts = chart(found.chart).render(given, name=name, namespace="n" * 63)
        for path, text in texts.items():
            for each in yaml.safe_load_all(text) if path.endswith(".yaml") else ():
                if each is not None:
                    longest = 63 if "namespace" in each["metadata"] and each["kind"] != "Role" else 253
                    assert len(each["metadata"]["name"]) <= (253 if "Role" in each["kind"] else longest)
                    assert all(len(value) <= 63 for value in each["metadata"]["labels"].values())


@ALL
def test_the_notes_name_every_secret_that_somebody_has_to_make(found: Rendering) -> None:
    mounted = {
        volume["secret"]["secretName"]
        for _, pod in found.pods()
        for volume in pod["spec"].get("volumes", [])
        if "secret" in volume and volume["name"] not in {"database-authority", "certificate"}
    }
    assert [name for name in mounted if name not in found.notes] == []
    assert "<no value>" not in found.notes


def test_a_digest_goes_before_a_tag_and_the_version_of_the_chart_is_the_default() -> None:
    digest = f"sha256:{'a' * 64}"
    for name in CHARTS:
        version = chart(name).metadata["appVersion"]
        images = {
            "minimal": {f"clb-broker:{version}"},
            "full": {f"registry.example.com/platform/clb-broker@{digest}"},
        }
        for found in renderings(name):
            if found.values in images:
                assert {container["image"] for _, _, container in found.containers()} == images[found.values]


def test_charts_and_project_have_one_version() -> None:
    setup = (HOUSE / "setup.cfg").read_text()
    for name in CHARTS:
        metadata = chart(name).metadata
        assert f"\nversion = {metadata['appVersion']}\n" in setup
        assert metadata["kubeVersion"] == ">=1.24.0-0"


def test_no_template_asks_what_the_cluster_can_so_that_what_is_tested_is_what_is_installed() -> None:
    asking = re.compile(r"\.Capabilities|\blookup\b|\brand[A-Z]|\bgen[A-Z]|\buuidv4\b|\{\{-? *now\b")
    for name in CHARTS:
        assert [each["name"] for each in chart(name).templates if asking.search(each["data"])] == []
