"""Piccolo's command line in a process of its own."""

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.integration.processes import PROCESSES


def run_command(folder: Path, arguments: tuple[str, ...], typed: str) -> tuple[int | None, str]:
    """
    Run `piccolo …` in a folder.

    Args:
        folder: Holds `project_conf.py`.
        arguments: What stands behind `piccolo`.
        typed: What is typed; it comes from no terminal.

    Returns:
        The exit code, and all that was printed.
    """
    with TemporaryDirectory() as name:
        files = Path(name)
        (files / "typed").write_text(typed)
        process = PROCESSES.Process(
            target=_piccolo, args=(folder, arguments, files, dict(os.environ))
        )
        process.start()
        process.join()
        code = process.exitcode
        process.close()
        return code, (files / "printed").read_text()


def _piccolo(
    folder: Path, arguments: tuple[str, ...], files: Path, environment: dict[str, str]
) -> None:
    os.setsid()
    os.chdir(folder)
    os.environ.update(environment, PICCOLO_CONF="project_conf")
    with (files / "typed").open() as typed, (files / "printed").open("w") as printed:
        os.dup2(typed.fileno(), 0)
        sys.stdin = os.fdopen(0)
        os.dup2(printed.fileno(), 1)
        os.dup2(printed.fileno(), 2)
    sys.path.insert(0, str(folder))
    sys.argv = ["piccolo", *arguments]

    from piccolo.main import main

    main()
