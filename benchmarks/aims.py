"""What the library aims at, and what the run says of each aim."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .samples import paired

Results = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Aim:
    """
    One aim.

    Args:
        job: Whose results decide it.
        text: What is aimed at.
        limit: Met up to here, or from here on if `at_least`.
        measure: The figure, from the results of the job.
        at_least: Whether more is better.
    """

    job: str
    text: str
    limit: float
    measure: Callable[[Results], float]
    at_least: bool = False

    def is_met(self, measured: float) -> bool:
        """Whether the figure is on the right side."""
        return measured >= self.limit if self.at_least else measured <= self.limit


def beside(
    kind: str, one: str, other: str, connections: int = 32, figure: str = "cpu_us"
) -> Callable[[Results], float]:
    """A figure of one contender beside another's, as the median of same-round ratios."""

    def measure(results: Results) -> float:
        rounds = (
            results[kind][name][str(connections)][f"{figure}_by_round"] for name in (one, other)
        )
        return paired(*rounds).median

    return measure


def _storm(mode: str, name: str, figure: str) -> Callable[[Results], float]:
    return lambda results: float(results["postgres"][mode][name][figure]["median"])


def _growth(kind: str) -> Callable[[Results], float]:
    def grown(results: Results) -> float:
        sizes = results[kind]["session"]
        return float(sizes["1000000"]["hit_ms"] / sizes["1000"]["hit_ms"])

    return grown


def _sweep(kind: str, name: str = "sweep") -> Callable[[Results], float]:
    return lambda results: float(results[kind][name]["longest_ms"])


def _adds_beside(own: str, peer: str) -> Callable[[Results], float]:
    """What a limit adds to a route, beside what that of a peer adds."""

    def adds(results: Results) -> float:
        route = results["sqlite"]["route"]
        return float(route[own]["adds_us"]["median"] / route[peer]["adds_us"]["median"])

    return adds


def _crud(kind: str, what: str, figure: str) -> Callable[[Results], float]:
    return lambda results: float(results[kind]["here: crud_router"][what][figure]["median"])


def _cruds() -> Iterator[Aim]:
    for kind, title in (("postgres", "PostgreSQL"), ("sqlite", "SQLite")):
        for what, called in (("list", "a list of 20 rows"), ("detail", "one row")):
            by_hand, peer = _crud(kind, what, "of_by_hand"), _crud(kind, what, "of_peer")
            yield Aim("crud", f"{called} beside a route by hand, {title}", 1.1, by_hand)
            yield Aim(
                "crud", f"{called}, times less than PiccoloCRUD, {title}", 3, peer, at_least=True
            )
        yield Aim(
            "crud",
            f"a page deep inside 10⁶ rows, times the first, {title}",
            1.5,
            lambda results, kind=kind: float(  # type: ignore[misc]
                results[kind]["pages"]["deep"]["of_first"]["median"]
            ),
        )


def _start(name: str) -> Callable[[Results], float]:
    return lambda results: float(results["sqlite"]["start"][name]["of_no_routers"]["median"])


def _limit(table: str, name: str, figure: str = "times") -> Callable[[Results], float]:
    return lambda results: float(results["sqlite"][table][name][figure]["median"])


BY_HAND = {
    "session": ("session by hand", "session-piccolo", "session-driver"),
    "jwt": ("JWT and query by hand", "pyjwt-piccolo", "pyjwt-driver"),
    "token": ("session by hand", "session-piccolo", "session-driver"),
}
"""What each credential is compared with: the same job by hand, through Piccolo's engine and not."""

NAMES = {"session": "session", "jwt": "JWT", "token": "API token"}

PEERS = (
    ("piccolo-api's session", "piccolo-api-session", "session", 3.0),
    ("fastapi-users' session", "fastapi-users-session", "session", 5.0),
    ("fastapi-users' JWT", "fastapi-users-jwt", "jwt", 5.0),
)


def _claims() -> Iterator[Aim]:
    endings = {"HS256": "", "RS256": "-rs256", "ES256": "-es256", "EdDSA": "-eddsa"}
    for title, ending in endings.items():
        measure = beside("postgres", f"claims{ending}", f"pyjwt{ending}")
        yield Aim("protected", f"`jwt.claims` beside PyJWT by hand, {title}", 0.85, measure)


def _protected_by_hand() -> Iterator[Aim]:
    """CPU at 32 connections and at one, and the slowest at 128, all on PostgreSQL."""
    for connections, limits in ((32, (0.75, 0.9)), (1, (1.1, 1.1))):
        many = "1 connection" if connections == 1 else f"{connections} connections"
        for own, (title, *others) in BY_HAND.items():
            ways = ("Piccolo's engine", "bare asyncpg")
            for other, way, limit in zip(others, ways, limits, strict=True):
                text = f"{NAMES[own]} beside {title} on {way}, {many}, PostgreSQL"
                measure = beside("postgres", own, other, connections)
                yield Aim("protected", text, limit, measure)
    for own, (title, other, _) in BY_HAND.items():
        text = f"p99 of {NAMES[own]} beside {title} on Piccolo's engine, 128 connections"
        yield Aim("protected", text, 1.0, beside("postgres", own, other, 128, "p99_ms"))


def _protected() -> Iterator[Aim]:
    yield from _claims()
    yield from _protected_by_hand()
    for own, (title, other, _) in BY_HAND.items():
        text = f"{NAMES[own]} beside {title} on Piccolo's engine, 32 connections, SQLite"
        yield Aim("protected", text, 1.25, beside("sqlite", own, other))
    for title, peer, own, limit in PEERS:
        text = f"times less than {title}, PostgreSQL"
        yield Aim("protected", text, limit, beside("postgres", peer, own), at_least=True)
    for own, name in NAMES.items():
        text = f"times less than piccolo-api's {name}, SQLite"
        measure = beside("sqlite", f"piccolo-api-{own}", own)
        yield Aim("protected", text, 1.0, measure, at_least=True)


AIMS = (
    *_protected(),
    Aim(
        "unguarded",
        "a route without a guard after `install(app)`, beside bare FastAPI",
        1.03,
        beside("sqlite", "no-routers", "bare"),
    ),
    Aim(
        "startup",
        "CPU of the start of an application with all routers, beside one without",
        1.3,
        _start("all-routers"),
    ),
    Aim(
        "storm",
        "`/ping` p99 beside logins, times that without",
        3.0,
        _storm("one_core", "session", "p99_times"),
    ),
    Aim(
        "storm",
        "logins per second, of a bare Argon2id pool, one core",
        0.85,
        _storm("one_core", "session", "of_bare_pool"),
        at_least=True,
    ),
    Aim(
        "storm",
        "logins per second, of a bare Argon2id pool, all cores",
        0.85,
        _storm("all_cores", "session", "of_bare_pool"),
        at_least=True,
    ),
    Aim(
        "growth",
        "a look-up among 10⁶ sessions, times one among 10³, PostgreSQL",
        1.2,
        _growth("postgres"),
    ),
    Aim(
        "growth",
        "a look-up among 10⁶ sessions, times one among 10³, SQLite",
        1.2,
        _growth("sqlite"),
    ),
    Aim(
        "growth",
        "longest look-up beside a sweep of half a million rows, ms, PostgreSQL",
        20,
        _sweep("postgres"),
    ),
    Aim(
        "growth",
        "longest look-up beside such a sweep, ms, SQLite, Piccolo's engine",
        20,
        _sweep("sqlite", "sweep_by_piccolo"),
    ),
    Aim(
        "growth",
        "longest look-up beside such a sweep, ms, SQLite, PersistentSQLiteEngine",
        20,
        _sweep("sqlite"),
    ),
    *_cruds(),
    Aim(
        "rate_limits",
        "a full MemoryStore of 100,000 keys, MiB",
        20,
        lambda results: float(results["sqlite"]["keys"]["mib_at_cap"]),
    ),
    Aim(
        "rate_limits",
        "a limit in memory beside a GCRA by hand, 100 live keys",
        2,
        _limit("memory_100", "here: MemoryStore"),
    ),
    Aim(
        "rate_limits",
        "a limit in memory beside a GCRA by hand, 100,000 live keys",
        2,
        _limit("memory_100000", "here: MemoryStore"),
    ),
    Aim(
        "rate_limits",
        "what a limited route adds in memory, beside slowapi with headers, as here",
        0.45,
        _adds_beside("here: RateLimit", "slowapi, with headers"),
    ),
    Aim(
        "rate_limits",
        "what a limited route adds in memory, beside slowapi as it comes, without headers",
        0.45,
        _adds_beside("here: RateLimit", "slowapi"),
    ),
    Aim(
        "rate_limits",
        "a limit in Redis beside a `PING`, one after another",
        1.7,
        _limit("redis", "here: RedisStore"),
    ),
    Aim(
        "rate_limits",
        "a limit in Redis beside a `PING`, 64 at once",
        1,
        _limit("redis_64", "here: RedisStore"),
    ),
)
