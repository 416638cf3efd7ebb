"""
A service for a movie club: people, movies and reviews.

    python -m examples.movies

Everybody reads. Who is signed in adds movies and reviews, and changes their own. Editors change
those of others, and write the people. The administrator grants roles.
"""

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse

from examples.movies.tables import Movie, Person, Review
from piccolo_api_fastapi import (
    Accounts,
    Cookie,
    Crud,
    Login,
    RateLimit,
    Roles,
    SessionAuth,
    Users,
    accounts_router,
    crud_router,
    install,
    optional,
    public,
    reauthentication_router,
    roles_router,
    session_router,
)

roles = Roles(
    {
        "editor": ["people:write", "movies:edit-any", "reviews:edit-any"],
        "administrator": ["*"],
    }
)
users = Users(roles=roles)

# Plain http, for the demo. On https, leave `cookie` out: the default is the safe one.
session = SessionAuth(users, cookie=Cookie.insecure_for_http_on_localhost())
login = Login(users)
visitor = optional(session)

people = Crud(
    Person,
    visitor,
    write=[Person.name, Person.born],
    filters=[Person.name, Person.born],
    sort=[Person.name, Person.born],
    search=[Person.name],
)
# Movies show their reviews, and reviews their movie: what a movie shows of them comes first.
shown_reviews = Crud(Review, visitor, owner=Review.author, public_read=True)
movies = Crud(
    Movie,
    visitor,
    write=[Movie.title, Movie.year, Movie.director],
    owner=Movie.added_by,
    public_read=True,
    sees_all="movies:edit-any",
    related=[people, shown_reviews],
    filters=[Movie.title, Movie.year, Movie.director.name],
    sort=[Movie.year, Movie.title],
    search=[Movie.title],
    include=[Movie.director, Review.movie],
    version=Movie.version,
)
reviews = Crud(
    Review,
    visitor,
    write=[Review.movie, Review.stars, Review.text],
    owner=Review.author,
    public_read=True,
    sees_all="reviews:edit-any",
    related=[movies],
    filters=[Review.movie, Review.stars],
    sort=[Review.stars],
    include=[Review.movie],
)
EDITORS = "people:write"

app = FastAPI(title="A movie club")
install(app, limit=RateLimit("600/minute"))
app.include_router(session_router(session, login), prefix="/auth")
app.include_router(reauthentication_router(login, session), prefix="/auth")
app.include_router(accounts_router(Accounts(users, schemes=[session], login=login)), prefix="/auth")
app.include_router(roles_router(roles, session), prefix="/auth")
app.include_router(
    crud_router(people, permissions={"create": EDITORS, "update": EDITORS, "delete": EDITORS}),
    prefix="/people",
)
app.include_router(crud_router(movies), prefix="/movies")
app.include_router(crud_router(reviews), prefix="/reviews")


@app.get("/", include_in_schema=False)
@public
async def front_page() -> FileResponse:
    """The front page, which reads the API."""
    return FileResponse(Path(__file__).parent / "page.html")
