"""Packages of Node, for tests that run clients and linters of others."""

import os
import shutil
import subprocess
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

KEPT = Path(__file__).parents[2] / ".node_modules"
"""The packages of each `package.json`, which are unpacked once for all runs of the tests."""


def install(source: Path, folder: Path) -> Path:
    """
    Copy the files of a folder, and link the packages that its `package.json` names.

    The test is skipped without Node or a registry; with `CI=true` it fails.
    """
    give_up = pytest.fail if os.environ.get("CI") else pytest.skip
    if shutil.which("npm") is None:
        give_up("Node is not installed: there is no npm")
    for file in source.iterdir():
        shutil.copy(file, folder)
    try:
        packages = _packages_of(source / "package.json")
    except subprocess.CalledProcessError as error:
        give_up(f"npm can't fetch its packages: {error.stderr[-200:]}")
    (folder / "node_modules").symlink_to(packages)
    return folder


def _packages_of(file: Path) -> Path:
    """The packages that a `package.json` names, from the registry if they aren't here yet."""
    kept = KEPT / f"{file.parent.name}-{sha256(file.read_bytes()).hexdigest()[:8]}"
    if not kept.exists():
        KEPT.mkdir(exist_ok=True)
        with TemporaryDirectory(dir=KEPT) as fresh:
            project = Path(fresh, "project")
            project.mkdir()
            shutil.copy(file, project)
            command = ["npm", "install", "--no-audit", "--no-fund", "--prefer-offline"]
            subprocess.run(command, cwd=project, capture_output=True, text=True, check=True)
            with suppress(OSError):  # another process was first
                project.rename(kept)
    return kept / "node_modules"
