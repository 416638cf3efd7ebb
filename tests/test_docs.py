"""The documentation: its Python runs, and it names all that there is."""

import ast
import inspect
import logging
import re
import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Container, Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from mkdocs.config import load_config
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from mkdocs.utils import meta
from piccolo.apps.user.tables import BaseUser
from piccolo.engine.sqlite import SQLiteEngine
from piccolo.table import TABLE_REGISTRY, Table, create_db_tables

import piccolo_api_fastapi
from piccolo_api_fastapi import Users, errors, features, pages, testing
from piccolo_api_fastapi.core.database.user_tables import user_table_of
from tests.conftest import PASSWORD, SECRET, STOCK, use_engine

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
SKILL = ROOT / "piccolo_api_fastapi" / ".agents" / "skills" / "piccolo-api-fastapi" / "SKILL.md"
PAGES = [ROOT / "README.md", SKILL, *sorted(DOCS.rglob("*.md"))]

FENCE = re.compile(
    r"^(?P<indent> *)```(?P<kind>[^\n`]*)\n(?P<body>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
TITLE = re.compile(r'\w+ title="([\w/.]+)"')
PAGE = "a page"
"""The name of the module that a page is executed as."""

DIRECTIVES = frozenset(
    name
    for page in PAGES
    for name in re.findall(r"^::: (\S+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
)


@pytest.fixture(scope="module")
async def stock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the tables of `User`."""
    path = tmp_path_factory.mktemp("stock") / "app.sqlite"
    use_engine(SQLiteEngine(path=str(path)))
    await create_db_tables(*STOCK)
    return path


@pytest.fixture(scope="module")
async def peopled(stock: Path) -> Path:
    """The same with two users."""
    path = stock.with_name("peopled.sqlite")
    shutil.copy(stock, path)
    use_engine(SQLiteEngine(path=str(path)))
    await Users().create("ada", PASSWORD, email="ada@example.com")
    await Users().create("grace", PASSWORD, email="grace@example.com", admin=True)
    return path


@pytest.fixture
def engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undeclared: None, stock: Path
) -> Iterator[SQLiteEngine]:
    """A folder with a `piccolo_conf` and a database, as the reader of a page has one."""
    shutil.copy(stock, tmp_path / "app.sqlite")
    engine = SQLiteEngine(path=str(tmp_path / "app.sqlite"), timeout=30)
    use_engine(engine)
    conf = ModuleType("piccolo_conf")
    conf.__dict__["DB"] = engine
    monkeypatch.setitem(sys.modules, "piccolo_conf", conf)
    monkeypatch.setenv("JWT_SECRET", SECRET)
    monkeypatch.chdir(tmp_path)
    logger = logging.getLogger("piccolo_api_fastapi")
    level, handlers = logger.level, logger.handlers[:]
    registered = set(TABLE_REGISTRY)
    yield engine
    logger.setLevel(level)
    logger.handlers[:] = handlers
    TABLE_REGISTRY[:] = [
        table for table in TABLE_REGISTRY if table in registered or not is_of_a_page(table)
    ]


def is_of_a_page(table: type[Table]) -> bool:
    """Whether a page defines the table, or the user table that it belongs to."""
    owner = table if issubclass(table, BaseUser) else user_table_of(table)
    return PAGE in {table.__module__, owner.__module__}


async def prepare(engine: SQLiteEngine, others: Container[type[Table]]) -> None:
    """Put the tables there are by now on the engine, without the others."""
    use_engine(engine)
    tables = [
        table
        for table in TABLE_REGISTRY
        if table not in others and (issubclass(table, BaseUser) or "auth_" in table._meta.tablename)
    ]
    await create_db_tables(*tables, if_not_exists=True)


async def execute(source: str, name: str, namespace: dict[str, Any]) -> None:
    """Execute Python that may await at its top level."""
    code = compile(source, name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    running = eval(code, namespace)  # noqa: S307 - our own examples
    if inspect.isawaitable(running):
        await running


def blocks_of(page: Path) -> Iterator[tuple[int, str, str]]:
    """The code blocks of a page: the line each begins on, its kind and its text."""
    text = page.read_text(encoding="utf-8")
    for match in FENCE.finditer(text):
        line = text.count("\n", 0, match.start("body"))
        yield line, match["kind"].strip(), textwrap.dedent(match["body"])


def write(path: Path, text: str) -> None:
    """Write a file of a page into the reader's folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


async def run(page: Path, engine: SQLiteEngine) -> dict[str, Any]:
    """Write the files of a page and execute its Python, in order; what it defines."""
    namespace: dict[str, Any] = {"__name__": PAGE}
    others = set(TABLE_REGISTRY)
    for line, kind, text in blocks_of(page):
        if kind == "python":
            await prepare(engine, others)
            await execute("\n" * line + text, str(page), namespace)
        elif titled := TITLE.fullmatch(kind):
            write(Path(titled[1]), text)
    return namespace


def examples_of(name: str) -> list[str]:
    """The Python blocks in the docstring of a public name."""
    text = inspect.getdoc(PUBLIC[name]) or ""
    return [match["body"] for match in FENCE.finditer(text) if match["kind"] == "python"]


ALIASES = {"NONCE", "CaptchaVerifier", "Mail"}
"""Public names of types and texts, which have no docstring of their own at run time."""

PUBLIC = {
    name: getattr(module, name)
    for module in (features, pages, piccolo_api_fastapi)
    for name in module.__all__
}
NAMES = sorted(set(piccolo_api_fastapi.__all__) - ALIASES)


def test_public_names_have_an_example() -> None:
    """The docstring of every public class and function shows how it is used."""
    assert [name for name in NAMES if not examples_of(name)] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(PUBLIC) - ALIASES))
async def test_the_example_of_a_public_name_runs(
    name: str, engine: SQLiteEngine, peopled: Path
) -> None:
    """It runs as it stands, where there are the tables and two users."""
    shutil.copy(peopled, engine.path)
    for source in examples_of(name):
        await execute(source, name, {"__name__": PAGE})


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
async def test_the_python_of_a_page_runs(page: Path, engine: SQLiteEngine) -> None:
    """Every Python block runs, after those before it on its page; tests that it shows pass."""
    namespace = await run(page, engine)
    for name, value in namespace.items():
        if name.startswith("test_"):
            result = value()
            if inspect.isawaitable(result):
                await result


def test_every_block_says_what_it_is() -> None:
    """No block is Python under another name, so that none escapes the test above."""
    known = {
        "console",
        "dockerfile",
        "html",
        "http",
        "ini",
        "javascript",
        "json",
        "nginx",
        "python",
        "sql",
        "text",
        "typescript",
        "yaml",
    }
    kinds = {
        match["kind"].strip().partition(" ")[0]
        for page in PAGES
        for match in FENCE.finditer(page.read_text(encoding="utf-8"))
    }
    assert "python" in kinds
    assert set() == kinds - known


async def test_the_tutorial_answers_what_it_says(engine: SQLiteEngine) -> None:
    """The application of the tutorial gives the answers that are printed there."""
    page = DOCS / "tutorial.md"
    printed = page.read_text(encoding="utf-8")
    namespace = await run(page, engine)
    await Users().create("ada", PASSWORD, email="ada@example.com")
    transport = httpx.ASGITransport(app=namespace["app"])
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        answers = [await client.get("/me")]
        credentials = {"username": "ada", "password": PASSWORD}
        answers.append(await client.post("/auth/login", json=credentials))
        answers.append(await client.get("/me"))
        form = {"grant_type": "password", **credentials}
        token = (await client.post("/auth/token", data=form)).json()["access_token"]
        stolen = {"Cookie": f"insecure-session={client.cookies['insecure-session']}"}
        await client.post("/auth/logout")
        client.cookies.clear()
        answers.append(await client.get("/me", headers=stolen))
        header = {"Authorization": f"Bearer {token}"}
        answers.append(await client.get("/me", headers=header))
        answers.append(await client.get("/admin", headers=header))
    assert [answer.status_code for answer in answers] == [401, 200, 200, 401, 200, 403]
    for answer in answers:
        assert answer.text in printed


def test_public_names_are_in_the_reference() -> None:
    """The reference is rendered from the docstring of every public name."""
    names = {f"piccolo_api_fastapi.{name}" for name in piccolo_api_fastapi.__all__}
    assert set() == names - DIRECTIVES


def test_the_kit_is_in_the_reference() -> None:
    """So is every function and class of the testing kit."""
    names = {
        f"piccolo_api_fastapi.testing.{name}"
        for name, value in vars(testing).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__.startswith(testing.__name__)
    }
    assert names
    assert set() == names - DIRECTIVES


def test_every_error_is_documented() -> None:
    """The page of errors has a row for each, with its code, its status and its class."""
    page = (DOCS / "errors.md").read_text(encoding="utf-8")
    rows = {
        f"| `{value.code}` | {value.status} | `{value.__name__}` |"
        for value in vars(errors).values()
        if inspect.isclass(value) and issubclass(value, errors.AuthError)
    }
    assert rows
    assert set() == {row for row in rows if row not in page}


def test_every_event_and_every_reason_is_documented() -> None:
    """The names of events and the reason codes of a 422 are found on their pages."""
    source = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "piccolo_api_fastapi").rglob("*.py")
    )
    events = set(
        re.findall(
            r'"((?:authn|sys|excess)_[a-z_]+|session_ended|user_(?!agent)[a-z_]+(?:ed|fail|undone))"',
            source,
        )
    )
    reasons = set(re.findall(r'"((?:password|username|email|json)_[a-z]+(?:_[a-z]+)?)"', source))
    assert {"authn_token_reuse", "session_ended"} <= events
    reasons -= {"email_code", "email_link", "email_code_login"}  # factors
    reasons -= {"email_verified", "email_login_router"}  # a member, a router
    reasons -= {name for name in reasons if name.startswith("email_login")}  # pages
    assert {"password_common", "email_invalid"} <= reasons
    security = (DOCS / "security.md").read_text(encoding="utf-8")
    assert set() == {name for name in events if f"`{name}`" not in security}
    listed = (DOCS / "errors.md").read_text(encoding="utf-8")
    assert set() == {name for name in reasons if f"`{name}`" not in listed}


SNIPPET = re.compile(r'^--8<-- "(.+)"$', re.MULTILINE)
HEADING = re.compile(r"^#{2,6} (.+)$")
MARKUP = re.compile(r"!\[[^\]]*\]\([^)]*\)|\]\([^)]*\)|\{ [#.][^}]* \}$|&\w+;")


class Rendered(HTMLParser):
    """The words of the headings and of the rows in the tables of a rendered page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.headings: list[str] = []
        self.rows: list[str] = []
        self._into: list[str] | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        """Begin a heading or a row."""
        if tag == "tr" or re.fullmatch("h[2-6]", tag):
            self._into = self.rows if tag == "tr" else self.headings
            self._into.append("")

    def handle_endtag(self, tag: str) -> None:
        """End it."""
        if tag == "tr" or re.fullmatch("h[2-6]", tag):
            self._into = None

    def handle_data(self, data: str) -> None:
        """Add its words."""
        if self._into is not None:
            self._into[-1] += words_of(data)


def words_of(text: str) -> str:
    """The letters and digits of a text, without images and the targets of its links."""
    return re.sub(r"[\W_]+", "", MARKUP.sub("", text))


@cache
def mkdocs() -> MkDocsConfig:
    """The configuration of the site."""
    return load_config(str(ROOT / "mkdocs.yml"))


def render(text: str) -> Rendered:
    """Render a page as the site does."""
    site = mkdocs()
    page = Page(None, File("page.md", str(DOCS), site.site_dir, use_directory_urls=True), site)
    page.markdown = text
    page.render(site, Files([]))
    return Rendered(page.content or "")


def outside_of_fences(text: str) -> tuple[list[str], list[str]]:
    """The words of the lines that are to be headings, and of those that are to be rows."""
    lines = FENCE.sub("", text).splitlines()
    headings = [words_of(found[1]) for line in lines if (found := HEADING.match(line))]
    rows = [words_of(line) for line in lines if line.lstrip().startswith("|")]
    return headings, rows


def broken(text: str) -> set[str]:
    """The headings and rows of a page that its readers do not see as such, or see in part."""
    page = render(text)
    headings, rows = outside_of_fences(text)
    written, read = Counter(headings), Counter(page.headings)
    different = {*(written - read), *(read - written)}
    written, read = Counter(rows), Counter(page.rows)
    different |= {*(written - read), *(read - written)}
    return different - {""}  # the lines below the heads of tables, and heads without words


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", sorted(DOCS.rglob("*.md")), ids=lambda page: str(page.relative_to(DOCS))
)
def test_headings_and_tables_are_rendered(page: Path) -> None:
    """Each line with `##` is a heading on the site, and each line with `|` a whole row."""

    def snippet(found: re.Match[str]) -> str:
        return (ROOT / found[1]).read_text(encoding="utf-8")

    text, _ = meta.get_data(page.read_text(encoding="utf-8"))
    assert broken(SNIPPET.sub(snippet, text)) == set()


TABLE = "| A | B |\n|---|---|\n| 1 | [2](#two) |\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"{TABLE}\n## Two {'{ #two }'}\n\n{TABLE}", set()),
        (f"{TABLE}## Two\n| 3 | 4 |\n", {"Two"}),
        (f"{TABLE}## Two\n\n{TABLE}", {"Two"}),
        (f"Text\n{TABLE}", {"AB", "12"}),
        (f"## Two\n| 3 | 4 |\n\n{TABLE}", {"34"}),
        (f"{TABLE}| 3 | 4 | 5 |\n", {"345", "34"}),
    ],
)
def test_broken_tables_are_found(text: str, found: set[str]) -> None:
    """A heading between rows is found, and so are rows without a table or with cells too many."""
    assert broken(text) == found
