"""One browser for all tests, and one site for those of a module."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.integration import npm
from tests.integration.browser import Chromium, open_chromium
from tests.pages.in_chromium.site import Site, Visitor, open_site


class Visit(Protocol):
    """Opens a tab on the site, in a profile of its own unless it is beside another visitor's."""

    def __call__(
        self, *, javascript: bool = True, beside: Visitor | None = None
    ) -> AbstractAsyncContextManager[Visitor]:
        """Open it."""
        ...


@pytest.fixture(scope="session")
async def chromium(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Chromium]:
    """A browser."""
    async with open_chromium(tmp_path_factory.mktemp("chromium")) as chromium:
        yield chromium


@pytest.fixture(scope="module")
def served() -> Iterator[Site]:
    """A site whose mailed links need a script."""
    with open_site() as site:
        yield site


@pytest.fixture
def site(served: Site, database_of_any_loop: Any) -> Site:
    """The site, on the empty tables of the database."""
    served.mail.clear()
    served.log.clear()
    return served


@pytest.fixture
def visit(chromium: Chromium, site: Site) -> Visit:
    """Opens tabs on the site."""
    return visiting(chromium, site)


def visiting(chromium: Chromium, site: Site) -> Visit:
    """Return the function that opens tabs on a site."""

    @asynccontextmanager
    async def visit(
        *, javascript: bool = True, beside: Visitor | None = None
    ) -> AsyncIterator[Visitor]:
        other = beside.page if beside else None
        async with chromium.tab(javascript=javascript, beside=other) as page:
            yield Visitor(page, site)

    return visit


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The source of axe-core, which finds what is hard to reach for people."""
    folder = npm.install(Path(__file__).with_name("axe"), tmp_path_factory.mktemp("axe"))
    return (folder / "node_modules/axe-core/axe.min.js").read_text("utf-8")
