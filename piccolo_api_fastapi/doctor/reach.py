"""The objects of this library that an application is made of, found through its routes."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from types import CellType, FunctionType, MethodType
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.params import Depends

from piccolo_api_fastapi.core.http.public_routes import all_routes
from piccolo_api_fastapi.rate_limiting.stores.memory_store import MemoryStore
from piccolo_api_fastapi.rate_limiting.stores.remote_store import RemoteStore

_PACKAGE = "piccolo_api_fastapi."

_LEAVES = (type, MemoryStore, RemoteStore)
"""What is not looked into: classes, and stores, which hold as many counts as there are clients."""


def objects_of(app: Any) -> tuple[Any, ...]:
    """
    Return the objects of this library that the routes and the middleware of an application use.

    They are found in dependencies, in what endpoints close over, and in attributes of one another.
    What an endpoint takes from the globals of its module is not seen.

    Args:
        app: The application of FastAPI or Starlette, or a router.
    """
    return tuple(found for found in _reachable(_roots(app)) if _is_ours(found))


def _roots(app: Any) -> Iterator[Any]:
    for context in all_routes(app.routes):
        if (dependant := getattr(context, "dependant", None)) is not None:
            yield from _calls(dependant)
        yield getattr(context, "endpoint", None)
    for added in getattr(app, "user_middleware", ()):
        yield from added.kwargs.values()


def _calls(dependant: Dependant) -> Iterator[Any]:
    for inner in dependant.dependencies:
        yield inner.call
        yield from _calls(inner)


def _reachable(roots: Iterable[Any]) -> Iterator[Any]:
    seen: dict[int, Any] = {}  # they are kept, so that no id is used again
    waiting = list(roots)
    for one in waiting:  # grows meanwhile
        if id(one) not in seen:
            seen[id(one)] = one
            yield one
            waiting.extend(_parts(one))


def _parts(one: Any) -> Iterable[Any]:
    """Return what an object is made of, if it is one of this library or only holds others."""
    if isinstance(one, _LEAVES):
        return ()
    if isinstance(one, FunctionType | MethodType | partial | Depends):
        return _held(one)
    if isinstance(one, Mapping):
        return list(one.values())
    if isinstance(one, list | tuple | set | frozenset):
        return one
    return _attributes(one) if _is_ours(one) else ()


def _held(one: Any) -> Iterable[Any]:
    """Return what a function holds."""
    if isinstance(one, FunctionType):
        return (*map(_content, one.__closure__ or ()), *vars(one).values())
    if isinstance(one, MethodType):
        return one.__self__, one.__func__
    if isinstance(one, partial):
        return one.func, *one.args, *one.keywords.values()
    return (one.dependency,)


def _content(cell: CellType) -> Any:
    """Return what a function closes over; nothing yet, if it is defined further below."""
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _is_ours(one: Any) -> bool:
    """Return whether the class of an object is one of this library, or derived from one."""
    return any(base.__module__.startswith(_PACKAGE) for base in type(one).__mro__)


def _attributes(one: Any) -> Iterator[Any]:
    yield from getattr(one, "__dict__", {}).values()
    for base in type(one).__mro__:
        for name in getattr(base, "__slots__", ()):
            yield getattr(one, name, None)
