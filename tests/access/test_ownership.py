"""`owned` and `owned_row`: what callers see and change is theirs."""

from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Security
from piccolo.columns import ForeignKey, Text, Varchar
from piccolo.table import Table

from piccolo_api_fastapi import (
    ConfigurationError,
    Roles,
    SessionAuth,
    StaticTokens,
    TokenAuth,
    User,
    Users,
    owned,
    owned_row,
    public,
    require,
)
from piccolo_api_fastapi.testing import acting_as, give_role
from tests.conftest import PASSWORD, bearer, log_in, new_client, reaches_no_sql
from tests.models import Customer
from tests.roles import Film, app, films, roles, token, users

__all__ = ["app", "films", "roles", "token", "users"]

pytestmark = pytest.mark.usefixtures("films")


async def plant(ada: User, grace: User) -> dict[str, int]:
    """A film of each."""
    keys: dict[str, int] = {}
    for title, owner in (("Metropolis", ada), ("Nosferatu", grace), ("Vampyr", ada)):
        film = Film(title=title, owner=owner.id)
        await film.save()
        keys[title] = film.id
    return keys


@pytest.mark.security(183)
async def test_mine(client: httpx.AsyncClient, roles: Roles, ada: User, grace: User) -> None:
    """Lists, counts, filters, reads, changes and deletions reach the caller's rows only."""
    keys = await plant(ada, grace)
    other, own = keys["Nosferatu"], keys["Metropolis"]
    assert (await client.get("/films")).status_code == 401
    await log_in(client)
    assert (await client.get("/films")).json() == ["Metropolis", "Vampyr"]
    assert (await client.get("/films", params={"title": "Nosferatu"})).json() == []
    assert (await client.get("/films/count")).json() == 2
    assert (await client.get(f"/films/{own}")).json() == "Metropolis"
    for key in (other, 999, 2**31, 2**70, -1, "abc", "%00"):
        answer = await client.get(f"/films/{key}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await client.patch(f"/films/{other}", params={"title": "Mine"})).json() == 0
    assert (await client.delete(f"/films/{other}")).json() == 0
    assert (await client.patch(f"/films/{own}", params={"title": "Mine"})).json() == 1
    assert (await client.delete(f"/films/{own}")).json() == 1
    titles = await Film.select(Film.title).order_by(Film.title).output(as_list=True)
    assert titles == ["Nosferatu", "Vampyr"]


@pytest.mark.security(183)
async def test_unless(
    client: httpx.AsyncClient, users: Users[User], token: TokenAuth[User], ada: User, grace: User
) -> None:
    """Holders of the permission reach every row, as long as their credential has it."""
    keys = await plant(ada, grace)
    await give_role(users, ada, "curator", ["films:any"])
    await log_in(client)
    every = ["Metropolis", "Nosferatu", "Vampyr"]
    assert (await client.get("/films")).json() == every
    assert (await client.get("/films/count")).json() == 3
    assert (await client.get(f"/films/{keys['Nosferatu']}")).json() == "Nosferatu"
    path = f"/films/{keys['Nosferatu']}"
    assert (await client.patch(path, params={"title": "Nosferatu"})).json() == 1
    client.cookies.clear()
    for scopes, expected in ((["films:any"], every), ([], ["Metropolis", "Vampyr"])):
        secret = (await token.create(ada, "report", scopes=scopes)).secret
        assert (await client.get("/films", headers=bearer(secret))).json() == expected
    await give_role(users, ada, "curator", [])
    await log_in(client)
    assert (await client.get("/films")).json() == ["Metropolis", "Vampyr"]
    assert (await client.get(path)).status_code == 404
    await give_role(users, ada, "root")
    assert (await client.get("/films")).json() == every


@pytest.mark.security(183)
async def test_an_owner_that_changes(
    client: httpx.AsyncClient, roles: Roles, ada: User, grace: User
) -> None:
    """The condition stands in the statement that writes: it is of the owner at that time."""
    keys = await plant(ada, grace)
    path = f"/films/{keys['Metropolis']}"
    await log_in(client)
    assert (await client.get(path)).status_code == 200
    await Film.update({Film.owner: grace.id}).where(Film.id == keys["Metropolis"])
    assert (await client.patch(path, params={"title": "Mine"})).json() == 0
    assert (await client.delete(path)).json() == 0
    assert (await client.get(path)).status_code == 404
    assert await Film.count() == 3


@pytest.mark.security(180)
async def test_statements(
    client: httpx.AsyncClient, roles: Roles, ada: User, grace: User, statements: list[str]
) -> None:
    """A list is one statement beside that of the guard."""
    await plant(ada, grace)
    await log_in(client)
    statements.clear()
    assert len((await client.get("/films")).json()) == 2
    assert len(statements) == 2


class Note(Table, tablename="ownership_note"):
    """Rows whose owner is found in other ways."""

    author = ForeignKey(User)
    editor = ForeignKey(User)
    by_name = ForeignKey(User, target_column="username")
    by_email = ForeignKey(User, target_column="email")
    written_by = Varchar()
    text = Text()


class Sequel(Table, tablename="ownership_sequel"):
    """Rows whose owner is that of another row."""

    film = ForeignKey(Film)


@reaches_no_sql
@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (Note.author, '"ownership_note"."author" = 7'),
        (Note.by_name, '"ownership_note"."by_name" = \'ada\''),
        (Note.written_by, '"ownership_note"."written_by" = 7'),
        (Note.by_email, "FALSE"),
    ],
)
async def test_columns(session: SessionAuth[User], column: Any, expected: str) -> None:
    """
    The column is compared to the key of the user, or to what its foreign key refers to: nothing
    is the rows of nobody.
    """
    dependency = owned(column, session)
    with acting_as(session, User(id=7, username="ada", email=None)) as identity:
        where: Any = dependency.where(identity)
    assert str(where.querystring) == expected


@reaches_no_sql
async def test_each_has_a_result_of_its_own(database: Any) -> None:
    """FastAPI keeps the results of equal dependencies: those of other columns differ."""
    session = SessionAuth()
    one, same = owned(Note.author, session), owned(Note.author, session)
    others = [
        owned(Note.editor, session),
        owned(Note.author, session, unless="notes:any"),
        owned(Note.author, require(session, admin=True)),
    ]
    assert one == same
    assert hash(one) == hash(same)
    assert one not in others
    row = owned_row(Note, session, owner=Note.author)
    assert row == owned_row(Note, session, owner=Note.author)
    assert hash(row) == hash(owned_row(Note, session, owner=Note.author))
    assert row != owned_row(Note, session, owner=Note.editor)
    assert row != one


@reaches_no_sql
async def test_configuration(session: SessionAuth[User], users: Users[User]) -> None:
    """The owner is clear, and so is the permission."""
    with pytest.raises(ConfigurationError, match="4 foreign keys to User; say which column"):
        owned_row(Note, session)
    with pytest.raises(ConfigurationError, match="0 foreign keys to Customer"):
        owned_row(Note, SessionAuth(Users(Customer)))
    with pytest.raises(ConfigurationError, match="film leads to Film, and the guard finds"):
        owned(Sequel.film, session)
    with pytest.raises(ConfigurationError, match="film leads to Film"):
        owned_row(Sequel, session, owner=Sequel.film)
    with pytest.raises(ConfigurationError, match="author leads to User, and the guard finds"):
        owned(Note.author, SessionAuth(Users(Customer)))
    assert owned(Sequel.film.owner, session) is not None
    with pytest.raises(ConfigurationError, match="unless is 'Any'"):
        owned(Note.author, session, unless="Any")
    with pytest.raises(ConfigurationError, match="unless is 'admin'"):
        owned_row(Film, session, unless="admin")
    assert owned_row(Film, StaticTokens({"deploy": "0" * 32}, users)) is not None


@reaches_no_sql
async def test_openapi_and_public(database: Any) -> None:
    """OpenAPI shows the scopes of the guard and the 404; a public endpoint is exempt."""
    session = SessionAuth()
    guard = require(session, permission="films:list")
    where, row = owned(Film.owner, guard), owned_row(Film, guard)
    app = FastAPI(dependencies=[Security(where), Security(row)])

    @app.get("/")
    async def root() -> None: ...

    @app.get("/open")
    @public
    async def free() -> None: ...

    operation = app.openapi()["paths"]["/"]["get"]
    assert operation["security"] == [{"Session": ["films:list"]}]
    assert any(error.status == 404 for error in row.documented_errors)
    async with new_client(app) as client:
        assert (await client.get("/open")).status_code == 200
        assert (await client.get("/")).status_code == 401
        with acting_as(session, User(username=PASSWORD), permissions=["films:list"]):
            assert (await client.get("/")).status_code == 200


@pytest.mark.security(183)
async def test_public_endpoints(
    session: SessionAuth[User], users: Users[User], ada: User, grace: User
) -> None:
    """On a public endpoint nobody is asked for, and a dependency that uses these finds no row."""
    keys = await plant(ada, grace)
    found: list[Any] = []

    async def note(
        where: Annotated[Any, Depends(owned(Film.owner, session))],
        get: Annotated[Any, Depends(owned_row(Film, session))],
    ) -> None:
        found.append(await Film.count().where(where))
        found.append(await get(keys["Vampyr"]))

    app = FastAPI(dependencies=[Depends(note)])

    @app.get("/open")
    @public
    async def free() -> None: ...

    async with new_client(app) as client:
        assert (await client.get("/open")).status_code == 404
    assert found == [0]
