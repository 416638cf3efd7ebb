"""`Crud` from code, its hooks, ready models, and who may do what."""

import json
from datetime import datetime, timezone
from typing import Any

import pytest
from fastapi import FastAPI
from piccolo.utils.pydantic import create_pydantic_model
from pydantic import BaseModel, Field

from piccolo_api_fastapi import (
    AuthError,
    ConfigurationError,
    Crud,
    CrudHooks,
    Identity,
    RateLimit,
    Roles,
    SessionAuth,
    StaticTokens,
    User,
    Users,
    crud_router,
    optional,
    require,
)
from piccolo_api_fastapi.access.identity import NEVER
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.crud.sql import run
from piccolo_api_fastapi.errors import (
    Conflict,
    InUse,
    NotFound,
    PreconditionFailed,
    StoreUnavailable,
    Unprocessable,
    ValueTaken,
)
from tests.conftest import new_client
from tests.crud.conftest import make_app, signed_in
from tests.crud.tables import Album, Director, Everything, Movie, Node, Track

ALL: Any = ["list", "read", "create", "update", "replace", "delete", "bulk", "options"]


def caller_of(user: User, *scopes: str) -> Identity[User]:
    """The caller that a user is."""
    return Identity(user, "test", None, frozenset(scopes), NEVER)


@pytest.fixture
def ada_caller(ada: User) -> Identity[User]:
    """Ada, who asks."""
    return caller_of(ada)


async def test_from_code(session: SessionAuth[User], people: dict[str, User]) -> None:
    """The methods obey the same rules as the routes."""
    movies = Crud(Movie, session, write=[Movie.title, Movie.rating], owner=Movie.owner)
    ada, bob = caller_of(people["ada"]), caller_of(people["bob"])
    row = await movies.create(ada, {"title": "a"})
    assert (row["owner"], row["rating"]) == (people["ada"].id, 5)
    row = await movies.update(ada, row["id"], {"rating": 7})
    assert row == await movies.get(ada, row["id"])
    tag = movies.presenter.etag(row)
    row = await movies.replace(ada, row["id"], {"title": "b"}, if_match=tag)
    assert (row["title"], row["rating"]) == ("b", 5)
    with pytest.raises(PreconditionFailed):
        await movies.update(ada, row["id"], {"rating": 1}, if_match=tag)
    assert (await movies.list(ada, "fields=title")).items == [{"id": row["id"], "title": "b"}]
    assert (await movies.options(ada)).items == [{"id": row["id"], "label": str(row["id"])}]
    assert (await movies.list(None)).items == []
    for attempt in (
        movies.get(bob, row["id"]),
        movies.update(bob, row["id"], {"rating": 1}),
        movies.delete(bob, row["id"]),
        movies.update_many(bob, [(row["id"], {"rating": 1})]),
        movies.delete_many(bob, [row["id"]]),
    ):
        with pytest.raises(NotFound):
            await attempt
    for values in ({"title": 1}, {}, {"title": "a", "owner": people["bob"].id}):
        with pytest.raises(Unprocessable):
            await movies.create(ada, values)
    with pytest.raises(Unprocessable) as raised:
        await movies.delete_many(ada, [])
    assert raised.value.codes == ("bulk_size",)
    await movies.delete(ada, row["id"])
    assert await Movie.count() == 0


class Ledger:
    """What hooks were called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []

    def hooks(self) -> CrudHooks:
        """Hooks that write down their calls."""

        def before_create(_: Any, values: dict[str, Any]) -> dict[str, Any] | None:
            self.calls.append(("before_create", dict(values)))
            if values["title"] == "bad":
                raise AuthError("No.")
            return {**values, "rating": 1} if values["title"] == "changed" else None

        async def before_update(_: Any, row: Any, values: Any) -> Any:
            self.calls.append(("before_update", (row["title"], dict(values))))
            return values | {"notes": "seen"} if values else values

        def before_delete(_: Any, row: Any) -> None:
            self.calls.append(("before_delete", row["title"]))

        async def after(_: Any, row: Any) -> None:
            in_transaction = Movie._meta.db.current_transaction.get() is not None
            self.calls.append(("after", (row["title"], in_transaction)))

        return CrudHooks(
            before_create=before_create,
            before_update=before_update,
            before_delete=before_delete,
            after_create=after,
            after_update=after,
            after_delete=after,
        )


async def test_hooks(session: SessionAuth[User], ada_caller: Identity[User]) -> None:
    """Each write calls its hooks, also those of PUT and bulk requests."""
    ledger = Ledger()
    movies = Crud(
        Movie,
        session,
        write=[Movie.title, Movie.rating],
        owner=Movie.owner,
        hooks=ledger.hooks(),
    )
    row = await movies.create(ada_caller, {"title": "a"})
    changed = await movies.create(ada_caller, {"title": "changed"})
    assert (row["rating"], changed["rating"]) == (5, 1)
    row = await movies.update(ada_caller, row["id"], {"title": "b"})
    assert row["notes"] == "seen"
    row = await movies.replace(ada_caller, row["id"], {"title": "c"})
    row = await movies.update(ada_caller, row["id"], {})
    await movies.delete(ada_caller, row["id"])
    assert ledger.calls == [
        ("before_create", {"title": "a"}),
        ("after", ("a", False)),
        ("before_create", {"title": "changed"}),
        ("after", ("changed", False)),
        ("before_update", ("a", {"title": "b"})),
        ("after", ("b", False)),
        ("before_update", ("b", {"rating": 5, "title": "c"})),
        ("after", ("c", False)),
        ("before_update", ("c", {})),
        ("before_delete", "c"),
        ("after", ("c", False)),
    ]


async def test_hooks_of_bulk(session: SessionAuth[User], ada_caller: Identity[User]) -> None:
    """What a hook refuses in the middle leaves nothing, and nothing is said to be done."""
    ledger = Ledger()
    movies = Crud(
        Movie, session, write=[Movie.title], owner=Movie.owner, hooks=ledger.hooks(), max_bulk=5
    )
    with pytest.raises(AuthError, match="No") as raised:
        await movies.create_many(ada_caller, [{"title": "a"}, {"title": "bad"}])
    assert raised.value.place == ("body", "items", 1)
    assert await Movie.count() == 0
    assert [name for name, _ in ledger.calls] == ["before_create", "before_create"]
    await movies.create_many(ada_caller, [{"title": "a"}, {"title": "b"}])
    assert ledger.calls[-2:] == [("after", ("a", False)), ("after", ("b", False))]


async def test_hooks_of_conditions(session: SessionAuth[User], ada_caller: Identity[User]) -> None:
    """`If-Match` and the scope are looked at with hooks as without."""
    ledger = Ledger()
    albums = Crud(
        Album,
        session,
        write=[Album.name],
        owner=Album.owner,
        version=Album.version,
        hooks=CrudHooks(after_delete=lambda _, row: ledger.calls.append(("gone", row["name"]))),
    )
    row = await albums.create(ada_caller, {"name": "a"})
    with pytest.raises(PreconditionFailed):
        await albums.delete(ada_caller, row["id"], if_match='"v2"')
    with pytest.raises(NotFound):
        await albums.delete(ada_caller, "6f1b2c1e-7a3d-4f0e-9a55-0d2f5f2b7a11")
    assert ledger.calls == []
    await albums.delete(ada_caller, row["id"], if_match='"v1"')
    assert ledger.calls == [("gone", "a")]


async def test_in_a_transaction(session: SessionAuth[User], ada_caller: Identity[User]) -> None:
    """A transaction of the application holds the writes, and the hooks that follow them."""
    ledger = Ledger()
    movies = Crud(Movie, session, write=[Movie.title], owner=Movie.owner, hooks=ledger.hooks())
    with pytest.raises(RuntimeError):
        await _create_and_fail(movies, ada_caller)
    assert await Movie.count() == 0
    assert [name for name, _ in ledger.calls] == ["before_create"]


async def _create_and_fail(movies: Crud, caller: Identity[User]) -> None:
    async with transaction(Movie):
        await movies.create(caller, {"title": "a"})
        raise RuntimeError


async def test_hooks_that_fail_afterwards(
    session: SessionAuth[User], ada: User, caplog: pytest.LogCaptureFixture
) -> None:
    """What is stored is answered as such: the failure of a hook is logged, and the others run."""
    calls: list[str] = []

    def fail(_: Any, row: Any) -> None:
        calls.append(row["title"])
        raise RuntimeError("the mail server is down")

    hooks = CrudHooks(after_create=fail, after_update=fail, after_delete=fail)
    movies = Crud(Movie, session, write=[Movie.title], owner=Movie.owner, hooks=hooks)
    app = make_app(session, movies=crud_router(movies, operations=ALL))
    async with signed_in(app, "ada") as client:
        items = [{"title": name} for name in "ab"]
        answer = await client.post("/movies/_bulk", json={"items": items})
        assert answer.status_code == 201
        [place, _] = [f"/movies/{row['id']}" for row in answer.json()["items"]]
        assert (await client.post("/movies", json={"title": "c"})).status_code == 201
        assert (await client.patch(place, json={"title": "d"})).status_code == 200
        assert (await client.delete(place)).status_code == 204
    assert calls == ["a", "b", "c", "d", "d"]
    assert [record.message for record in caplog.records if record.exc_info] == [
        "A hook failed after the row was written."
    ] * len(calls)
    with pytest.raises(RuntimeError):
        await _create_in_a_transaction(movies, caller_of(ada))
    assert sorted(await Movie.select(Movie.title).output(as_list=True)) == ["b", "c"]


async def _create_in_a_transaction(movies: Crud, caller: Identity[User]) -> None:
    async with Movie._meta.db.transaction():
        await movies.create(caller, {"title": "e"})


@pytest.mark.parametrize("hook", [None, lambda *_: None])
async def test_changing_nothing(
    session: SessionAuth[User], ada_caller: Identity[User], hook: Any
) -> None:
    """A change of nothing asks for the version as well, with a hook as without."""
    albums = Crud(
        Album,
        session,
        write=[Album.name],
        owner=Album.owner,
        version=Album.version,
        hooks=CrudHooks(before_update=hook),
    )
    row = await albums.create(ada_caller, {"name": "a"})
    with pytest.raises(PreconditionFailed):
        await albums.update(ada_caller, row["id"], {}, if_match='"v99"')
    with pytest.raises(PreconditionFailed):
        await albums.update(ada_caller, row["id"], {}, if_match='"other"')
    assert await albums.update(ada_caller, row["id"], {}, if_match='"v1"') == row
    assert await albums.update(ada_caller, row["id"], {}) == row


async def test_replacing_what_never_changes(
    session: SessionAuth[User], ada_caller: Identity[User]
) -> None:
    """PUT would change what only new rows have: there is none, neither as a route."""
    movies = Crud(
        Movie,
        session,
        create=[Movie.title, Movie.rating],
        update=[Movie.title],
        owner=Movie.owner,
    )
    row = await movies.create(ada_caller, {"title": "a", "rating": 3})
    with pytest.raises(ConfigurationError, match="Replacing a row would change rating"):
        await movies.replace(ada_caller, row["id"], {"title": "a", "rating": 4})
    with pytest.raises(ConfigurationError, match="Replacing a row would change rating"):
        crud_router(movies, operations=["replace"])
    assert await movies.get(ada_caller, row["id"]) == row


class FilmOut(BaseModel):
    """What a movie shows."""

    id: int
    title: str = Field(serialization_alias="name")


class FilmIn(BaseModel):
    """What a movie is made of."""

    title: str = Field(min_length=2)
    rating: int | None = None


async def test_ready_models(session: SessionAuth[User], ada: User) -> None:
    """An application may bring its own models; what is left out of a body stays left out."""
    app = make_app(
        session, movies=crud_router(Movie, session, read=FilmOut, write=FilmIn, owner=Movie.owner)
    )
    async with signed_in(app, "ada") as client:
        answer = await client.post("/movies", json={"title": "ab"})
        assert answer.status_code == 201, answer.text
        row = answer.json()
        assert row == {"id": row["id"], "name": "ab"}
        assert (await client.post("/movies", json={"title": "a"})).status_code == 422
        place = answer.headers["location"]
        answer = await client.patch(place, json={"title": "cd", "rating": 9})
        assert answer.json()["name"] == "cd"
        assert (await client.get("/movies?fields=id")).json()["items"] == [{"id": row["id"]}]
    assert (await Movie.select(Movie.rating))[0] == {"rating": 9}


async def test_models_of_piccolo(session: SessionAuth[User], ada: User) -> None:
    """So do those of `create_pydantic_model`, whose JSON is a text."""
    columns: Any = (Everything.serial, Everything.text, Everything.jsonb, Everything.integer)
    model = create_pydantic_model(Everything, include_columns=columns, model_name="Ready")
    given = create_pydantic_model(Everything, include_columns=columns[1:], model_name="ReadyIn")
    app = make_app(session, things=crud_router(Everything, session, read=model, write=given))
    async with signed_in(app, "ada") as client:
        answer = await client.post("/things", json={"text": "a", "jsonb": '{"a": 1}'})
        assert answer.status_code == 201, answer.text
        assert answer.json()["text"] == "a"
        assert json.loads(answer.json()["jsonb"]) == {"a": 1}
        place, tag = answer.headers["location"], answer.headers["etag"]
        answer = await client.patch(place, json={"integer": 3}, headers={"If-Match": tag})
        assert (answer.status_code, answer.json()["integer"]) == (200, 3)


class WithData(BaseModel):
    """JSON as it is."""

    serial: int
    json_: dict[str, int] | None = Field(None, alias="json")


async def test_names_of_fields(session: SessionAuth[User]) -> None:
    """The fields of a model have the names of columns."""
    with pytest.raises(ValueError, match="has the fields json_, and Everything has no such"):
        Crud(Everything, session, read=WithData)


async def answers(app: FastAPI, name: str, *requests: tuple[str, str, Any]) -> list[int]:
    """The statuses that a person gets."""
    async with signed_in(app, name) as client:
        return [
            (await client.request(method, url, json=body)).status_code
            for method, url, body in requests
        ]


DIRECTORS: list[tuple[str, str, Any]] = [
    ("GET", "/directors", None),
    ("GET", "/directors/999", None),
    ("GET", "/directors/_options", None),
    ("POST", "/directors", {"name": "x"}),
    ("PATCH", "/directors/999", {"name": "x"}),
    ("PUT", "/directors/999", {"name": "x"}),
    ("DELETE", "/directors/999", None),
    ("POST", "/directors/_bulk", {"items": [{"name": "y"}]}),
    ("PATCH", "/directors/_bulk", {"items": [{"id": 999, "name": "y"}]}),
    ("POST", "/directors/_bulk/delete", {"ids": [999]}),
]


@pytest.mark.parametrize(
    ("permissions", "statuses"),
    [
        ({}, [200, 404, 200, 201, 404, 404, 404, 201, 404, 404]),
        ({"list": "admin"}, [403, 403, 403, 201, 404, 404, 404, 201, 404, 404]),
        ({"read": "admin"}, [403, 403, 403, 201, 404, 404, 404, 201, 404, 404]),
        ({"create": "admin"}, [200, 404, 200, 403, 404, 404, 404, 403, 404, 404]),
        ({"update": "admin"}, [200, 404, 200, 201, 403, 403, 404, 201, 403, 404]),
        ({"delete": "admin"}, [200, 404, 200, 201, 404, 404, 403, 201, 404, 403]),
        ({"bulk": "admin"}, [200, 404, 200, 201, 404, 404, 404, 403, 403, 403]),
        ({"delete": "guard"}, [200, 404, 200, 201, 404, 404, 403, 201, 404, 403]),
    ],
)
async def test_permissions(
    session: SessionAuth[User],
    people: dict[str, User],
    permissions: dict[str, Any],
    statuses: list[int],
) -> None:
    """A permission is asked wherever its operation is, before the row is sought."""
    guards: dict[str, Any] = {"guard": require(session, admin=True)}
    given = {name: guards.get(scope, scope) for name, scope in permissions.items()}
    app = make_app(
        session,
        directors=crud_router(
            Director, session, write=[Director.name], operations=ALL, permissions=given
        ),
    )
    assert statuses == await answers(app, "ada", *DIRECTORS)
    await Director.delete(force=True)
    assert 403 not in await answers(app, "grace", *DIRECTORS)


@pytest.mark.parametrize(
    ("listing", "reading", "statuses"),
    [("admin", "account", [403, 404, 403]), ("account", "admin", [200, 403, 200])],
)
async def test_options_need_the_permission_of_lists(
    session: SessionAuth[User],
    people: dict[str, User],
    listing: str,
    reading: str,
    statuses: list[int],
) -> None:
    """If lists and reading need different permissions, options need the one of lists."""
    router = crud_router(
        Director,
        session,
        operations=["list", "read", "options"],
        permissions={"list": listing, "read": reading},
    )
    app = make_app(session, directors=router)
    assert statuses == await answers(app, "ada", *DIRECTORS[:3])


async def test_anonymous(session: SessionAuth[User], ada: User) -> None:
    """With an optional guard, nobody writes anonymously, and rows with owners are not shown."""
    await Movie(owner=ada.id, title="a").save()
    guard: Any = optional(session)
    options: Any = {"write": [Movie.title], "owner": Movie.owner}
    app = make_app(
        session,
        movies=crud_router(Movie, guard, **options),
        public=crud_router(Movie, guard, name="Public", public_read=True, **options),
        directors=crud_router(Director, guard, permissions={"list": "account"}),
    )
    async with new_client(app) as client:
        assert (await client.get("/movies")).json()["items"] == []
        [row] = (await client.get("/public")).json()["items"]
        assert (await client.get(f"/public/{row['id']}")).status_code == 200
        assert (await client.get(f"/movies/{row['id']}")).status_code == 404
        assert (await client.get("/directors")).status_code == 401
        for path in ("/movies", "/public"):
            answer = await client.post(path, json={"title": "b"})
            assert answer.status_code == 401
            answer = await client.patch(f"{path}/{row['id']}", json={"title": "b"})
            assert answer.status_code == 401
    async with signed_in(app, "ada") as client:
        assert len((await client.get("/movies")).json()["items"]) == 1
        assert (await client.get("/directors")).status_code == 200


async def test_public_read(session: SessionAuth[User], people: dict[str, User]) -> None:
    """Where everybody reads, only the owner writes."""
    movies = Crud(Movie, session, write=[Movie.title], owner=Movie.owner, public_read=True)
    row = await movies.create(caller_of(people["ada"]), {"title": "a"})
    bob = caller_of(people["bob"])
    assert row == await movies.get(bob, row["id"])
    with pytest.raises(NotFound):
        await movies.update(bob, row["id"], {"title": "b"})
    with pytest.raises(NotFound):
        await movies.update(bob, row["id"], {})


async def test_flags(session: SessionAuth[User], people: dict[str, User]) -> None:
    """A scope that stands for a flag needs the flag as well."""
    movies = Crud(Movie, session, owner=Movie.owner, sees_all="admin")
    await Movie(owner=people["bob"].id, title="a").save()
    for caller, number in (
        (caller_of(people["grace"], "admin"), 1),
        (caller_of(people["grace"]), 0),
        (caller_of(people["ada"], "admin"), 0),
    ):
        assert len((await movies.list(caller)).items) == number


@pytest.mark.security(183)
async def test_roles_know_who_sees_all(database: Any) -> None:
    """The scope is a permission like others: roles of every permission include it."""
    roles = Roles({"curator": ["*"]})
    guard = SessionAuth(Users(roles=roles))
    Crud(Movie, guard, owner=Movie.owner, sees_all="movies:all")
    Crud(Album, optional(guard), owner=Album.owner, sees_all="albums:all")
    assert {"movies:all", "albums:all"} <= roles.known


async def test_related(session: SessionAuth[User], people: dict[str, User]) -> None:
    """A related `Crud` says who sees its rows, and which columns."""
    everybody = Crud(Album, session, read=[Album.name], owner=None)
    tracks = Crud(
        Track,
        session,
        write=[Track.title, Track.album],
        owner=None,
        related=[everybody],
        include=[Track.album],
    )
    album = Album(owner=people["bob"].id, name="b")
    await album.save()
    row = await tracks.create(caller_of(people["ada"]), {"title": "t", "album": album.id})
    found = await tracks.get(caller_of(people["ada"]), row["id"], "include=album")
    assert found["album"] == {"id": album.id, "name": "b"}


async def test_a_related_row_of_another(
    session: SessionAuth[User], people: dict[str, User]
) -> None:
    """A row that everybody sees shows nothing of a parent that is another's."""
    mine = Crud(Album, session, owner=Album.owner)
    tracks = Crud(
        Track,
        session,
        owner=None,
        related=[mine],
        include=[Track.album],
        filters=[Track.album.name],
        sort=[Track.album.name],
    )
    album = Album(owner=people["bob"].id, name="b")
    await album.save()
    await Track(title="t", album=album.id).save()
    ada, bob = caller_of(people["ada"]), caller_of(people["bob"])
    for caller, number in ((ada, 0), (bob, 1)):
        found = await tracks.list(caller, "include=album&sort=album.name&album.name=b")
        assert len(found.items) == number
    [row] = (await tracks.list(ada, "include=album&sort=album.name")).items
    assert row["album"] is None


async def test_users_in_bodies(session: SessionAuth[User], people: dict[str, User]) -> None:
    """A foreign key to a user may only be oneself, or anybody for those who see all."""
    movies = Crud(Movie, session, write=[Movie.title, Movie.owner], owner=None)
    ada = caller_of(people["ada"])
    row = await movies.create(ada, {"title": "a", "owner": people["ada"].id})
    for attempt in (
        movies.create(ada, {"title": "a", "owner": people["bob"].id}),
        movies.update(ada, row["id"], {"owner": people["bob"].id}),
    ):
        with pytest.raises(Unprocessable):
            await attempt


async def test_limit(session: SessionAuth[User], ada: User) -> None:
    """A limit holds for all routes together."""
    limit = RateLimit("3/minute", scope="directors")
    app = make_app(session, directors=crud_router(Director, session, limit=limit))
    found = await answers(app, "ada", *[("GET", "/directors", None)] * 2, *DIRECTORS[1:2] * 2)
    assert found == [200, 200, 404, 429]


async def test_machines(users: Users[User]) -> None:
    """Services read and write as users do."""
    await users.create_service("batch")
    app = FastAPI()
    token = StaticTokens({"batch": "a-secret-of-more-than-thirty-two-bytes"}, users)
    app.include_router(crud_router(Director, token, write=[Director.name]), prefix="/directors")
    async with new_client(app) as client:
        assert (await client.get("/directors")).status_code == 401
        headers = {"Authorization": "Bearer a-secret-of-more-than-thirty-two-bytes"}
        answer = await client.post("/directors", json={"name": "a"}, headers=headers)
        assert answer.status_code == 201, answer.text


async def test_refusals(session: SessionAuth[User], ada_caller: Identity[User]) -> None:
    """The errors of the methods are those of the routes."""
    directors = Crud(Director, session, write=[Director.name])
    movies = Crud(Movie, session, write=[Movie.title, Movie.director], owner=Movie.owner)
    row = await directors.create(ada_caller, {"name": "a"})
    with pytest.raises(ValueTaken) as raised:
        await directors.create(ada_caller, {"name": "a"})
    assert raised.value.members() == {"fields": ["name"]}
    await movies.create(ada_caller, {"title": "a", "director": row["id"]})
    with pytest.raises(InUse):
        await directors.delete(ada_caller, row["id"])


async def test_outage(
    session: SessionAuth[User], ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that is down is a 503, to code and to clients."""
    directors = Crud(Director, session)
    app = make_app(session, directors=crud_router(directors))
    async with signed_in(app, "ada") as client:
        run = type(Director._meta.db).run_querystring

        async def fail(self: Any, querystring: Any, *args: Any, **options: Any) -> Any:
            if "crud_director" in querystring.compile_string(self.engine_type)[0]:
                raise OSError
            return await run(self, querystring, *args, **options)

        monkeypatch.setattr(type(Director._meta.db), "run_querystring", fail)
        with pytest.raises(StoreUnavailable):
            await directors.list(caller_of(ada))
        assert (await client.get("/directors")).status_code == 503


async def test_a_bug_is_a_bug(
    session: SessionAuth[User], ada_caller: Identity[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is neither an outage nor a refusal is raised as it is."""

    async def fail(*_: Any, **__: Any) -> Any:
        raise KeyError("bug")

    monkeypatch.setattr(type(Director._meta.db), "run_querystring", fail)
    with pytest.raises(KeyError):
        await Crud(Director, session).list(ada_caller)


async def test_constraints(session: SessionAuth[User], users: Users[User], ada: User) -> None:
    """NULL and CHECK constraints are a 422 without the sentence of the database."""
    hooks = CrudHooks(before_create=lambda _, values: values | {"title": None})
    app = make_app(
        session,
        movies=crud_router(Movie, session, write=[Movie.title], owner=Movie.owner, hooks=hooks),
    )
    async with signed_in(app, "ada") as client:
        answer = await client.post("/movies", json={"title": "a"})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["type"] == "value_refused"
    assert "crud_movie" not in answer.text


async def test_trees(session: SessionAuth[User], ada: User) -> None:
    """A table that refers to itself has parents and children, labels over joins, and choices."""
    nodes = crud_router(
        Node,
        session,
        write=[Node.parent, Node.step, Node.steps],
        include=[Node.parent],
        operations=["list", "read", "create", "bulk", "options"],
    )
    app = make_app(session, nodes=nodes)
    async with signed_in(app, "ada") as client:
        root = (await client.post("/nodes", json={"step": "1.0", "steps": ["d", "c"]})).json()
        assert (root["step"], root["steps"], root["parent"]) == ("1.0", ["d", "c"], None)
        answer = await client.post("/nodes/_bulk", json={"items": [{"parent": root["id"]}]})
        [leaf] = answer.json()["items"]
        assert (leaf["step"], leaf["steps"]) == ("0.5", [])
        answer = await client.get(f"/nodes/{leaf['id']}?include=parent")
        assert answer.json()["parent"] == root
        answer = await client.get("/nodes/_options?limit=1")
        [item] = answer.json()["items"]
        assert (item["id"], item["label"].partition(" ")[2]) == (root["id"], "of None")
        for body in ({"step": "0.7"}, {"steps": ["x"]}, {"step": "x"}):
            assert (await client.post("/nodes", json=body)).status_code == 422
        assert (await client.patch("/nodes/_bulk", json={})).status_code == 405


async def test_a_row_that_changes_meanwhile(
    session: SessionAuth[User], ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change that met no row, though nothing forbids it, may be tried again."""
    movies = Crud(Movie, session, write=[Movie.title, Movie.director], owner=Movie.owner)
    row = await movies.create(caller_of(ada), {"title": "a"})

    async def lose(table: Any, statement: Any) -> Any:
        is_write = statement.text.startswith(("UPDATE", "INSERT"))
        return [] if is_write else await run(table, statement)

    monkeypatch.setattr("piccolo_api_fastapi.crud.statements.run", lose)
    director = Director(name="a")
    await director.save()
    with pytest.raises(Conflict):
        await movies.update(caller_of(ada), row["id"], {"title": "b"})
    with pytest.raises(Conflict):
        await movies.create(caller_of(ada), {"title": "b", "director": director.id})


async def test_children_of_all_types(session: SessionAuth[User], ada: User) -> None:
    """What is returned along looks as it does by itself, missing values too."""
    director = Director(name="a")
    await director.save()
    await Everything(director=director.id, bytea=b"a").save()
    await Everything(director=director.id).save()
    directors = crud_router(Director, session, include=[Everything.director])
    app = make_app(session, directors=directors)
    async with signed_in(app, "ada") as client:
        answer = await client.get("/directors?include=everythings")
    [row] = answer.json()["items"]
    assert [one["bytea"] for one in row["everythings"]] == ["YQ==", None]


async def test_values_of_hooks(session: SessionAuth[User], ada_caller: Identity[User]) -> None:
    """A value of a hook that can't be stored is a 422, and `If-Match` holds with hooks, too."""
    hooks = CrudHooks(before_update=lambda _, __, values: values | {"rating": 2**70})
    movies = Crud(Movie, session, write=[Movie.title], owner=Movie.owner, hooks=hooks)
    row = await movies.create(ada_caller, {"title": "a"})
    with pytest.raises(PreconditionFailed):
        await movies.update(ada_caller, row["id"], {"title": "b"}, if_match='"x"')
    with pytest.raises(Unprocessable) as raised:
        await movies.update(ada_caller, row["id"], {"title": "b"})
    assert raised.value.codes == ("value_unusable",)


@pytest.mark.parametrize("at", [datetime(2026, 1, 1), "2026-01-01T00:00:00"])  # noqa: DTZ001
async def test_times_of_code(
    session: SessionAuth[User], ada_caller: Identity[User], at: Any
) -> None:
    """A time without an offset is refused from code as from clients."""
    things = Crud(Everything, session, write=[Everything.timestamptz])
    with pytest.raises(Unprocessable):
        await things.create(ada_caller, {"timestamptz": at})
    aware = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
    row = await things.create(ada_caller, {"timestamptz": aware})
    assert row["timestamptz"] == aware
    others = Crud(Everything, session, write=[Everything.timestamp])
    with pytest.raises(Unprocessable):
        await others.create(ada_caller, {"timestamp": aware})
    naive = aware.replace(tzinfo=None)
    assert (await others.create(ada_caller, {"timestamp": naive}))["timestamp"] == naive
