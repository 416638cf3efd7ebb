"""
Build a release into `dist/` and check it; `make release` runs this.

    python tools/release.py [v0.2.0]

With the tag of a release, the version and the changelog must be those of that release.
The first check that fails ends the program.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
PACKAGE = "piccolo_api_fastapi"
EXTRAS = "fastapi-users,http,mail,pages,passkeys,postgres,redis,sqlite"
BIN = Path(sys.executable).parent

NEEDED = (
    f"{PACKAGE}/py.typed",
    f"{PACKAGE}/.agents/skills/piccolo-api-fastapi/SKILL.md",
    f"{PACKAGE}/pages/templates/layout.html",
    f"{PACKAGE}/pages/static/pages.css",
    f"{PACKAGE}/pages/static/pages.js",
    f"{PACKAGE}/pages/texts/en.json",
    f"{PACKAGE}/piccolo_app/__init__.py",
    f"{PACKAGE}/users/passwords/common_passwords.txt",
)
"""Files that no wheel may lack, although nothing imports some of them."""

CONFIGURATION = """
from piccolo.conf.apps import AppRegistry
from piccolo.engine.sqlite import SQLiteEngine

DB = SQLiteEngine(path="release.sqlite", timeout=30)

APP_REGISTRY = AppRegistry(
    apps=["piccolo.apps.user.piccolo_app", "piccolo_api_fastapi.piccolo_app"]
)
"""


class ReleaseError(Exception):
    """A check failed; the message says which and what to do."""


def say(text: str) -> None:
    """Print one line of the report."""
    print(f"==> {text}", flush=True)


def run(*command: str | Path, folder: Path = ROOT) -> str:
    """
    Run a command.

    Returns:
        What it printed.

    Raises:
        ReleaseError: If it fails, with its output.
    """
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    environment |= {"PICCOLO_CONF": "piccolo_conf", "UV_PYTHON_DOWNLOADS": "never"}
    environment.pop("PYTHONPATH", None)
    words = [str(word) for word in command]
    ended = subprocess.run(
        words,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise ReleaseError(f"`{' '.join(words)}` failed:\n{ended.stdout}")
    return ended.stdout


def version_of(pyproject: str) -> str:
    """Return the version in a `pyproject.toml`."""
    match = re.search(r'^version = "([^"]+)"$', pyproject, re.MULTILINE)
    if match is None:
        raise ReleaseError("pyproject.toml has no version.")
    return match[1]


def check_version(version: str, changelog: str, tag: str | None) -> None:
    """
    Check that the version, the changelog and the tag agree.

    A development version needs no section of its own, and can't be tagged.

    Raises:
        ReleaseError: If they disagree.
    """
    if tag and tag != f"v{version}":
        raise ReleaseError(f"The tag is {tag}, and the version in pyproject.toml is {version}.")
    if ".dev" in version:
        if tag:
            raise ReleaseError(f"{version} is a development version. Set the version to release.")
        return
    if not re.search(
        rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$", changelog, re.MULTILINE
    ):
        raise ReleaseError(f"CHANGELOG.md has no heading `## [{version}] - YYYY-MM-DD`.")
    unreleased = re.search(r"^## \[Unreleased\]\n(.*?)^## ", changelog, re.MULTILINE | re.DOTALL)
    if unreleased and unreleased[1].strip():
        raise ReleaseError(f"Move what is under [Unreleased] in CHANGELOG.md to [{version}].")


def package_files() -> set[str]:
    """Return the paths of all files of the package, as they are in a wheel."""
    files = (path for path in (ROOT / PACKAGE).rglob("*") if path.is_file())
    return {
        path.relative_to(ROOT).as_posix()
        for path in files
        if path.suffix not in {".pyc", ".pyo"} and "__pycache__" not in path.parts
    }


def missing_from(wheel: Path) -> list[str]:
    """Return the files that a wheel should hold and does not."""
    names = set(zipfile.ZipFile(wheel).namelist())
    return sorted((package_files() | {*NEEDED}) - names)


def surplus_of(wheel: Path) -> list[str]:
    """Return the files of a wheel that are neither of the package nor metadata."""
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    return sorted(names - package_files())


def build() -> tuple[Path, Path]:
    """Build the source distribution, and the wheel from it."""
    shutil.rmtree(DIST, ignore_errors=True)
    run(sys.executable, "-m", "build", "--installer", "uv", "--outdir", DIST, ROOT)
    [wheel], [sdist] = DIST.glob("*.whl"), DIST.glob("*.tar.gz")
    return wheel, sdist


def check_files(wheel: Path, sdist: Path) -> None:
    """
    Check what the wheel and the source distribution hold.

    Raises:
        ReleaseError: If a file is missing or does not belong there.
    """
    for problem, names in (("lacks", missing_from(wheel)), ("has", surplus_of(wheel))):
        if names:
            raise ReleaseError(f"The wheel {problem} {', '.join(names)}.")
    with tarfile.open(sdist) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    for name in ("CHANGELOG.md", "LICENSE", "README.md", "tests/conftest.py", "docs/index.md"):
        if name not in held:
            raise ReleaseError(f"The source distribution lacks {name}.")
    say(f"{wheel.name} holds {len(package_files())} files: all of the package, and nothing else")


def found_pythons() -> Iterator[Path]:
    """Yield the Pythons of this machine: those on the path, and those of pyenv."""
    for minor in range(10, 30):
        if found := shutil.which(f"python3.{minor}"):
            yield Path(found)
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from sorted(root.glob("versions/3.*/bin/python"))
    yield Path(sys.executable)


def supported_pythons(pyproject: str) -> dict[tuple[int, int], Path]:
    """Return the Pythons that run here and that the classifiers name, the lowest first."""
    named = set(re.findall(r"Python :: 3\.(\d+)", pyproject))
    code = "import sys; print(*sys.version_info[:2])"
    found: dict[tuple[int, int], Path] = {}
    for python in found_pythons():
        asked = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
        major, _, minor = asked.stdout.strip().partition(" ")
        if asked.returncode == 0 and major == "3" and minor in named:
            found.setdefault((3, int(minor)), python)
    return dict(sorted(found.items()))


def last_upgrade() -> str:
    """Return the last release of which there is a database to move forwards."""
    folder = ROOT / "tests" / "integration" / "upgrades"
    releases = (path.name.removesuffix(".sqlite.sql") for path in folder.glob("*.sqlite.sql"))
    return max(releases, key=lambda release: [int(part) for part in release.split(".")])


def try_wheel(wheel: Path, python: Path, folder: Path) -> Path:
    """
    Install the wheel into a new environment, run the smallest example and move a database forwards.

    Returns:
        The Python of the environment, which holds the wheel, its extras and nothing else.
    """
    environment = folder / "environment"
    installed = environment / "bin" / "python"
    run("uv", "venv", "--quiet", "--no-project", "--python", python, environment)
    run("uv", "pip", "install", "--quiet", "--python", installed, f"{wheel}[{EXTRAS}]")
    upgrades = ROOT / "tests" / "integration" / "upgrades"
    for name in ("sql", "json"):
        shutil.copy(upgrades / f"{last_upgrade()}.sqlite.{name}", folder / f"release.{name}")
    shutil.copytree(ROOT / "examples" / "smallest", folder / "examples" / "smallest")
    shutil.copy(ROOT / "tools" / "try_wheel.py", folder)
    (folder / "piccolo_conf.py").write_text(CONFIGURATION, encoding="utf-8")
    run(installed, "try_wheel.py", "restore", folder=folder)
    run(environment / "bin" / "piccolo", "migrations", "forwards", "all", folder=folder)
    run(installed, "try_wheel.py", "use", folder=folder)
    return installed


def write_sbom(python: Path, wheel: Path) -> None:
    """
    Write the CycloneDX list of what an environment with the wheel holds.

    Raises:
        ReleaseError: If it names a path of this machine.
    """
    path = DIST / f"{wheel.stem.removesuffix('-py3-none-any')}.cdx.json"
    described = ["--pyproject", "pyproject.toml", "--mc-type", "library"]
    written = ["--output-reproducible", "--output-format", "JSON", "--output-file", str(path)]
    run("cyclonedx-py", "environment", *described, *written, python)
    sbom = json.loads(path.read_text(encoding="utf-8"))
    for component in (sbom["metadata"]["component"], *sbom["components"]):
        kept = component.get("externalReferences", [])
        kept = [reference for reference in kept if not reference["url"].startswith("file:")]
        component["externalReferences"] = kept
    path.write_text(json.dumps(sbom, indent=2) + "\n", encoding="utf-8")
    if str(ROOT) in path.read_text(encoding="utf-8"):
        raise ReleaseError(f"{path.name} names a folder of this machine.")
    say(f"wrote dist/{path.name}, a CycloneDX SBOM of {len(sbom['components'])} packages")


def try_everywhere(wheel: Path, pyproject: str) -> None:
    """Try the wheel on the lowest and the newest Python of this machine, and list its packages."""
    pythons = supported_pythons(pyproject)
    ends = {min(pythons), max(pythons)}
    for release in sorted(ends):
        with TemporaryDirectory() as name:
            installed = try_wheel(wheel, pythons[release], Path(name))
            say(
                f"Python {release[0]}.{release[1]}: installed the wheel, ran examples/smallest, "
                f"moved the database of {last_upgrade()} forwards and signed in with its session"
            )
            if release == max(ends):
                write_sbom(installed, wheel)


def main(tag: str | None = None) -> None:
    """Run every check, then list what is in `dist/`."""
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    version = version_of(pyproject)
    check_version(version, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), tag)
    say(f"version {version}: the changelog{' and the tag agree' if tag else ' agrees'}")
    run("deptry", "--no-ansi", ".")
    say("deptry: what the package imports is declared, and what is declared is imported")
    wheel, sdist = build()
    say(f"built {wheel.name} and {sdist.name}")
    run("twine", "check", "--strict", wheel, sdist)
    run("check-wheel-contents", wheel)
    run("pyroma", "--min", "10", sdist)
    say("twine check --strict, check-wheel-contents and pyroma (10/10) passed")
    check_files(wheel, sdist)
    try_everywhere(wheel, pyproject)
    for path in sorted(DIST.iterdir()):
        say(f"dist/{path.name}, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except ReleaseError as error:
        raise SystemExit(f"make release: {error}") from None
