"""
Runs the hand-made mutants: changes to the package that a test must notice.

    python tests/mutants/run.py [--wing users]

Each file beside this one lists mutants as `(file below the package, text that occurs exactly
once, its replacement, tests that must fail)`. Each is applied to a copy of the repository, and
its tests run there. A mutant is killed if they fail. The same tests must pass on an unchanged
copy. The exit code is 1 if any mutant survives or can't be judged.
"""

import argparse
import os
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PACKAGE = "piccolo_api_fastapi"
PARTS = (PACKAGE, "tests", "examples", "docs", "pyproject.toml", "README.md")
SECONDS = 300  # for the tests of one mutant
UNCHANGED_SECONDS = 3600  # for all of these tests, one after the other
PARALLEL = 2

Mutant: TypeAlias = tuple[str, str, str, str]


@dataclass(frozen=True)
class Job:
    """Tests to run on a copy, changed by a mutant or not at all."""

    tests: str
    mutant: Mutant | None = None

    @property
    def name(self) -> str:
        """One line for the report."""
        if self.mutant is None:
            return "unchanged"
        path, old, new, _ = self.mutant
        return f"{path}: {old!r} -> {new!r}"

    def judge(self) -> tuple[str, str]:
        """The verdict, and the output of the tests if it is not the wanted one."""
        with tempfile.TemporaryDirectory(prefix="mutant_") as folder:
            _copy(Path(folder))
            if self.mutant is not None:
                path, old, new, _ = self.mutant
                file = Path(folder, PACKAGE, path)
                source = file.read_text("utf-8") if file.is_file() else ""
                if (count := source.count(old)) != 1:
                    return f"stale: the text occurs {count} times", ""
                file.write_text(source.replace(old, new), "utf-8")
            seconds = UNCHANGED_SECONDS if self.mutant is None else SECONDS
            code, output = _pytest(Path(folder), self.tests, seconds)
        if code is None:
            return f"timed out after {seconds} s", output
        wanted, other = ("passed", "failed") if self.mutant is None else ("survived", "killed")
        verdict = {0: wanted, 1: other}.get(code, f"broken: pytest ended with {code}")
        return verdict, "" if verdict in GOOD else output


GOOD = {"passed", "killed"}


def _copy(folder: Path) -> None:
    ignore = shutil.ignore_patterns("*.sqlite*")  # what is compiled stays: copies keep their times
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=ignore)
        else:
            shutil.copy(source, folder / part)


def _pytest(folder: Path, tests: str, seconds: float) -> tuple[int | None, str]:
    """The exit code of pytest, or `None` if it took too long, and the end of its output."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    running = subprocess.Popen(
        [*command, *tests.split()],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # so that servers which a test started end with it
    )
    try:
        output, _ = running.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, signal.SIGKILL)
        output, _ = running.communicate()
        return None, output[-1500:]
    return running.returncode, output[-1500:]


def find_mutants(wing: str | None) -> list[Mutant]:
    """The mutants of one wing, or of all."""
    files = [path for path in sorted(HERE.glob("*.py")) if path.name != Path(__file__).name]
    if wing is not None:
        files = [path for path in files if path.stem == wing]
    return [mutant for path in files for mutant in runpy.run_path(str(path))["MUTANTS"]]


def _report(job: Job) -> bool:
    begin = time.monotonic()
    verdict, output = job.judge()
    lines = [f"{verdict:<9} {time.monotonic() - begin:5.1f} s  {job.name}", output]
    print("\n".join(filter(None, lines)), flush=True)  # noqa: T201 - a report
    return verdict in GOOD


def main() -> int:
    """Run them all, and say which survive."""
    parser = argparse.ArgumentParser(description="Run the mutants; each must be killed.")
    parser.add_argument("--wing", help="the name of one file of mutants, without `.py`")
    mutants = find_mutants(wing := parser.parse_args().wing)
    if not mutants:
        parser.error(f"No mutants for the wing {wing!r}; see tests/mutants/.")
    every = dict.fromkeys(test for mutant in mutants for test in mutant[3].split())
    jobs = [Job(" ".join(every))]
    jobs += [Job(mutant[3], mutant) for mutant in mutants]
    with ThreadPoolExecutor(PARALLEL) as pool:
        results = list(pool.map(_report, jobs))
    bad = [job.name for job, is_good in zip(jobs, results, strict=True) if not is_good]
    summary = [f"{len(mutants)} mutants, {len(bad)} not as wanted", *bad]
    print("\n  ".join(summary))  # noqa: T201 - a report
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
