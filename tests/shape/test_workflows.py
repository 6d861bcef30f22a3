"""The workflows of continuous integration: they go through the Makefile's door, and may do little.

No forge runs them here. What can be seen without one is that each parses, names targets, Pythons, modes and a
Rust that exist, cannot write, does not run for ever, and takes its actions by their major version.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.shape.package import ROOT
from tests.support.modes import FULL, select

if TYPE_CHECKING:
    from collections.abc import Iterator

FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
BY_MAJOR = re.compile(r"[\w.-]+/[\w.-]+@(?:v\d+|release/v\d+)")
EXPRESSION = re.compile(r"\$\{\{.*?\}\}")
MAKE = re.compile(r"\bmake((?: (?:--silent|[a-z]+(?:-[a-z]+)*|[A-Z]+=[^\s;)]+))+)")
PUBLISHING = {"contents": "read", "id-token": "write"}
"""What the one job may do that hands packages to the index."""


def load(name: str) -> dict[Any, Any]:
    """The content of a workflow; its `on` is `True` to YAML."""
    content = yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def steps(name: str) -> Iterator[dict[str, Any]]:
    for job in load(name)["jobs"].values():
        yield from job["steps"]


def test_they_are_there() -> None:
    assert {path.name for path in FILES} == {"audit.yml", "ci.yml", "nightly.yml", "wheels.yml"}


@pytest.mark.parametrize("name", [path.name for path in FILES])
def test_a_workflow_may_read_and_cancels_what_is_out_of_date(name: str) -> None:
    workflow = load(name)
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["concurrency"]["group"] == "${{ github.workflow }}-${{ github.ref }}"
    assert workflow["concurrency"]["cancel-in-progress"]
    assert True in workflow
    for title, job in workflow["jobs"].items():
        assert job.get("permissions", PUBLISHING) == PUBLISHING
        assert ("permissions" in job) == (title == "publish")
        assert 0 < job["timeout-minutes"] <= 180


@pytest.mark.parametrize("name", [path.name for path in FILES])
def test_actions_are_named_by_their_major_version_and_leave_no_token_behind(name: str) -> None:
    actions = [step for step in steps(name) if "uses" in step]
    assert actions
    for step in actions:
        assert BY_MAJOR.fullmatch(step["uses"]), step["uses"]
        if step["uses"].startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("name", [path.name for path in FILES])
def test_each_target_that_is_made_exists(name: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    commands = "\n".join(EXPRESSION.sub("…", step["run"]) for step in steps(name) if "run" in step)
    made = {word for words in MAKE.findall(commands) for word in words.split() if word[0].islower()}
    assert made, "people and CI go through the same door"
    assert made <= targets


def test_the_modes_are_all_there() -> None:
    tested = [
        mode
        for names in load("ci.yml")["jobs"]["package"]["strategy"]["matrix"]["modes"]
        for mode in select(names)
    ]
    assert sorted(map(str, tested)) == sorted(map(str, FULL))


def test_each_python_that_has_a_classifier_is_tested_and_gets_wheels() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    claimed = [
        version
        for each in project["classifiers"]
        if re.fullmatch(r"3\.\d+", version := each.rpartition(" :: ")[2])
    ]
    tested = load("ci.yml")["jobs"]["package"]["strategy"]["matrix"]["python"]
    wheels = load("wheels.yml")["env"]["PYTHONS"].split()
    assert project["requires-python"] == f">={claimed[0]}"
    assert tested == wheels == claimed
    for step in steps("wheels.yml"):
        versions = step.get("with", {}).get("python-version", "").split()
        assert len(versions) < 2 or sorted(versions) == wheels


def test_every_fuzz_target_has_its_night() -> None:
    targets = sorted(path.stem for path in (ROOT / "fuzz" / "fuzz_targets").glob("*.rs"))
    assert load("nightly.yml")["jobs"]["fuzz"]["strategy"]["matrix"]["target"] == targets


def test_the_document_of_support_names_what_is_built() -> None:
    document = (ROOT / "docs" / "project" / "support.md").read_text(encoding="utf-8")
    workflow = load("wheels.yml")
    pythons = re.findall(r"^\| (3\.\d+) \| \w+ 20\d\d \|$", document, re.MULTILINE)
    assert pythons == workflow["env"]["PYTHONS"].split()
    for libc in workflow["jobs"]["linux"]["strategy"]["matrix"]["libc"]:
        assert f"`{libc}_" in document


def test_the_oldest_rust_is_the_one_of_the_crates() -> None:
    oldest = tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))["workspace"]["package"][
        "rust-version"
    ]
    assert load("ci.yml")["jobs"]["crates"]["strategy"]["matrix"]["rust"] == [oldest, "stable"]


def test_what_no_test_has_seen_is_marked_and_not_published() -> None:
    jobs = load("wheels.yml")["jobs"]
    assert jobs["untested"]["continue-on-error"] is True
    assert "(untested)" in jobs["untested"]["name"]
    uploads = [step["with"]["name"] for step in jobs["untested"]["steps"] if "upload" in step.get("uses", "")]
    downloads = [
        step["with"]["pattern"] for step in jobs["publish"]["steps"] if "download" in step.get("uses", "")
    ]
    assert (uploads, downloads) == (["untested-${{ matrix.target }}"], ["{wheels-*,sdist}"])
    assert "untested" not in jobs["publish"]["needs"]
