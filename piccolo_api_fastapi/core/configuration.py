"""`configured`: constructors and functions that refuse arguments of the wrong type."""

import inspect
import types
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cache, wraps
from typing import Any, Literal, TextIO, TypeVar, Union, cast, get_args, get_origin

from piccolo.apps.user.tables import BaseUser

from piccolo_api_fastapi.errors import ConfigurationError

TargetT = TypeVar("TargetT", bound=Callable[..., Any])

_ONE_OF = (Union, types.UnionType)
_NUMBERS = (int, float)


def configured(target: TargetT) -> TargetT:
    """
    Check the arguments of a class or a function against its annotations, once it is called.

    It is for what an application calls while it is set up. The error names the argument and what
    is wanted, but never a value, which may be a secret.

    Args:
        target: The class, whose constructor is checked, or the function.
    """
    if not isinstance(target, type):
        return cast("TargetT", _checking(target, target.__qualname__))
    made: Any = target
    made.__init__ = _checking(made.__init__, None)
    return cast("TargetT", target)


def _checking(function: Callable[..., Any], name: str | None) -> Callable[..., Any]:
    signature = inspect.signature(function)
    hints = cache(lambda: _hints(function, signature))

    @wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        try:
            given = signature.bind(*args, **kwargs).arguments
        except TypeError:  # which the call raises as well, in Python's words
            given = {}
        for parameter, hint in hints().items():
            if parameter in given and not _fits(given[parameter], hint):
                owner, value = name or type(args[0]).__name__, given[parameter]
                free = {other: hints()[other] for other in hints() if other not in given}
                advice = _advice(value, hint, {} if parameter in kwargs else free)
                wanted = f"{owner}: {parameter} must be {_words(hint)}, not {_called(value)}."
                raise ConfigurationError(wanted + advice)
        return function(*args, **kwargs)

    return checked


def _hints(function: Callable[..., Any], signature: inspect.Signature) -> dict[str, Any]:
    """Return the annotations that can be checked."""
    names = inspect.unwrap(function).__globals__
    hints: dict[str, Any] = {}
    for parameter in signature.parameters.values():
        found: Any = parameter.annotation
        if isinstance(found, str):
            try:
                found = eval(found, names)  # noqa: S307 - an annotation of this package
            except NameError:  # imported for type checkers only
                continue
        if parameter.kind is parameter.VAR_POSITIONAL:
            hints[parameter.name] = types.GenericAlias(tuple, (found, ...))
        elif found is not parameter.empty and parameter.kind is not parameter.VAR_KEYWORD:
            hints[parameter.name] = found
    return hints


def _fits(value: Any, hint: Any) -> bool:
    """Return whether a value is of the type of an annotation, as far as that can be seen."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin in _ONE_OF:
        return any(_fits(value, part) for part in parts)
    if origin is Literal:
        return value in parts
    if origin is type:
        return isinstance(value, type) and issubclass(value, _classes(parts[0]))
    if origin is Callable and isinstance(value, type):
        return parts[0] is ...  # a class can be called too, but is hardly what is wanted
    return _is_instance(value, hint) and (
        not _is_of(origin, Iterable) or _elements_fit(value, parts)
    )


def _is_instance(value: Any, hint: Any) -> bool:
    if getattr(hint, "_is_protocol", False):
        members = [name for name in vars(hint) if not name.startswith("_")]
        return not isinstance(value, type) and all(hasattr(value, name) for name in members)
    if hint is TextIO:  # which not every stream inherits
        return hasattr(value, "write") and not isinstance(value, type)
    is_flag = hint in _NUMBERS and isinstance(value, bool)
    return isinstance(value, _classes(hint)) and not is_flag


def _is_of(origin: Any, kind: type) -> bool:
    return isinstance(origin, type) and issubclass(origin, kind)


def _classes(hint: Any) -> Any:
    """Return what `isinstance` takes for an annotation: `object` if that can't be checked."""
    if isinstance(hint, TypeVar):
        hint = hint.__bound__
    if hint is float:
        return _NUMBERS
    found = types.NoneType if hint is None else get_origin(hint) or hint
    if found is tuple:
        return (tuple, list, set, frozenset)
    return found if isinstance(found, type) and found is not Any else object


def _elements_fit(value: Any, parts: tuple[Any, ...]) -> bool:
    if isinstance(value, Mapping):
        names, values = parts
        return all(_fits(key, names) and _fits(value[key], values) for key in value)
    if isinstance(value, str | bytes):  # a sequence of itself
        return False
    # An iterator is not used up.
    return not isinstance(value, Collection) or all(_fits(item, parts[0]) for item in value)


def _advice(value: Any, hint: Any, others: Mapping[str, Any]) -> str:
    """Return what else may have been meant. The others are parameters that were not given."""
    if isinstance(value, type) and issubclass(value, BaseUser):
        return f" Did you mean Users({value.__name__})?"
    if _fits([value], hint):
        return " Put it into a list."
    fitting = [name for name, other in others.items() if _fits(value, other)]
    return f" Did you mean {fitting[0]}=…?" if fitting and value is not None else ""


def _called(value: Any) -> str:
    """Return the type of a value in words."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if isinstance(value, Mapping):
        return f"a dict of {_types(value)} to {_types(value.values())}"
    if isinstance(value, list | tuple | set | frozenset):
        return f"a list of {_types(value)}"
    return "None" if value is None else type(value).__name__


def _types(values: Iterable[Any]) -> str:
    return " and ".join(sorted({type(value).__name__ for value in values})) or "nothing"


def _words(hint: Any) -> str:
    """Return an annotation in words."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin in _ONE_OF:
        return " or ".join(map(_words, parts))
    if origin is Literal:
        return " or ".join(map(repr, parts))
    if origin is type:
        return f"a subclass of {_words(parts[0])}"
    if _is_of(origin, Mapping):
        return f"a dict of {_words(parts[0])} to {_words(parts[1])}"
    if _is_of(origin, Iterable):
        return f"a list of {_words(parts[0])}"
    name: str = _classes(hint).__name__ if hint is not float else "float"
    return {"NoneType": "None", "Callable": "a function"}.get(name, name)
