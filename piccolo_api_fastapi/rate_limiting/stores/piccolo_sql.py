"""
The SQL statements of `PiccoloStore`: the rules of `gcra` and `strict_log` for databases.

The states of all limits are one text of numbers, each of them a comma and 16 digits: an arrival
time, or for a log the end of a block and then the times of as many requests as the limit has. The
last number is the time of the last charge. Each number is therefore at a known place, in SQLite
and in PostgreSQL. Microseconds since 1970 have 16 digits until 2286.
"""

from dataclasses import dataclass

from piccolo_api_fastapi.rate_limiting.algorithms.gcra import BLOCKED, Rate
from piccolo_api_fastapi.rate_limiting.algorithms.strict_log import StrictRate

from .store import AnyRate, Budget, State

WIDTH = 17
NOTHING = "," + "0" * 16


@dataclass(frozen=True, slots=True)
class Dialect:
    """
    The expressions that differ between databases.

    Args:
        greatest: The function that returns the greatest of its arguments.
        least: The function that returns the least of its arguments.
        find: The function that returns the place of a text in another.
        now: The time of the server, or a placeholder for another time.
    """

    greatest: str
    least: str
    find: str
    now: str


GIVEN = "CAST({} AS BIGINT)"
POSTGRES = Dialect(
    "GREATEST", "LEAST", "strpos", "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)"
)
# Read once the statement has the lock; a value bound earlier could be out of order.
SQLITE = Dialect(
    "max", "min", "instr", "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)"
)


def numbers_of(rate: AnyRate) -> int:
    """The number of numbers in the state of a limit."""
    return 1 if isinstance(rate, Rate) else rate.limit.amount + 1


def read(budget: Budget, text: str | None) -> tuple[list[State], int]:
    """The states in a text, and the time of the last charge. `None` gives fresh states."""
    if text is None:
        return [rate.fresh for rate in budget.rates], 0
    numbers = [int(number) for number in text[1:].split(",")]
    states: list[State] = []
    for rate in budget.rates:
        mine, numbers = numbers[: numbers_of(rate)], numbers[numbers_of(rate) :]
        if isinstance(rate, Rate):
            states.append(mine[0])
        else:
            states.append((mine[0], *(time for time in mine[1:] if time)))
    return states, numbers[0] if numbers else 0


def charge(table: str, budget: Budget, cost: int, sql: Dialect) -> str:
    """The statement that charges or refuses. Its parameters: the key, and twice the time."""
    fields = _fields(budget, sql)
    admits = " AND ".join(f"NOT {field.refuses(cost)}" for field in fields)
    charged = " || ".join([*(field.charged(cost) for field in fields), _text("c.now")])
    refused = " || ".join([*(field.refused(cost) for field in fields), _newest(budget)])
    first = " || ".join([*(field.first(cost) for field in fields), _text("c.now")])
    until = f"c.now + {max(rate.life for rate in budget.rates)}"
    return f"""
        INSERT INTO {table} AS r (key, state, allowed, at, expires_at)
        SELECT CAST({{}} AS VARCHAR), {first}, true, c.now, {until}
        FROM (SELECT {sql.now} AS now) AS c WHERE true
        ON CONFLICT (key) DO UPDATE SET (state, allowed, at, expires_at) = (
            SELECT CASE WHEN {admits} THEN {charged} ELSE {refused} END, {admits}, c.now, {until}
            FROM (SELECT {sql.now} AS now) AS c
        )
        RETURNING state, allowed, at
    """  # noqa: S608 - built of numbers and our own names


def refund(table: str, budget: Budget, cost: int, sql: Dialect, *, marked: bool) -> str:
    """The statement that refunds. Its parameters: the time, the marks if any, and the key."""
    marks = [f"c.mark{number}" if marked else None for number in range(len(budget.rates))]
    pairs = zip(_fields(budget, sql), marks, strict=True)
    fields = [field.refunded(cost, mark) for field, mark in pairs]
    given = " || ".join([*fields, _newest(budget)])
    known = [f"{sql.now} AS now"]
    known += [f"{GIVEN} AS mark{number}" for number in range(len(budget.rates)) if marked]
    return f"""
        UPDATE {table} AS r SET (state, at) = (
            SELECT {given}, c.now FROM (SELECT {", ".join(known)}) AS c
        ) WHERE key = {{}} RETURNING state, at
    """  # noqa: S608 - the same


def look(table: str, sql: Dialect) -> str:
    """The statement that reads. Its parameters: the time and the key."""
    return f"SELECT state, {sql.now} AS at FROM {table} WHERE key = {{}}"  # noqa: S608 - the same


class _Arrival:
    """The arrival time of a limit by GCRA, in the text of a row."""

    def __init__(self, rate: Rate, place: int, sql: Dialect) -> None:
        self.rate = rate
        self.sql = sql
        self.text = f"substr(r.state, {WIDTH * place + 1}, {WIDTH})"
        number = _number(place)
        is_over = f"{number} >= {BLOCKED} AND {number} - {BLOCKED} <= c.now"
        self.time = f"CASE WHEN {is_over} THEN 0 ELSE {number} END" if rate.block else number

    def refuses(self, cost: int) -> str:
        rate = self.rate
        ahead = cost * rate.interval - rate.tolerance
        return f"({self.sql.greatest}({self.time}, c.now) + {ahead} > c.now)"

    def charged(self, cost: int) -> str:
        cost *= self.rate.interval
        return _text(f"{self.sql.greatest}({self.time}, c.now) + {cost}")

    def first(self, cost: int) -> str:
        return _text(f"c.now + {cost * self.rate.interval}")

    def refused(self, cost: int) -> str:
        rate = self.rate
        if not rate.block:
            return self.text
        blocked = _text(f"c.now + {BLOCKED + rate.block}")
        is_new = f"{self.refuses(cost)} AND {self.time} < {BLOCKED}"
        return f"CASE WHEN {is_new} THEN {blocked} ELSE {self.text} END"

    def refunded(self, cost: int, mark: str | None) -> str:
        greatest, least = self.sql.greatest, self.sql.least
        given = f"{cost * self.rate.interval}"
        if mark is not None:
            given = f"{greatest}({least}({given}, {mark} - c.now), 0)"
        after = _text(f"{least}({self.time}, {greatest}(c.now, {self.time} - {given}))")
        return f"CASE WHEN {self.time} >= {BLOCKED} THEN {self.text} ELSE {after} END"


class _Entries:
    """The log of a strict limit, in the text of a row."""

    def __init__(self, rate: StrictRate, place: int, sql: Dialect) -> None:
        self.rate = rate
        self.sql = sql
        self.place = place
        self.until = _number(place)
        self.until_text = f"substr(r.state, {WIDTH * place + 1}, {WIDTH})"
        self.times = f"substr(r.state, {WIDTH * (place + 1) + 1}, {WIDTH * rate.limit.amount})"

    def refuses(self, cost: int) -> str:
        oldest = _number(self.place + 1 + self.rate.limit.amount - cost)
        latest = f"{oldest} + {self.rate.limit.period}"
        return f"({self.sql.greatest}({latest}, {self.until}) > c.now)"

    def charged(self, cost: int) -> str:
        kept = f"substr({self.times}, 1, {WIDTH * (self.rate.limit.amount - cost)})"
        return " || ".join([self.until_text, _repeated("c.now", cost), kept])

    def first(self, cost: int) -> str:
        nothing = NOTHING * (self.rate.limit.amount - cost)
        return " || ".join([f"'{NOTHING}'", _repeated("c.now", cost), f"'{nothing}'"])

    def refused(self, cost: int) -> str:
        if not self.rate.block:
            return f"{self.until_text} || {self.times}"
        is_new = f"{self.refuses(cost)} AND {self.until} <= c.now"
        blocked = _text(f"c.now + {self.rate.block}")
        return f"CASE WHEN {is_new} THEN {blocked} ELSE {self.until_text} END || {self.times}"

    def refunded(self, cost: int, mark: str | None) -> str:
        place = "1"
        if mark is not None:
            place = f"{self.sql.find}({self.times}, {_repeated(mark, cost)})"
        before = f"substr({self.times}, 1, {place} - 1)"
        after = f"substr({self.times}, {place} + {WIDTH * cost}) || '{NOTHING * cost}'"
        given = f"CASE WHEN {place} > 0 THEN {before} || {after} ELSE {self.times} END"
        return f"{self.until_text} || {given}"


def _fields(budget: Budget, sql: Dialect) -> list[_Arrival | _Entries]:
    place, fields = 0, list[_Arrival | _Entries]()
    for rate in budget.rates:
        if isinstance(rate, Rate):
            fields.append(_Arrival(rate, place, sql))
        else:
            fields.append(_Entries(rate, place, sql))
        place += numbers_of(rate)
    return fields


def _newest(budget: Budget) -> str:
    place = sum(numbers_of(rate) for rate in budget.rates)
    return f"substr(r.state, {WIDTH * place + 1}, {WIDTH})"


def _number(place: int) -> str:
    return f"CAST(substr(r.state, {WIDTH * place + 2}, {WIDTH - 1}) AS BIGINT)"


def _text(number: str) -> str:
    return f"',' || CAST({number} AS VARCHAR)"


def _repeated(number: str, times: int) -> str:
    """One expression for many entries, because SQLite refuses expressions a thousand deep."""
    return f"replace('{'x' * times}', 'x', {_text(number)})"
