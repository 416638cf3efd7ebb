"""The pictures in the documentation: `SCREENSHOTS=docs/images/pages pytest …` takes them anew."""

import os
from pathlib import Path

import pytest

from piccolo_api_fastapi.testing import no_rate_limits
from tests.integration.browser import needs_chromium
from tests.pages.in_chromium.conftest import Visit
from tests.pages.in_chromium.gallery import create_users, gallery
from tests.pages.in_chromium.site import Site

FOLDER = os.environ.get("SCREENSHOTS", "")

PICTURES = {
    "login": "login",
    "register": "register",
    "totp_scan": "mfa",
    "sessions": "sessions",
    "api_tokens, one": "api-tokens",
}
"""The names of the pictures, by the state of the page."""

HEIGHT = "Math.ceil(document.querySelector('main').getBoundingClientRect().bottom - 24)"


@needs_chromium
@pytest.mark.skipif(not FOLDER, reason="SCREENSHOTS does not name a folder")
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_screenshots(visit: Visit, site: Site) -> None:
    """Each picture is as high as its page."""
    folder = Path(FOLDER)
    await create_users(site, name="Ada")
    with no_rate_limits():
        async with visit() as visitor, visit() as other:
            await visitor.page.call("Emulation.setScrollbarsHidden", hidden=True)
            async for state in gallery(visitor, token="Nightly backup"):
                if state not in PICTURES:
                    continue
                if state == "sessions":
                    await other.log_in("ada", "correct horse battery")
                    await visitor.go("/sessions")
                size = {"width": 720, "deviceScaleFactor": 1, "mobile": False}
                await visitor.page.call("Emulation.setDeviceMetricsOverride", height=400, **size)
                height = await visitor.page.run(HEIGHT)
                await visitor.page.call("Emulation.setDeviceMetricsOverride", height=height, **size)
                await visitor.page.picture(folder / f"{PICTURES[state]}.png")
                await visitor.page.call("Emulation.clearDeviceMetricsOverride")
                await visitor.page.wait("innerWidth !== 720")
