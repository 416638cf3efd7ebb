"""Packages of Node, for tests that run clients and linters of others."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def install(source: Path, folder: Path) -> Path:
    """
    Copy the files of a folder, and install the packages that its `package.json` names.

    The test is skipped without Node or a registry; with `CI=true` it fails.
    """
    give_up = pytest.fail if os.environ.get("CI") else pytest.skip
    if shutil.which("npm") is None:
        give_up("Node is not installed: there is no npm")
    for file in source.iterdir():
        shutil.copy(file, folder)
    command = ["npm", "install", "--no-audit", "--no-fund", "--prefer-offline"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        give_up(f"npm can't fetch its packages: {done.stderr[-200:]}")
    return folder
