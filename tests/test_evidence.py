"""The page of evidence is made from the tests as they are."""

import subprocess
import sys

import pytest

from tests.evidence import PAGE, ROOT, statements


def test_statements_are_numbered() -> None:
    """Each number once, without a gap."""
    numbers = [one.number for members in statements().values() for one in members]
    assert numbers == list(range(1, len(numbers) + 1))


def test_each_is_proved() -> None:
    """A test proves each statement."""
    assert "Not proved by a test." not in PAGE.read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_page_is_up_to_date() -> None:
    """It names the tests that there are."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.evidence", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
