"""What `Crud` and `crud_router` refuse when they are made, each with what to do about it."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from piccolo.columns import (
    JSON,
    UUID,
    Array,
    Bytea,
    Column,
    ForeignKey,
    Integer,
    Interval,
    Varchar,
)
from piccolo.columns.readable import Readable
from piccolo.table import TABLE_REGISTRY, Table
from pydantic import BaseModel

from piccolo_api_fastapi import (
    ConfigurationError,
    Crud,
    Role,
    Session,
    SessionAuth,
    User,
    Users,
    crud_router,
)
from piccolo_api_fastapi.crud.relations import Relations
from piccolo_api_fastapi.crud.scopes import EVERYBODY
from tests.conftest import reaches_no_sql
from tests.crud.conftest import make_app
from tests.crud.tables import Album, Director, Everything, Movie, Track
from tests.models import Member

before = len(TABLE_REGISTRY)


class Odd(Table, tablename="crud_odd"):
    """Columns that can't be served as they are."""

    rating = Integer()
    rating__lt = Integer()
    limit = Integer()
    spans = Array(Interval())
    blobs = Array(Bytea())
    data = JSON()
    secret = Varchar(secret=True)

    @classmethod
    def get_readable(cls) -> Readable:
        """A secret."""
        return Readable(template="%s", columns=[cls.secret])


class Point(Column):
    """A type of column of an application's own."""

    value_type = str


class Place(Table, tablename="crud_place"):
    """With a column of its own type."""

    at = Point()


class Node(Table, tablename="crud_owned_node"):
    """Refers to itself."""

    owner = ForeignKey(User)
    parent: ForeignKey[Any] = ForeignKey("self")


class Comment(Table, tablename="crud_comment"):
    """Leads to a user over two tables, and to one in another way."""

    track = ForeignKey(Track)
    author = ForeignKey(User)
    album = ForeignKey(Album)


class Tracks(Table, tablename="crud_plural"):
    """Its children would be called as one of its columns."""

    nodes = Integer()


class Leaf(Table, tablename="crud_leaf"):
    """Two foreign keys to one table."""

    album = ForeignKey(Album)
    other = ForeignKey(Album)


class LeafOfUUID(Table, tablename="crud_uuid_leaf"):
    """An owner in a table of members."""

    key = UUID(primary_key=True)
    owner = ForeignKey(Member)


class Tree(Table, tablename="crud_tree"):
    """Refers to itself, and leads to nobody."""

    parent: ForeignKey[Any] = ForeignKey("self")


class Fruit(Table, tablename="crud_fruit"):
    """Leads to a tree, and to nobody."""

    tree = ForeignKey(Tree)


class ByDirector(Table, tablename="crud_by_director"):
    """A foreign key with the same name as one of another table."""

    thing = ForeignKey(Director)


class ByMovie(Table, tablename="crud_by_movie"):
    """A foreign key with the same name as one of another table."""

    thing = ForeignKey(Movie)


class Titled(BaseModel):
    """Without a key."""

    title: str


class Policy(Table, tablename="crud_policy"):
    """For those who have a role."""

    role: ForeignKey[Any] = ForeignKey(Role)


# These are never created, and no other test looks at them.
del TABLE_REGISTRY[before:]

session = SessionAuth()


def _everybodys(options: dict[str, Any]) -> Any:
    return {"owner": None, **options}


def crud(table: type[Table], **options: Any) -> Crud:
    """A `Crud` of users by session."""
    return Crud(table, session, **_everybodys(options))


def router(table: type[Table], **options: Any) -> Any:
    """A router of users by session."""
    return crud_router(table, session, **_everybodys(options))


WRONG: list[tuple[Callable[[], Any], str]] = [
    (lambda: crud(User), "User is a table of authentication"),
    (lambda: crud(Member), "Member is a table of authentication"),
    (lambda: crud(Session), "Session is a table of authentication"),
    (lambda: crud(Policy, include=[Policy.role]), "Role is a table of authentication, whose rows"),
    (lambda: crud(Policy, filters=[Policy.role.name]), "Role is a table of authentication, whose"),
    (lambda: crud(Policy, write=[Policy.role]), "Role is a table of authentication, whose rows ha"),
    (lambda: crud(Movie, page_size=0), "page_size must be at least 1"),
    (lambda: crud(Movie, page_size=200), "page_size must be at least 1"),
    (lambda: crud(Movie, max_page_size=2000), "page_size must be at least 1"),
    (lambda: crud(Movie, max_bulk=0), "page_size must be at least 1"),
    (lambda: crud(Movie, name="a movie"), "name is 'a movie'; use letters"),
    (lambda: crud(Movie, sees_all="admin"), "sees_all and public_read need owner="),
    (lambda: crud(Movie, public_read=True), "sees_all and public_read need owner="),
    (lambda: crud(Movie, owner=Movie.title), "owner=title must be a foreign key to the user"),
    (lambda: crud(Movie, owner=Movie.director), "owner=director leads to Director, and the guard"),
    (lambda: crud(LeafOfUUID, owner=LeafOfUUID.owner), "owner=owner leads to Member, and the guar"),
    (lambda: crud(Movie, read=[Movie.pin]), "read=pin is a secret column"),
    (lambda: crud(Movie, filters=[Movie.pin]), "filters=pin is a secret column"),
    (lambda: crud(Movie, sort=[Movie.pin]), "sort=pin is a secret column"),
    (lambda: crud(Movie, search=[Movie.pin]), "search=pin is a secret column"),
    (lambda: crud(Movie, sort=[Movie.director.salary]), "sort=director.salary is a secret column"),
    (
        lambda: router(Odd, read=[Odd.rating], operations=["options"]),
        "get_readable=secret is a secret column",
    ),
    (lambda: crud(Movie, write=[Movie.id]), "write=id is the primary key"),
    (lambda: crud(Movie, update=[Movie.id]), "update=id is the primary key"),
    (
        lambda: crud(Movie, write=[Movie.owner], owner=Movie.owner),
        "write=owner is the owner, who is always",
    ),
    (
        lambda: crud(Movie, create=[Movie.owner], owner=Movie.owner),
        "create=owner is the owner, who is always",
    ),
    (
        lambda: crud(Movie, filters=[Movie.owner], owner=Movie.owner),
        "filters=owner is the owner, who is always",
    ),
    (lambda: crud(Movie, write=[Album.name]), "write=name must be a column of Movie"),
    (lambda: crud(Movie, write=[Movie.director.name]), "write=name must be a column of Movie"),
    (lambda: crud(Movie, filters=[Album.name]), "filters=name must be a column of Movie, or be re"),
    (lambda: crud(Movie, sort=[Track.album.name]), "sort=album.name must be a column of Movie, or"),
    (
        lambda: crud(Movie, read=[Movie.title], sort=[Movie.rating]),
        "sort=rating must be in read: order shows it",
    ),
    (lambda: crud(Odd, sort=[Odd.data]), "spans is an array of Interval"),
    (lambda: crud(Odd, read=[Odd.blobs]), "blobs is an array of Bytea"),
    (lambda: crud(Everything, sort=[Everything.json]), "sort=json is of a type that has no order"),
    (lambda: crud(Movie, read=Titled), "read must have the primary key"),
    (lambda: crud(Place), "at is a Point, whose values have no form in JSON"),
    (lambda: crud(Movie, include=[Movie.title]), "include=title must be a foreign key"),
    (lambda: crud(Movie, include=[Movie.owner]), "include=owner would show users"),
    (lambda: crud(Movie, include=[Track.album]), "include=album must be a foreign key of Movie, o"),
    (lambda: crud(Movie, version=Movie.title), "version must be an Integer column"),
    (
        lambda: crud(Album, version=Album.version, write=[Album.version]),
        "version must be an Integer column",
    ),
    (
        lambda: crud(Album, version=Album.version, read=[Album.name]),
        "version must be an Integer column",
    ),
    (lambda: crud(Movie, owner=Movie.owner, sees_all="See All"), "sees_all is 'See All'; use lowe"),
    (
        lambda: crud(Movie, owner=Movie.owner, sees_all="account"),
        "sees_all is 'account'; use lower",
    ),
    # The owner of the table, or of a related one, is not known.
    (lambda: Crud(Movie, session), "Rows of Movie lead to a user. Say whose they are by owner="),
    (lambda: Crud(Track, session), "Rows of Track lead to a user. Say whose they are by owner="),
    (lambda: crud_router(Movie, session), "Rows of Movie lead to a user. Say whose they are by ow"),
    (
        lambda: crud(Track, related=[Crud(Album, SessionAuth(Users(Member)), owner=None)]),
        "Crud needs one user table, not User and Member",
    ),
    (lambda: crud(Track, write=[Track.album]), "Rows of Album lead to a user. Say who sees them"),
    (lambda: crud(Track, include=[Track.album]), "Rows of Album lead to a user. Say who sees the"),
    (lambda: crud(Track, filters=[Track.album.name]), "Rows of Album lead to a user. Say who sees"),
    (lambda: crud(Comment, sort=[Comment.track.title]), "Rows of Track lead to a user. Say who se"),
    (
        lambda: crud(Album, include=[Comment.album], owner=Album.owner),
        "Rows of Comment lead to a user. Say who sees them",
    ),
    (
        lambda: crud(LeafOfUUID, write=[LeafOfUUID.owner]),
        "A foreign key to Member can be written and joined only with a guard",
    ),
    (
        lambda: crud(Album, include=[Leaf.album, Leaf.other], owner=Album.owner),
        "Rows of Leaf lead to a user. Say who sees them",
    ),
    (
        lambda: crud(
            Album, include=[Leaf.album, Leaf.other], owner=Album.owner, related=[crud(Leaf)]
        ),
        "include: two members would be called leafs",
    ),
    (
        lambda: crud(Track, owner=Track.album.owner, write=[Track.title]),
        "create must have album, by which a new row has an owner",
    ),
    # Names of parameters.
    (lambda: crud(Movie, filters=[Movie.title, Movie.title]), "Two parameters are called title"),
    # The router.
    (lambda: router(Movie, permissions={"get": "admin"}), "permissions has get; use list, read"),
    (
        lambda: router(Movie, permissions={"list": SessionAuth(Users(Member), name="other")}),
        "crud_router needs one user table",
    ),
    (lambda: router(Movie, operations=["create"]), "The operation create needs create= or write="),
    (lambda: router(Movie, operations=["replace"]), "The operation replace needs create= or write"),
    (lambda: router(Movie, operations=["update"]), "The operation update needs update= or write="),
    (lambda: router(Movie, operations=["bulk"]), "The operation bulk needs create, update or del"),
    (
        lambda: router(
            Movie, write=[Movie.title], require_match=True, operations=["update", "bulk"]
        ),
        "require_match and the operation bulk exclude each other",
    ),
    (
        lambda: router(Movie, operations=["nope"]),
        "crud_router: operations must be a list of ",
    ),
    (lambda: crud_router(crud(Movie), session), "A Crud has its guard and options already"),
    (lambda: router(Movie, page_size="20"), "Crud: page_size must be int, not str"),
]


@reaches_no_sql
@pytest.mark.parametrize(("make", "sentence"), WRONG)
def test_wrong(database: Any, make: Callable[[], Any], sentence: str) -> None:
    """The sentence says what is wrong."""
    with pytest.raises(ConfigurationError) as raised:
        make()
    assert str(raised.value).startswith(sentence)


@reaches_no_sql
def test_operators_in_names(database: Any) -> None:
    """A column that is called like another with an operator can't be filtered by as well."""

    class Named(Odd, tablename="crud_named"):
        @classmethod
        def get_readable(cls) -> Readable:
            return Readable(template="%s", columns=[cls.rating])

    TABLE_REGISTRY.remove(Named)
    read = [Named.rating, Named.rating__lt, Named.limit]
    with pytest.raises(ConfigurationError, match="Two parameters are called rating__lt"):
        Crud(Named, session, read=read, filters=[Named.rating, Named.rating__lt])
    with pytest.raises(ConfigurationError, match="Two parameters are called limit"):
        Crud(Named, session, read=read, filters=[Named.limit])
    Crud(Named, session, read=read, filters=[Named.rating])


@reaches_no_sql
def test_no_guard(database: Any) -> None:
    """Without a guard there is no router."""
    with pytest.raises(TypeError, match="needs a guard"):
        crud_router(Movie)


@reaches_no_sql
def test_read_only(database: Any) -> None:
    """Without `write=`, nothing is written."""
    app = make_app(session, movies=router(Movie))
    methods = {
        method
        for path, item in app.openapi()["paths"].items()
        if path.startswith("/movies")
        for method in item
    }
    assert methods == {"get"}


@reaches_no_sql
def test_what_a_table_refers_to_itself(database: Any) -> None:
    """A table that refers to itself has one scope."""
    made = crud(
        Node,
        write=[Node.parent],
        owner=Node.owner,
        include=[Node.parent],
        filters=[Node.parent.id],
    )
    assert list(made.includes) == ["parent"]
    with pytest.raises(ConfigurationError, match="include: two members would be called parent"):
        crud(Node, owner=Node.owner, include=[Node.parent, Node.parent])


@reaches_no_sql
def test_scopes_that_are_known(database: Any) -> None:
    """The scopes of tables on the way to the owner, of those that lead to nobody, and of others."""
    fruit: Any = Fruit
    comment: Any = Comment
    crud(Fruit, write=[Fruit.tree], filters=[fruit.tree.parent.id])
    crud(Tree, include=[Fruit.tree])
    crud(Director, include=[Movie.director], related=[crud(Movie)])
    crud(Album, include=[Track.album])
    comments = crud(
        Comment,
        owner=comment.track.album.owner,
        create=[Comment.track],
        include=[Comment.album],
        filters=[Comment.track.title],
    )
    assert list(comments.includes) == ["album"]


@reaches_no_sql
def test_foreign_keys_of_one_name(database: Any) -> None:
    """Foreign keys of two tables may have the same name; each has the scope of its own target."""
    movies = crud(Movie, owner=Movie.owner)
    relations = Relations(ByDirector, EVERYBODY, User, [movies])
    assert relations.scope_of(ByDirector.thing) == EVERYBODY
    assert relations.scope_of(ByMovie.thing) is movies.scope


async def start(app: FastAPI) -> None:
    """Start an application."""
    async with app.router.lifespan_context(app):
        pass


@reaches_no_sql
async def test_one_name_twice(database: Any) -> None:
    """Two routers of one name do not start; with two names they do."""
    app = make_app(session, movies=router(Movie), mine=router(Movie, owner=Movie.owner))
    with pytest.raises(ConfigurationError, match="Two routers have the operation list_movies"):
        await start(app)
    mine = router(Movie, owner=Movie.owner, name="MyMovie", tags=["mine"])
    app = make_app(session, movies=router(Movie), mine=mine, directors=router(Director))
    await start(app)
    document = app.openapi()
    names = {
        operation["operationId"]
        for path, item in document["paths"].items()
        if not path.startswith("/auth")
        for operation in item.values()
    }
    assert names == {
        "list_movies",
        "get_movie",
        "list_my_movies",
        "get_my_movie",
        "list_directors",
        "get_director",
    }
    assert document["paths"]["/mine"]["get"]["tags"] == ["mine"]
