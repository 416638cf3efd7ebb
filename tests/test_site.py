"""The documentation as readers find it: links lead somewhere, and pages fit the screen."""

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from markdown.extensions.toc import slugify, unique  # type: ignore[import-untyped]

from tests.integration.browser import Page, needs_chromium, open_chromium
from tests.test_docs import FENCE

ROOT = Path(__file__).parent.parent
FOLDERS = ("docs", "examples", "benchmarks", "piccolo_api_fastapi")
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *(page for folder in FOLDERS for page in sorted((ROOT / folder).rglob("*.md"))),
]

LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(.+?)(?: \{ #([\w-]+) \})?$", re.MULTILINE)
NAME = re.compile(r"^::: (\S+)$", re.MULTILINE)
CODE = re.compile(r"`[^`\n]*`")
IN_PYTHON = re.compile(r"\bdocs/[\w/]+\.md(?:#[\w-]+)?")


@cache
def anchors_of(page: Path) -> set[str]:
    """The anchors of a page: its headings, and names of the reference."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    anchors = {*NAME.findall(text)}
    for title, anchor in HEADING.findall(text):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).replace("`", "").replace("*", "")
        anchors.add(anchor or unique(slugify(words, "-"), anchors))
    return anchors


def is_there(target: str, page: Path) -> bool:
    """Whether a link on a page leads to a file of the repository, and to an anchor in it."""
    if re.match(r"\w+:", target):
        return True
    path, _, anchor = target.partition("#")
    found = (page.parent / path) if path else page
    if not found.exists():
        return False
    if not anchor or found.suffix != ".md":
        return True
    return anchor in anchors_of(found) or anchor.rpartition(".")[0] in anchors_of(found)


def links_of(page: Path) -> list[str]:
    """The targets of the links and pictures on a page."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    return LINK.findall(CODE.sub("", text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    """Each relative link is to a file and an anchor that exist."""
    assert [target for target in links_of(page) if not is_there(target, page)] == []


def test_pages_named_in_python_exist() -> None:
    """So does each page that a message, a check or a docstring of the package names."""
    named = {
        target
        for folder in ("piccolo_api_fastapi", "examples")
        for path in (ROOT / folder).rglob("*.py")
        for target in IN_PYTHON.findall(path.read_text(encoding="utf-8"))
    }
    assert named
    assert [target for target in sorted(named) if not is_there(target, ROOT / "README.md")] == []


def test_dead_links_are_found(tmp_path: Path) -> None:
    """A missing page and a missing anchor are found, and neither is an anchor that exists."""
    page = tmp_path / "page.md"
    page.write_text("# One\n\n## `Two` is [here](a.md)\n\n## One\n\n## Three { #3 }\n\n::: a.b\n")
    there = ["https://example.com", "page.md#one", "#two-is-here", "#one_1", "#3", "#a.b", "#a.b.c"]
    missing = ["other.md", "#three", "page.md#four", "other.md#one", "#b"]
    assert [is_there(target, page) for target in there] == [True] * len(there)
    assert [is_there(target, page) for target in missing] == [False] * len(missing)


def test_the_reference_lists_every_name() -> None:
    """The table of the reference has a row for each name, which leads to its page."""
    folder = ROOT / "docs" / "reference"
    listed = re.findall(
        r"\]\((\w+\.md#[\w.]+)\)", (folder / "index.md").read_text(encoding="utf-8")
    )
    there = [
        f"{page.name}#{name}"
        for page in folder.glob("*.md")
        for name in NAME.findall(page.read_text(encoding="utf-8"))
    ]
    assert sorted(there) == sorted(listed)


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files, which browsers may keep, and logs nothing."""

    protocol_version = "HTTP/1.1"

    def end_headers(self) -> None:
        """Let browsers keep what all pages have in common."""
        self.send_header("Cache-Control", "max-age=600")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name
        """Log nothing."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[str]]]:
    """
    The address of the built site, and the paths of its pages.

    Its search knows one text: the browser would index all of them again on each page.
    """
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    search = folder / "search" / "search_index.json"
    index = json.loads(search.read_text("utf-8"))
    search.write_text(json.dumps({**index, "docs": index["docs"][:1]}), "utf-8")
    pages = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.html"))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", pages
        server.shutdown()
        thread.join()


MISFITS = """[
    ...document.querySelectorAll("article :is(h1, h2, h3, p, li, td, th)")
].filter(element => element.scrollWidth > element.clientWidth + 8)
.map(element => element.textContent.trim().slice(0, 60))
.concat(document.documentElement.scrollWidth > innerWidth ? ["the page"] : [])"""
"""What is wider than its place. Eight pixels are the padding of code that is broken."""


async def misfits_at(page: Page, width: int) -> list[str]:
    """What does not fit on the page in a window of this width."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    await page.call("Emulation.setDeviceMetricsOverride", **size)
    found: list[str] = await page.run(MISFITS)
    return found


@needs_chromium
@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("part", ["guide", "reference"])
async def test_every_page_fits(site: tuple[str, list[str]], tmp_path: Path, part: str) -> None:
    """At the widths of a desk and of a telephone nothing is wider than its place; all is ours."""
    address, every = site
    pages = [path for path in every if path.startswith("reference/") == (part == "reference")]
    assert pages
    async with open_chromium(tmp_path) as chromium, chromium.tab() as page:
        misfits: dict[str, list[str]] = {}
        widths = [1280, 390]
        for path in pages:
            await page.open(f"{address}/{path}")
            for width in widths:
                misfits[f"{path} at {width}"] = await misfits_at(page, width)
            widths.reverse()  # the next page is loaded at the width of this one
        requested = {str(request["request"]["url"]) for request in page.requests}
    assert {place: found for place, found in misfits.items() if found} == {}
    assert [url for url in requested if not url.startswith((address, "data:"))] == []
    assert page.complaints == []
