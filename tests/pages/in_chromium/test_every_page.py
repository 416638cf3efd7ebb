"""Every page in each of its states: reachable for people, and closed to other sites."""

import pytest

from piccolo_api_fastapi.testing import no_rate_limits
from tests.integration.browser import needs_chromium
from tests.pages.in_chromium.conftest import Visit
from tests.pages.in_chromium.gallery import STATES, create_users, gallery
from tests.pages.in_chromium.inspection import inspect
from tests.pages.in_chromium.site import Site


@needs_chromium
@pytest.mark.timeout(300)
@pytest.mark.parametrize("colors", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_every_page(visit: Visit, site: Site, axe: str, *, colors: bool) -> None:
    """
    Each has its headers, one heading, labels, tokens, descriptions and the focus on its errors,
    fits 320 px, loads nothing from elsewhere, and axe finds nothing in three sets of colours.
    """
    await create_users(site)
    problems = {}
    with no_rate_limits():
        async with visit() as visitor:
            async for state in gallery(visitor):
                problems[state] = await inspect(visitor, axe, colors=colors)
    assert {state: found for state, found in problems.items() if found} == {}
    assert len(problems) == STATES
