"""The release: what `make release` checks without a network, the metadata and the workflows."""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools import release

ROOT = Path(__file__).parent.parent
PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
WORKFLOWS = ROOT / ".github" / "workflows"

needs_workflows = pytest.mark.skipif(
    not WORKFLOWS.exists(), reason="an sdist holds no workflows of its host"
)

READY = "# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - 2026-12-01\n\n### Added\n"


def test_the_version_of_this_checkout_can_be_built() -> None:
    """The version in pyproject.toml and the changelog agree."""
    release.check_version(release.version_of(PYPROJECT), CHANGELOG, None)


def test_a_release_has_a_section_in_the_changelog() -> None:
    """With its date, and with the tag of the version."""
    release.check_version("0.2.0", READY, None)
    release.check_version("0.2.0", READY, "v0.2.0")


@pytest.mark.parametrize(
    ("version", "changelog", "tag", "message"),
    [
        ("0.2.0", READY, "v0.3.0", "The tag is v0.3.0"),
        ("0.2.0.dev0", READY, "v0.2.0.dev0", "development version"),
        ("0.3.0", READY, None, "has no heading"),
        ("0.2.0", "## [0.2.0] - soon\n", None, "has no heading"),
        ("0.2.0", READY.replace("d]\n", "d]\n\n- A change.\n"), None, r"under \[Unreleased\]"),
    ],
)
def test_a_release_that_is_not_ready(
    version: str, changelog: str, tag: str | None, message: str
) -> None:
    """Another tag, a development version, or a changelog that is behind stop the release."""
    with pytest.raises(release.ReleaseError, match=message):
        release.check_version(version, changelog, tag)


def test_a_version_is_required() -> None:
    """Without a version nothing is built."""
    with pytest.raises(release.ReleaseError, match="no version"):
        release.version_of('name = "shop"')


def test_a_wheel_that_lacks_or_adds_files(tmp_path: Path) -> None:
    """What is missing from a wheel, and what does not belong there, is named."""
    wheel = tmp_path / "shop.whl"
    files = release.package_files()
    left_out = "piccolo_api_fastapi/.agents/skills/piccolo-api-fastapi/SKILL.md"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in [*sorted(files - {left_out}), "tests/conftest.py", "shop.dist-info/METADATA"]:
            archive.writestr(name, "")
    assert [left_out] == release.missing_from(wheel)
    assert release.surplus_of(wheel) == ["tests/conftest.py"]


def test_what_a_wheel_needs_is_there() -> None:
    """The typing marker, the agent skill, pages, texts and every migration are package files."""
    files = release.package_files()
    assert set() == {*release.NEEDED} - files
    migrations = [name for name in files if "/piccolo_migrations/piccolo_api_fastapi_" in name]
    assert migrations
    assert not [name for name in files if "__pycache__" in name]


@pytest.mark.slow
def test_the_pythons_of_this_machine() -> None:
    """One that the classifiers name is found; others are left out."""
    found = release.supported_pythons(PYPROJECT)
    assert found
    assert list(found) == sorted(found)
    assert release.supported_pythons('"Programming Language :: Python :: 3.99"') == {}


def test_the_database_of_the_last_release() -> None:
    """It is that of the highest version, not of the last name in the alphabet."""
    assert (ROOT / "tests/integration/upgrades" / f"{release.last_upgrade()}.sqlite.sql").exists()


def test_a_command_that_fails_ends_the_release() -> None:
    """Its output is in the message."""
    assert "3" in release.run("python3", "--version")
    with pytest.raises(release.ReleaseError, match="no-such-file"):
        release.run("python3", "no-such-file.py")


def test_metadata_names_every_supported_python() -> None:
    """Each Python has a classifier, from `requires-python` to the newest."""
    minors = [int(minor) for minor in re.findall(r'"Programming .* :: 3\.(\d+)"', PYPROJECT)]
    assert list(range(10, max(minors) + 1)) == minors
    assert f'requires-python = ">=3.{minors[0]}"' in PYPROJECT


def test_the_page_of_versioning_names_the_supported_versions() -> None:
    """It has the lowest versions of pyproject.toml, and every Python of the classifiers."""
    page = (ROOT / "docs" / "versioning.md").read_text(encoding="utf-8")
    lowest = {"FastAPI": "fastapi", "Piccolo": "piccolo", "Pydantic": "pydantic"}
    for title, name in lowest.items():
        [version] = re.findall(rf'^  "{name}>=([\d.]+)"', PYPROJECT, re.MULTILINE)
        assert f"| {title} | {version} and newer |" in page
    minors = re.findall(r'"Programming .* :: 3\.(\d+)"', PYPROJECT)
    assert f"| Python | 3.{minors[0]} to 3.{minors[-1]} |" in page


def section_of(name: str) -> list[str]:
    """The text of a section of pyproject.toml, which is there once."""
    heading = re.escape(f"[{name}]")
    return re.findall(rf"^{heading}\n(.*?)\n\n", PYPROJECT, re.MULTILINE | re.DOTALL)


def test_metadata_has_links() -> None:
    """The package index links the documentation, the source, the changelog and the issues."""
    [section] = section_of("project.urls")
    links = dict(re.findall(r'^(\w+) = "(https://\S+)"$', section, re.MULTILINE))
    assert {"Homepage", "Documentation", "Source", "Changelog", "Issues"} == set(links)


def test_every_extra_is_installed_by_the_release() -> None:
    """The wheel is tried, and its packages are listed, with all extras."""
    [section] = re.findall(
        r"^\[project\.optional-dependencies\]\n(.*?)\n\n", PYPROJECT, re.MULTILINE | re.DOTALL
    )
    assert release.EXTRAS.split(",") == re.findall(r"^([\w-]+) = ", section, re.MULTILINE)


def workflow(name: str) -> dict[Any, Any]:
    """A workflow of the host, parsed."""
    parsed = yaml.safe_load((WORKFLOWS / name).read_text(encoding="utf-8"))
    assert isinstance(parsed, dict)
    return parsed


def steps(name: str) -> Iterator[dict[str, Any]]:
    """The steps of all jobs of a workflow."""
    for job in workflow(name)["jobs"].values():
        yield from job["steps"]


def commands(name: str) -> list[str]:
    """The commands of all jobs of a workflow."""
    return [step["run"] for step in steps(name) if "run" in step]


@needs_workflows
def test_the_workflows_are_those_tested_here() -> None:
    """None escapes the tests below."""
    assert {"ci.yml", "release.yml"} == {path.name for path in WORKFLOWS.iterdir()}


@needs_workflows
def test_ci_runs_what_every_change_has_to_pass() -> None:
    """On pushes and pull requests, with PostgreSQL and Redis, and with no right but to read."""
    ci = workflow("ci.yml")
    assert "bash .ci/run" in commands("ci.yml")
    assert {"push", "pull_request"} == set(ci[True])  # YAML 1.1 reads `on` as a boolean
    assert ci["permissions"] == {"contents": "read"}
    [job] = ci["jobs"].values()
    assert {"postgres", "redis"} == set(job["services"])
    assert "permissions" not in job


@needs_workflows
def test_a_tag_is_checked_and_published() -> None:
    """One job builds with `make release`; the other publishes, and may do nothing else."""
    published = workflow("release.yml")
    assert published[True] == {"push": {"tags": ["v*"]}}
    assert published["permissions"] == {}
    jobs = published["jobs"]
    assert {name: job["permissions"] for name, job in jobs.items()} == {
        "build": {"contents": "read"},
        "publish": {"id-token": "write"},
    }
    assert commands("release.yml") == ['make release TAG="$GITHUB_REF_NAME"']
    assert jobs["publish"]["needs"] == "build"


@needs_workflows
@pytest.mark.parametrize("name", ["ci.yml", "release.yml"])
def test_workflows_hold_no_secret_and_pin_their_actions(name: str) -> None:
    """Actions have a major version, checkouts keep no credentials, and no secret is read."""
    text = (WORKFLOWS / name).read_text(encoding="utf-8")
    assert "secrets." not in text
    used = [step["uses"] for step in steps(name) if "uses" in step]
    assert used
    assert [action for action in used if not re.search(r"@(release/)?v\d+$", action)] == []
    checkouts = [step for step in steps(name) if "checkout@" in step.get("uses", "")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)
