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
@pytest.mark.parametrize("is_whole", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_every_page(visit: Visit, site: Site, axe: str, *, is_whole: bool) -> None:
    """
    Each state of each page has its headers, one heading, labels, tokens, descriptions and the
    focus on its errors, fits 320 px and loads nothing from elsewhere. Axe finds nothing on any
    page; on the whole, in none of its states, in three sets of colours.
    """
    await create_users(site)
    problems: dict[str, list[str]] = {}
    with no_rate_limits():
        async with visit() as visitor:
            async for state in gallery(visitor):
                is_new = not any(state.startswith(known.partition(",")[0]) for known in problems)
                problems[state] = await inspect(visitor)
                if is_whole or is_new:
                    problems[state] += await inspect_by_axe(visitor, axe, colors=is_whole)
    assert {state: found for state, found in problems.items() if found} == {}
    assert len(problems) == STATES
