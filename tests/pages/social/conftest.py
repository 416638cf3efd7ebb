"""The provider of the site."""

from collections.abc import Iterator

import pytest

from tests.accounts.social.hostile import Provider
from tests.pages.conftest import Parts
from tests.pages.social.providing import ADA


@pytest.fixture
def provider(parts: Parts) -> Iterator[Provider]:
    """The provider, which knows a person with the address of `ada`."""
    provider = parts.provider
    before = dict(vars(provider))
    provider.claims = dict(ADA)
    yield provider
    vars(provider).update(before)
