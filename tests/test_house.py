"""The house rules, held by reading the source."""

import ast
import importlib
import inspect
import re
import runpy
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import get_origin

import pytest

import piccolo_api_fastapi

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "piccolo_api_fastapi"
SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if "piccolo_migrations" not in path.parts)
FEATURES = sorted(
    path.parent
    for path in PACKAGE.rglob("*/__init__.py")
    if "piccolo_migrations" not in path.parts and "__all__" in path.read_text(encoding="utf-8")
)

# Functions that rightly read and then update: "feature/service.py:function", and the reason.
SELECT_THEN_UPDATE: dict[str, str] = {}


def name_of(path: Path) -> str:
    """The path inside the package, as a test id."""
    return path.relative_to(PACKAGE).as_posix()


def named(*names: str) -> list[Path]:
    """All source files whose names end like this: `change_queries.py` holds queries, too."""
    return [path for path in SOURCES if path.name.endswith(names)]


def tree_of(path: Path) -> ast.Module:
    """The parsed source."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imported_modules(tree: ast.AST) -> Iterator[str]:
    """The modules that the source imports from elsewhere."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def is_docstring(node: ast.stmt) -> bool:
    """Whether the statement is a bare string."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def names_assigned(node: ast.stmt) -> list[str]:
    """The names that a plain assignment binds."""
    if not isinstance(node, ast.Assign):
        return []
    return [target.id for target in node.targets if isinstance(target, ast.Name)]


def test_there_is_a_package_to_read() -> None:
    """The rules below read real files."""
    assert PACKAGE / "__init__.py" in SOURCES
    assert FEATURES


def misexported(folder: Path) -> list[str]:
    """What an `__init__` does but to import what its `__all__` names."""
    tree = tree_of(folder / "__init__.py")
    imported: list[str] = []
    wrong: list[str] = []
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            imported += [alias.asname or alias.name for alias in node.names]
        elif not is_docstring(node) and names_assigned(node) != ["__all__"]:
            wrong.append(ast.unparse(node))
    dotted = ".".join(folder.relative_to(ROOT).parts)
    exported: list[str] = importlib.import_module(dotted).__all__
    twice = [name for name in exported if exported.count(name) > 1]
    return [f"{dotted}: {name}" for name in [*wrong, *twice, *{*exported} ^ {*imported}]]


def test_exports_equal_all() -> None:
    """An `__init__` imports what `__all__` names, and does nothing else."""
    assert [name for folder in [PACKAGE, *FEATURES] for name in misexported(folder)] == []


def documented_in_source(name: str) -> bool:
    """Whether a string stands beneath the assignment of this public name (an alias, a constant)."""
    for path in SOURCES:
        body = tree_of(path).body
        for node, below in pairwise(body):
            bound = names_assigned(node)
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                bound = [node.target.id]
            if name in bound and is_docstring(below):
                return True
    return False


def has_docstring(name: str) -> bool:
    """Whether a public name says what it is: in its docstring, or beneath an alias."""
    value = getattr(piccolo_api_fastapi, name)
    is_alias = get_origin(value) is not None  # Python 3.10 takes some for classes
    if not is_alias and (inspect.isclass(value) or inspect.isroutine(value)):
        return bool(value.__doc__)
    return documented_in_source(name)


def test_public_names_have_a_docstring() -> None:
    """What `__all__` names says what it is."""
    assert [name for name in piccolo_api_fastapi.__all__ if not has_docstring(name)] == []


def test_public_names_are_in_the_documentation() -> None:
    """What `__all__` names appears on a page of docs/."""
    pages = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs").rglob("*.md"))
    words = set(re.findall(r"\w+", pages))
    assert set() == set(piccolo_api_fastapi.__all__) - words


def test_fastapi_reads_annotations_that_are_objects() -> None:
    """Where FastAPI reads signatures, annotations are never strings."""
    readers = named("router.py", "dependencies.py")
    assert [
        name_of(path) for path in readers if "__future__" in set(imported_modules(tree_of(path)))
    ] == []


def test_queries_and_tables_know_no_web_framework() -> None:
    """Neither FastAPI nor Starlette nor Pydantic is imported below the dependencies."""
    assert [
        f"{name_of(path)}: {module}"
        for path in named("queries.py", "tables.py")
        for module in imported_modules(tree_of(path))
        if module.partition(".")[0] in {"fastapi", "starlette", "pydantic"}
    ] == []


CLOCKS = {
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
    ("date", "today"),
    ("time", "time"),
    ("time", "time_ns"),
}


def times_asked(path: Path) -> set[tuple[str | None, str]]:
    """How a file asks what time it is."""
    tree = tree_of(path)
    attributes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    asked = {(ast.unparse(node.value).rpartition(".")[2], node.attr) for node in attributes}
    imported = {
        (node.module, alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    return (asked | imported) & CLOCKS


def test_only_the_clock_asks_for_the_time() -> None:
    """`datetime.now()`, `time.time()` and their kin stand in `clock.py` alone."""
    assert [name_of(path) for path in SOURCES if times_asked(path)] == ["clock.py"]


def test_mutants_are_of_this_package() -> None:
    """The text that a mutant replaces occurs exactly once, and it replaces it by another."""
    stale = [
        f"{path}: {old!r}"
        for file in (ROOT / "tests" / "mutants").glob("*.py")
        if file.stem != "run"
        for path, old, new, _ in runpy.run_path(str(file))["MUTANTS"]
        if (PACKAGE / path).read_text(encoding="utf-8").count(old) != 1 or old == new
    ]
    assert stale == []


def test_nothing_is_left_for_later() -> None:
    """No stubs, no notes to self, no code exempt from coverage."""
    unfinished = re.compile(
        r"\b(NotImplementedError|TODO|FIXME|XXX|HACK)\b|pragma: no (cover|branch)"
    )
    assert [
        f"{name_of(path)}: {found[0]}"
        for path in SOURCES
        for found in unfinished.finditer(path.read_text(encoding="utf-8"))
    ] == []


VERBS = {
    "select": "select",
    "objects": "select",
    "exists": "select",
    "get_or_create": "select",
    "refresh": "select",
    "update": "update",
    "update_self": "update",
    "save": "update",
}


def verbs_of(function: ast.AST) -> set[str]:
    """Which of `select` and `update` the function does: by Piccolo's methods or in its SQL."""
    verbs: set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Attribute):
            word = node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            statement = re.match(r"\s*(?:WITH\b.*\b)?(SELECT|UPDATE)\s", node.value, re.DOTALL)
            word = statement[1].lower() if statement else ""
        else:
            continue
        verbs.add(VERBS.get(word, ""))
    return verbs - {""}


STATEMENTS = named("queries.py", "service.py", "users.py", "attempts.py", "guesses.py")
"""Where the package reads and writes its tables."""


def functions_of(path: Path) -> Iterator[tuple[str, ast.AST]]:
    """The functions of a file, each with its name."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef):
            yield f"{name_of(path)}:{node.name}", node


def test_no_select_then_update() -> None:
    """
    No function reads auth tables and then updates them: state changes by one guarded statement.

    Between a read and a write another request does the same. Each exception has a reason.
    """
    found = {
        name
        for path in STATEMENTS
        for name, function in functions_of(path)
        if verbs_of(function) == {"select", "update"}
    }
    assert found == set(SELECT_THEN_UPDATE)
    assert all(SELECT_THEN_UPDATE.values())


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("async def f(): await T.select().where(T.id == 1); await T.update({})", True),
        ("async def f(): await T.raw('SELECT 1'); await T.raw('UPDATE t SET a = 1')", True),
        ("async def f(): await T.objects().first(); await T.update({})", True),
        ("async def f(): await T.update({}).returning(T.id)", False),
        ("async def f(): await T.raw('UPDATE t SET a = (SELECT 1) RETURNING a')", False),
        ("async def f(): await T.select()", False),
    ],
)
def test_the_lock_sees_both_verbs(source: str, *, expected: bool) -> None:
    """The rule above is not blind: it finds both verbs, by method and in SQL."""
    assert expected == (verbs_of(ast.parse(source)) == {"select", "update"})


def tracked_files() -> list[Path]:
    """The repository's text files; those of the folder where it is no checkout."""
    git = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(git, capture_output=True, check=False)
    names = listing.stdout.decode().split("\0") if listing.returncode == 0 else []
    paths = [ROOT / name for name in names if name] or [*ROOT.glob("*.*"), *SOURCES]
    return [path for path in paths if path.is_file()]


def test_the_repository_speaks_of_itself_alone() -> None:
    """Nothing names folders or notes that only one machine has."""
    # Put together here, so that this file does not name them either.
    elsewhere = re.compile("|".join([r"\.\./" + "shared", "DEVELOPERS" + r"\.md", "/" + "work/"]))
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in tracked_files()
        if (match := elsewhere.search(path.read_text(encoding="utf-8", errors="replace")))
    ]
    assert found == []


def test_ci_runs_the_tests_as_the_readme_says() -> None:
    """Whoever reads the README finds the command that a change has to pass."""
    assert "`make test`" in (ROOT / "README.md").read_text(encoding="utf-8")
    commands = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert any(command.split()[:2] == ["make", "test"] for command in commands)
