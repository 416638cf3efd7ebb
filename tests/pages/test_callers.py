"""Which callers count as signed in on the pages."""

from typing import Any

from piccolo_api_fastapi import AnyOf, Identity, JWTAuth, SessionAuth, User
from piccolo_api_fastapi.pages.callers import caller_of
from piccolo_api_fastapi.testing import FrozenClock


async def test_callers_of_another_scheme(
    session: SessionAuth[User], jwt: JWTAuth[User], ada: User, clock: FrozenClock
) -> None:
    """A caller whom another scheme of the same guard found is not signed in on the pages."""
    guard = AnyOf[Any](session, jwt)
    found = []
    for name in (session.scheme_name, jwt.scheme_name):
        identity = Identity(ada, name, "1", frozenset(), clock.now)
        scope = {"type": "http", "piccolo_api_fastapi.identities": {guard: identity}}
        found.append(caller_of(session, scope) is identity)
    assert found == [True, False]
