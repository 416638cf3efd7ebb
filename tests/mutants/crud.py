"""Mutants of `crud`: whose rows a caller sees, and where a caller may put rows."""

_RELATIONS = "crud/relations.py"
_SCOPE = "tests/crud/test_scope.py"
_RACES = "tests/crud/test_races.py"

MUTANTS: list[tuple[str, str, str, str]] = [
    (
        _RELATIONS,
        "return Scope((column,), key, self._scope.sees_all)",
        "return Scope((column,), key, self._scope.sees_all, self._scope.public_read)",
        _SCOPE,
    ),
    (
        _RELATIONS,
        "return Scope((column,), key, self._scope.sees_all)",
        "return Scope((column,), key)",
        _SCOPE,
    ),
    (
        _RELATIONS,
        "return Scope(path[1:], own.attribute, own.sees_all)",
        "return Scope(path[1:], own.attribute, own.sees_all, own.public_read)",
        _SCOPE,
    ),
    (
        _RELATIONS,
        "return Scope(path, self._scope.attribute, self._scope.sees_all, self._scope.public_read)",
        "return Scope(path, self._scope.attribute, None, self._scope.public_read)",
        _SCOPE,
    ),
    (
        _RELATIONS,
        "place = table_of(column._meta.table), column._meta.name",
        'place = "", column._meta.name',
        "tests/crud/test_settings.py",
    ),
    (
        "crud/permissions.py",
        "[name] for name in names if name in self._given][:1]",
        "[name] for name in names if name in self._given][-1:]",
        "tests/crud/test_crud.py",
    ),
    (
        "crud/writer.py",
        "row = await self._statements.fetch(caller, key, lock=True)",
        "row = await self._statements.fetch(caller, key)",
        _RACES,
    ),
    ("crud/writer.py", "lock=bool(hooks.before_delete))", "lock=False)", _RACES),
    ("crud/statements.py", ' FOR UPDATE" if lock and', ' FOR SHARE" if lock and', _RACES),
]
