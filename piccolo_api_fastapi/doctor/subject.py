"""`Subject`: what checks look at."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from piccolo.apps.user.tables import BaseUser
from piccolo.table import Table

from piccolo_api_fastapi.audit.routes import application_in
from piccolo_api_fastapi.core.database.transactions import engine_of
from piccolo_api_fastapi.crud import Crud
from piccolo_api_fastapi.errors import ConfigurationError
from piccolo_api_fastapi.mail.links import Links
from piccolo_api_fastapi.users import Users

from .reach import objects_of

ObjectT = TypeVar("ObjectT")


@dataclass(frozen=True, slots=True)
class Subject:
    """
    An application and what it is made of.

    Args:
        app: The application.
        objects: The objects of this library that it uses.
        workers: The number of processes that serve it.
        is_started: Whether its lifespan runs.
    """

    app: Any
    objects: tuple[Any, ...]
    workers: int
    is_started: bool

    def all(self, kind: type[ObjectT]) -> list[ObjectT]:
        """Return the objects of a class."""
        return [one for one in self.objects if isinstance(one, kind)]

    @property
    def owners(self) -> list[Users[Any]]:
        """The users, once for each user table."""
        return list({users.table: users for users in reversed(self.all(Users))}.values())

    @property
    def user_tables(self) -> list[type[BaseUser]]:
        """The user tables."""
        return [users.table for users in self.owners]

    @property
    def base_urls(self) -> list[str]:
        """The URLs of the pages that links in mail open."""
        return list(dict.fromkeys(links.base_url for links in self.all(Links)))

    def databases(self) -> Iterator[tuple[type[Table], Any]]:
        """Yield the engines of the application, each with a table on it."""
        seen: list[Any] = []
        for table in (*self.user_tables, *(crud.table for crud in self.all(Crud))):
            engine = engine_of(table)
            engine = getattr(engine, "unlimited", engine)
            if not any(engine is one for one in seen):
                seen.append(engine)
                yield table, engine


def subject_of(app: Any, workers: int, *, is_started: bool) -> Subject:
    """
    Return what checks look at.

    Args:
        app: The application, or middleware around it.
        workers: The number of processes; 0 for that in `WEB_CONCURRENCY`, or 1.
        is_started: Whether its lifespan runs.

    Raises:
        ConfigurationError: It is no application of FastAPI or Starlette, or `workers` is negative.
    """
    found = application_in(app)
    if found is None:
        raise ConfigurationError(
            f"The doctor needs an application of FastAPI or Starlette, not {type(app).__name__}."
        )
    if workers < 0:
        raise ConfigurationError(f"workers is {workers}; use 1 or more, or 0 for WEB_CONCURRENCY.")
    given = os.environ.get("WEB_CONCURRENCY", "")
    workers = workers or (int(given) if given.isdecimal() else 1)
    return Subject(found, objects_of(found), workers, is_started)
