"""The QR codes of authenticator apps."""

import asyncio
import re
from datetime import timedelta
from xml.etree import ElementTree as ET

import httpx
import numpy as np
import zxingcpp

from piccolo_api_fastapi import (
    User,
)
from piccolo_api_fastapi.testing import FrozenClock
from tests.conftest import log_in

from .conftest import begin, confirm

MINUTE = timedelta(minutes=1)


async def test_qr(client: httpx.AsyncClient, ada: User) -> None:
    """The QR code is one SVG element, without script, that says what the URI says."""
    await log_in(client)
    answer = (await client.post("/auth/mfa/totp")).json()
    root = ET.fromstring(answer["qr_svg"])  # noqa: S314 - our own
    assert root.tag.endswith("svg")
    assert "<script" not in answer["qr_svg"]
    assert answer["otpauth_uri"] == decode(answer["qr_svg"])


def decode(svg: str) -> str:
    """What a QR reader sees in an SVG whose path strokes dark modules."""
    root = ET.fromstring(svg)  # noqa: S314 - our own
    scale = 8
    side = int(re.sub(r"\D", "", root.attrib["width"])) // 4 * scale
    image = np.full((side, side), 255, np.uint8)
    paths = [element for element in root.iter() if element.tag.endswith("path")]
    dark = next(path for path in paths if "stroke" in path.attrib)
    x = y = 0.0
    for command, numbers in re.findall(r"([Mmh])([^Mmh]*)", dark.attrib["d"]):
        values = [float(number) for number in re.findall(r"-?[\d.]+", numbers)]
        if command == "h":
            left, right = round(x * scale), round((x + values[0]) * scale)
            top = round((y - 0.5) * scale)
            image[top : top + scale, left:right] = 0
            x += values[0]
        else:
            x, y = values if command == "M" else (x + values[0], y + values[1])
    [code] = zxingcpp.read_barcodes(image)
    return code.text


async def test_the_loop_runs_on(client: httpx.AsyncClient, ada: User, clock: FrozenClock) -> None:
    """Enrolment costs no slow hash: nothing holds the event loop up for long (D-U1)."""
    await log_in(client)
    await begin(client, clock)
    loop, gaps, done = asyncio.get_running_loop(), [0.0], False

    async def watch() -> None:
        last = loop.time()
        while not done:
            await asyncio.sleep(0)
            gaps.append(loop.time() - last)
            last = loop.time()

    watching = asyncio.create_task(watch())
    phone = await begin(client, clock)
    await confirm(client, phone.code())
    done = True
    await watching
    assert sorted(gaps)[-3] < 0.1  # a machine under load may stop anybody now and then
