"""What of the modules installed here the image does not have."""

from benchmarks.agent import image


def test_names_are_read_from_requirements_with_hashes_and_compared_as_packages_are() -> None:
    text = "# comment\npsycopg[binary]==3.2.1 \\\n    --hash=sha256:00\nRuamel.yaml_x==1.0\n"
    assert image.pinned(text) == {"psycopg", "ruamel-yaml-x"}


def test_a_module_is_absent_when_none_of_its_packages_is_there() -> None:
    distributions = {"rich": ["rich"], "yaml": ["PyYAML"], "google": ["protobuf", "other"], "app": ["clb_broker"]}
    assert image.absent(distributions, {"pyyaml", "protobuf"}) == ("rich",)


def test_here_the_agents_own_libraries_are_present_and_the_tests_are_not() -> None:
    found = image.absent_modules()
    assert "pytest" in found
    assert {"kubernetes", "requests", "orjson", "structlog", "app"} & set(found) == set()
