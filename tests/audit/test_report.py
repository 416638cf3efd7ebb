"""Audits as tables and as JSON."""

import json
from datetime import timedelta
from pathlib import Path

from fastapi import Depends, FastAPI
from fastapi.staticfiles import StaticFiles

from piccolo_api_fastapi import (
    AnyOf,
    Captcha,
    FailureLimit,
    JWTAuth,
    RateLimit,
    SessionAuth,
    in_person,
    optional,
    public,
    require,
)
from piccolo_api_fastapi.audit import (
    GuardSummary,
    Route,
    StepUpSummary,
    as_json,
    as_table,
    audit_of,
    table_of,
)
from tests.conftest import SECRET


def application(folder: Path) -> FastAPI:
    """An application with something for each column."""
    app, session = FastAPI(openapi_url=None), SessionAuth()
    people = AnyOf(session, JWTAuth(secret=SECRET))
    lately = in_person(session, mfa=None, within=timedelta(minutes=5))
    vouchers = FailureLimit("5/hour", scope="vouchers", shadow=True)

    def endpoint() -> None:
        """Never called."""

    app.get("/", dependencies=[Depends(optional(people))])(endpoint)
    app.put("/keys", dependencies=[Depends(lately), Depends(RateLimit("9/hour"))])(endpoint)
    captcha = Captcha(lambda *_: True)
    app.post("/vouchers", dependencies=[Depends(vouchers), Depends(captcha)])(endpoint)
    app.mount("/inner", FastAPI(openapi_url=None))
    app.mount("/static", public(StaticFiles(directory=folder)))
    verified = require(session, verified=True, check=lambda _: True)
    app.get("/verified", dependencies=[Depends(verified)])(endpoint)
    return app


UNGUARDED = "Nothing guards this route. Add a guard, or mark the endpoint with @public."
UNLIMITED = "Strangers may write here, as often as they like. Add a RateLimit."

TABLE = """\
ROUTE           GUARD                    NEEDS                                                 \
LIMITS                                     CSRF     CAPTCHA
GET /           optional(Session | JWT)  -                                                     \
-                                          -        -
PUT /keys       Session                  account, mfa if the login had it within 300 s, in person\
  9/hour                                     Session  -
POST /vouchers  NOTHING                  -                                                     \
5/hour in 'vouchers' of failures (shadow)  -        Captcha
MOUNT /inner    see its 0 routes         -                                                     \
-                                          -        -
MOUNT /static   public                   -                                                     \
-                                          -        -
GET /verified   Session                  verified, check                                       \
-                                          -        -
"""


def test_table(tmp_path: Path) -> None:
    """A row for each route, in columns, and a line for each finding."""
    table, _, findings = as_table(audit_of(application(tmp_path))).partition("\n\n")
    lines = [" ".join(line.split()) for line in table.splitlines()]
    assert lines == [" ".join(line.split()) for line in TABLE.splitlines()]
    assert {line.index("-") for line in table.splitlines()[1:2]} == {table.index("NEEDS")}
    assert findings.splitlines() == [
        "2 findings:",
        f"unguarded_route: POST /vouchers: {UNGUARDED} See docs/audit.md#unguarded_route.",
        f"unlimited_write: POST /vouchers: {UNLIMITED} See docs/audit.md#unlimited_write.",
    ]


def test_one_finding_and_none() -> None:
    """The number of findings is spelt as it should."""
    app = FastAPI(openapi_url=None)
    assert as_table(audit_of(app)).endswith("\n\nNo findings.")
    app.get("/")(lambda: None)
    assert "\n\n1 finding:\n" in as_table(audit_of(app))


def test_steps_and_mounts() -> None:
    """Each kind of step-up in words, and a mount with one route."""
    asked = (
        StepUpSummary(mfa=True),
        StepUpSummary(factor="totp"),
        StepUpSummary(mfa=True, factor="totp", within=60),
        StepUpSummary(within=300),
    )
    routes = [
        Route("GET", "/", guards=(GuardSummary(("Session",), step_up=asked),)),
        Route("MOUNT", "/inner", inside=1),
    ]
    table = table_of(routes)
    assert "  mfa, totp, mfa and totp within 60 s, any factor within 300 s  " in table
    assert "see its 1 route  " in table


def test_json(tmp_path: Path) -> None:
    """All that is known, for programs."""
    written = json.loads(as_json(audit_of(application(tmp_path))))
    assert set(written) == {"routes", "findings"}
    assert written["routes"][1] == {
        "name": "PUT /keys",
        "method": "PUT",
        "path": "/keys",
        "guards": [
            {
                "schemes": ["Session"],
                "scopes": ["account"],
                "step_up": [{"mfa": "as_login", "factor": None, "within": 300}],
                "verified": False,
                "check": False,
                "in_person": True,
                "is_optional": False,
            }
        ],
        "limits": [
            {
                "limits": "9/hour",
                "key": "by_address",
                "scope": None,
                "failures_only": False,
                "shadow": False,
                "budget": None,
            }
        ],
        "csrf": ["Session"],
        "captcha": None,
        "public": None,
        "inside": None,
        "repeated": [],
        "overridden": [],
        "prebuilt": False,
    }
    assert written["findings"][0] == {
        "code": "unguarded_route",
        "route": "POST /vouchers",
        "message": UNGUARDED,
        "docs": "docs/audit.md#unguarded_route",
    }
