"""Every page in each of its states: reachable for people, and closed to other sites."""

import pytest

from piccolo_api_fastapi.testing import no_rate_limits
from tests.integration.browser import needs_chromium
from tests.pages.in_chromium.conftest import Visit
from tests.pages.in_chromium.gallery import STATES, create_users, gallery
from tests.pages.in_chromium.inspection import inspect, inspect_by_axe
from tests.pages.in_chromium.site import Site

pytestmark = pytest.mark.slow


@needs_chromium
@pytest.mark.timeout(300)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_every_page(visit: Visit, site: Site, axe: str) -> None:
    """
    Each state of each page has its headers, one heading, labels, tokens, descriptions and the
    focus on its errors, fits 320 px, and 640 px with text of twice the size, and loads nothing
    from elsewhere. Axe finds nothing in three sets of colours.
    """
    await create_users(site)
    problems: dict[str, list[str]] = {}
    with no_rate_limits():
        async with visit() as visitor:
            await visitor.page.run_aside(axe)
            async for state in gallery(visitor):
                problems[state] = await inspect(visitor)
                problems[state] += await inspect_by_axe(visitor, colors=True)
    assert {state: found for state, found in problems.items() if found} == {}
    assert len(problems) == STATES
