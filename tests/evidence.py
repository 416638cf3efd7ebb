"""Write `docs/evidence.md`: which tests prove which security statement, on which databases."""

import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "evidence.md"
STATEMENTS = Path(__file__).parent / "statements.md"
ASVS = Path(__file__).parent / "asvs.md"

_STATEMENT = re.compile(r"(?P<number>\d+)\. (?P<text>.*?)(?: — (?P<source>[^—]*))?$")

_HEAD = """\
# Evidence

What this library claims about security, one statement at a time, where each comes from, and the
tests that prove it. `python -m tests.evidence` makes this page from the tests, and a test fails if
it is out of date. The tests go through real applications and real tables.

"401*" is a 401 with `WWW-Authenticate` and the body of an [error](errors.md). "V" begins a
requirement of OWASP ASVS 5.0.0, "NIST" is SP 800-63B-4, "CS" an OWASP Cheat Sheet. Of the
databases, S is SQLite and P is PostgreSQL; – means that the test chooses none. What is left to
your application is in the [threat model](threat_model.md).
"""

_ASVS_HEAD = """
## OWASP ASVS 5.0

The chapters on authentication, sessions, authorization, tokens, OAuth and cryptography: the
statements above that name a requirement of each section, what your application has to do, and
what is not covered.

| section | statements | your part | not covered |
|---|---|---|---|
"""


@dataclass
class Statement:
    """A statement, and the databases of the tests that prove it."""

    number: int
    text: str
    source: str
    tests: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


class Collector:
    """A plugin of pytest that finds the tests of each statement."""

    def __init__(self) -> None:
        self.tests: dict[int, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))

    def pytest_collectstart(self, collector: pytest.Collector) -> None:
        """Spare schemathesis the requests of tests that only their names are asked of."""
        schema = getattr(collector, "schema", None)
        if schema is not None:
            schema.config.phases.update(phases=["fuzzing"])

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Read the marks of all tests."""
        for item in session.items:
            assert isinstance(item, pytest.Function)
            where = f"{item.path.relative_to(ROOT)}::{item.originalname}"
            parameters = item.callspec.params if hasattr(item, "callspec") else {}
            database = str(parameters.get("database", ""))
            for mark in item.iter_markers("security"):
                for number in mark.args:
                    self.tests[number][where].add(database)


def statements() -> dict[str, list[Statement]]:
    """The statements by their headings."""
    found: dict[str, list[Statement]] = {}
    for line in STATEMENTS.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            found[line[3:]] = []
        elif match := _STATEMENT.fullmatch(line):
            list(found.values())[-1].append(
                Statement(int(match["number"]), match["text"], match["source"] or "")
            )
    return found


def page(tests: dict[int, dict[str, set[str]]]) -> str:
    """The page."""
    parts = [_HEAD]
    for heading, members in statements().items():
        parts.append(f"\n## {heading}\n")
        parts += [_entry(statement, tests.get(statement.number, {})) for statement in members]
    return "".join([*parts, _asvs()])


def _entry(statement: Statement, tests: dict[str, set[str]]) -> str:
    source = f" — *{statement.source}*" if statement.source else ""
    lines = [f"\n**{statement.number}.** {statement.text}{source}\n"]
    rows = [f"| `{where}` | {_letters(names)} |\n" for where, names in sorted(tests.items())]
    if rows:
        lines += ["\n| test | databases |\n|---|---|\n", *rows]
    else:
        lines.append("\nNot proved by a test.\n")
    return "".join(lines)


def _letters(databases: set[str]) -> str:
    letters = {"sqlite": "S", "postgres": "P"}
    return " ".join(letter for name, letter in letters.items() if name in databases) or "–"


def _asvs() -> str:
    """The sections of OWASP ASVS, with the statements that name one of their requirements."""
    proved: dict[str, list[int]] = defaultdict(list)
    for statement in (one for members in statements().values() for one in members):
        for section in dict.fromkeys(_sections(statement.source)):
            proved[section].append(statement.number)
    rows = []
    for line in ASVS.read_text(encoding="utf-8").splitlines():
        if re.match(r"V\d+\.\d+ \|", line):
            section, title, yours, missing = (part.strip() for part in line.split("|"))
            numbers = ", ".join(map(str, proved[section]))
            rows.append(f"| {section} {title} | {numbers} | {yours} | {missing} |\n")
    return _ASVS_HEAD + "".join(rows)


def _sections(source: str) -> Iterator[str]:
    """The sections of the requirements in a source, such as `V6.2.8, 6.2.9`."""
    for listed in re.findall(r"V(\d+\.\d+\.\d+(?:[–, ]+\d+\.\d+\.\d+)*)", source):
        for requirement in re.findall(r"(\d+\.\d+)\.\d+", listed):
            yield f"V{requirement}"


def collect() -> dict[int, dict[str, set[str]]]:
    """The tests of each statement, by its number. It collects all tests of this process."""
    collector = Collector()
    code = pytest.main(
        ["--collect-only", "-qq", "--no-header", "-p", "no:cacheprovider", str(ROOT / "tests")],
        plugins=[collector],
    )
    assert code == 0
    return collector.tests


def main() -> None:
    """Write the page, or with `--check` fail if it is out of date."""
    text = page(collect())
    if "--check" not in sys.argv:
        PAGE.write_text(text, encoding="utf-8")
    elif text != PAGE.read_text(encoding="utf-8"):
        sys.exit("docs/evidence.md is out of date: run python -m tests.evidence")


if __name__ == "__main__":
    main()
