"""`assert_guarded`: no route is open by mistake."""

from collections.abc import Sequence
from typing import Any

from piccolo_api_fastapi.audit import audit_of
from piccolo_api_fastapi.core.configuration import configured


@configured
def assert_guarded(app: Any, *, except_for: Sequence[str] = ()) -> None:
    """
    Fail if nothing guards a route, a WebSocket or a mount that does not say that it is public.

    ```python
    from fastapi import Depends, FastAPI
    from piccolo_api_fastapi import SessionAuth
    from piccolo_api_fastapi.testing import assert_guarded

    app = FastAPI()

    @app.get("/me", dependencies=[Depends(SessionAuth())])
    async def me() -> None: ...

    @app.get("/health")
    async def health() -> None: ...

    def test_no_route_is_open_by_mistake() -> None:
        assert_guarded(app, except_for=["GET /health"])
    ```

    Public are endpoints with `@public`, the prebuilt routes, and FastAPI's own documentation.

    Args:
        app: The application of FastAPI or Starlette.
        except_for: Routes that may be open, as `audit` names them: `GET /health`, `WS /ws`,
            `MOUNT /static`.

    Raises:
        AssertionError: A route is open, or a route of `except_for` is not.
    """
    __tracebackhide__ = True
    routes = [route for route in audit_of(app).routes if not route.is_covered]
    excepted = set(except_for)
    forgotten = [route.name for route in routes if route.is_forgotten]
    problems = [f"Nothing guards {name}." for name in forgotten if name not in excepted]
    needless = excepted - {route.name for route in routes if route.public != "public"}
    problems += [
        f"except_for has {name!r}, which is no open route: remove it or correct it."
        for name in sorted(needless)
    ]
    if problems:
        raise AssertionError("\n".join(problems))
