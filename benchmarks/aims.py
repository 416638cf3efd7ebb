"""What the library aims at, and what the run says of each aim."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .samples import Figure, ratio

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


def paired(kind: str, one: str, other: str) -> Callable[[Results], float]:
    """The CPU of one contender beside another's, as the median of same-round ratios."""
    return lambda results: ratio_of(results[kind], one, other).median


def ratio_of(results: Results, one: str, other: str) -> Figure:
    """The same with its spread."""
    return ratio(results[one]["cpu_us_by_round"], results[other]["cpu_us_by_round"])


def times_less(kind: str, peer: str, own: str) -> Callable[[Results], float]:
    """How many times the CPU of `own` goes into that of a peer."""
    return lambda results: ratio_of(results[kind], peer, own).median


def _storm(mode: str, name: str, figure: str) -> Callable[[Results], float]:
    return lambda results: float(results["postgres"][mode][name][figure]["median"])


def _growth(kind: str) -> Callable[[Results], float]:
    def grown(results: Results) -> float:
        sizes = results[kind]["session"]
        return float(sizes["1000000"]["hit_ms"] / sizes["1000"]["hit_ms"])

    return grown


def _sweep(kind: str, name: str = "sweep") -> Callable[[Results], float]:
    return lambda results: float(results[kind][name]["longest_ms"])


def _limit(table: str, name: str, figure: str = "times") -> Callable[[Results], float]:
    return lambda results: float(results["sqlite"][table][name][figure]["median"])


def _aims() -> list[Aim]:
    aims = [
        Aim("protected", f"`jwt.claims` beside PyJWT by hand, {title}", 0.85, measure)
        for title, measure in (
            ("HS256", paired("postgres", "claims", "pyjwt")),
            ("RS256", paired("postgres", "claims-rs256", "pyjwt-rs256")),
            ("ES256", paired("postgres", "claims-es256", "pyjwt-es256")),
            ("EdDSA", paired("postgres", "claims-eddsa", "pyjwt-eddsa")),
        )
    ]
    by_hand = "one raw query by Piccolo, by hand"
    for kind, title in (("postgres", "PostgreSQL"), ("sqlite", "SQLite")):
        for name in ("session", "jwt", "token"):
            measure = paired(kind, name, "session-piccolo")
            aims.append(Aim("protected", f"{name} beside {by_hand}, {title}", 1.25, measure))
    peers = (
        ("piccolo-api's session", "piccolo-api-session", "session", 2.5),
        ("fastapi-users' session", "fastapi-users-session", "session", 5.0),
        ("fastapi-users' JWT", "fastapi-users-jwt", "jwt", 5.0),
    )
    for title, peer, own, limit in peers:
        measure = times_less("postgres", peer, own)
        text = f"times less than {title}, PostgreSQL"
        aims.append(Aim("protected", text, limit, measure, at_least=True))
    for peer, own in (("session", "session"), ("jwt", "jwt"), ("token", "token")):
        measure = times_less("sqlite", f"piccolo-api-{peer}", own)
        text = f"times less than piccolo-api's {peer}, SQLite"
        aims.append(Aim("protected", text, 1.0, measure, at_least=True))
    return aims


AIMS = (
    *_aims(),
    Aim(
        "storm",
        "`/ping` p99 beside logins, times that without",
        3.0,
        _storm("one_core", "session", "p99_times"),
    ),
    Aim(
        "storm",
        "logins per second, of a bare Argon2id pool, one core",
        0.9,
        _storm("one_core", "session", "of_bare_pool"),
        at_least=True,
    ),
    Aim(
        "storm",
        "logins per second, of a bare Argon2id pool, all cores",
        0.9,
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
        "what a limited route adds in memory, µs",
        25,
        _limit("route", "here: RateLimit", "adds_us"),
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
