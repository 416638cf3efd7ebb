"""The two algorithms, against what they promise."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from piccolo_api_fastapi.rate_limiting.algorithms.gcra import Rate
from piccolo_api_fastapi.rate_limiting.algorithms.grammar import SECOND, Limit
from piccolo_api_fastapi.rate_limiting.algorithms.strict_log import StrictRate
from piccolo_api_fastapi.rate_limiting.stores.store import AnyRate, State

START = 1_700_000_000 * SECOND


def admit(rate: AnyRate, state: State, now: int, cost: int) -> State:
    """The state after a charge that has to be admitted."""
    after = rate.admit(state, now, cost)
    assert after is not None
    return after


limits = st.builds(Limit, st.integers(1, 12), st.integers(12, 10 * SECOND))
arrivals = st.lists(
    st.tuples(st.integers(0, 3 * SECOND), st.integers(1, 3), st.booleans()), max_size=60
)


def admitted(
    rate: AnyRate, requests: list[tuple[int, int, bool]]
) -> tuple[list[tuple[int, int]], State, int]:
    """What a rate admits of requests: pause, cost, and whether it is given back at once."""
    state: State = rate.fresh
    now = START
    passed: list[tuple[int, int]] = []
    for pause, cost, is_given_back in requests:
        now += pause
        if cost > rate.most:
            continue
        if rate.wait(state, now, cost) > 0:
            state = rate.refuse(state, now)
            continue
        state = admit(rate, state, now, cost)
        if is_given_back:
            state = rate.refund(state, now, cost, rate.mark(state, now))
        else:
            passed.append((now, cost))
    return passed, state, now


@settings(deadline=None)  # the machine may be busy
@given(limits, st.integers(1, 20), arrivals)
def test_any_window_of_a_rate(
    limit: Limit, burst: int, requests: list[tuple[int, int, bool]]
) -> None:
    """No window, wherever it lies, admits more than the burst and what refilled in it."""
    passed, _, _ = admitted(Rate(limit, burst), requests)
    for first, (begin, _) in enumerate(passed):
        total = 0
        for end, cost in passed[first:]:
            total += cost
            assert total <= burst + Fraction((end - begin) * limit.amount, limit.period)


@settings(deadline=None)  # the machine may be busy
@given(limits, arrivals)
def test_any_window_of_a_strict_rate(limit: Limit, requests: list[tuple[int, int, bool]]) -> None:
    """No window admits more than the number, whatever refills."""
    passed, _, _ = admitted(StrictRate(limit), requests)
    for begin, _ in passed:
        inside = [cost for at, cost in passed if begin <= at < begin + limit.period]
        assert sum(inside) <= limit.amount


@settings(deadline=None)  # the machine may be busy
@given(st.sampled_from([Rate, StrictRate]), limits, arrivals, st.integers(1, 3))
def test_what_a_rate_says(
    kind: type[Rate] | type[StrictRate],
    limit: Limit,
    requests: list[tuple[int, int, bool]],
    cost: int,
) -> None:
    """What remains, the wait, the next and the reset come true, and not a moment before."""
    rate = kind(limit)
    _, state, now = admitted(rate, requests)
    remaining = rate.remaining(state, now)
    told = rate.remaining(state, now), rate.until_more(state, now), rate.until_reset(state, now)
    assert told == rate.figures(state, now)
    assert 0 <= remaining <= rate.most
    if remaining:
        assert rate.wait(state, now, remaining) <= 0
    if remaining < rate.most:
        assert rate.wait(state, now, remaining + 1) > 0
        more = rate.until_more(state, now)
        assert rate.remaining(state, now + more) > remaining
        assert rate.remaining(state, now + more - 1) == remaining
    if cost <= rate.most and (wait := rate.wait(state, now, cost)) > 0:
        assert rate.wait(state, now + wait, cost) <= 0
        assert rate.wait(state, now + wait - 1, cost) > 0
    assert rate.remaining(state, now + rate.until_reset(state, now)) == rate.most
    assert rate.until_reset(state, now) <= rate.life


@settings(deadline=None)  # the machine may be busy
@given(st.sampled_from([Rate, StrictRate]), limits, arrivals)
def test_what_was_given_back(
    kind: type[Rate] | type[StrictRate], limit: Limit, requests: list[tuple[int, int, bool]]
) -> None:
    """What was charged and given back at once was never there."""
    rate = kind(limit)
    kept = [(pause, cost if not back else 100, False) for pause, cost, back in requests]
    assert admitted(rate, requests)[0] == admitted(rate, kept)[0]


@pytest.mark.parametrize("amount", [1, 2, 3, 7, 10, 60, 99, 100, 997, 1000])
@pytest.mark.parametrize("kind", [Rate, StrictRate])
def test_a_full_burst(kind: type[Rate] | type[StrictRate], amount: int) -> None:
    """With a clock that stands still exactly the number is admitted, rounding or not."""
    passed, _, _ = admitted(kind(Limit(amount, SECOND)), [(0, 1, False)] * (amount + 5))
    assert len(passed) == amount


@pytest.mark.parametrize("kind", [Rate, StrictRate])
def test_a_block(kind: type[Rate] | type[StrictRate]) -> None:
    """It lasts as long as was said from the first refusal, whatever comes meanwhile."""
    rate = kind(Limit(2, SECOND), block=10 * SECOND)
    state: State = rate.fresh
    for _ in range(2):
        state = admit(rate, state, START, 1)
    mark = rate.mark(state, START)
    for pause in (0, 1, 5, 9):
        now = START + pause * SECOND
        assert rate.wait(state, now, 1) > 0
        state = rate.refuse(state, now)
        assert rate.remaining(state, now) == 0
        assert rate.wait(state, now, 1) == (10 - pause) * SECOND
        assert rate.until_more(state, now) == (10 - pause) * SECOND
        assert rate.figures(state, now) == (0, *[(10 - pause) * SECOND] * 2)
        state = rate.refund(state, now, 1, mark)
    end = START + 10 * SECOND
    assert rate.wait(state, end, 1) <= 0
    assert rate.remaining(state, end) == 2
    assert rate.figures(state, end) == (2, 0, 0)


def test_an_interval_that_is_no_whole_number() -> None:
    """Three a second come every 333,334 microseconds: in the long run never more than three."""
    rate = Rate(Limit(3, SECOND))
    state = admit(rate, rate.fresh, START, 3)
    assert rate.wait(state, START, 1) == 333_334
    now = START
    for count in range(4, 3004):
        now += rate.wait(state, now, 1)
        state = admit(rate, state, now, 1)
        assert count <= 3 + Fraction((now - START) * 3, SECOND)


def test_the_window_of_a_burst() -> None:
    """A burst of twenty by ten a minute comes back in two minutes, and headers say so."""
    assert Rate(Limit(10, 60 * SECOND)).window == 60 * SECOND
    assert Rate(Limit(10, 60 * SECOND), burst=20).window == 120 * SECOND
    assert Rate(Limit(10, 60 * SECOND), burst=5).window == 30 * SECOND


def test_nothing_comes_back_twice() -> None:
    """A charge whose time has passed gives nothing back, nor does one that is not in the log."""
    rate = Rate(Limit(2, 2 * SECOND))
    state = admit(rate, rate.fresh, START, 2)
    mark = rate.mark(state, START)
    later = START + 2 * SECOND
    state = admit(rate, state, later, 2)
    assert rate.refund(state, later, 2, mark) == state
    strict = StrictRate(Limit(2, SECOND))
    log = admit(strict, strict.fresh, START, 2)
    assert strict.refund(log, START, 1, START - 1) == log
    assert strict.remaining(strict.refund(log, START, 1, None), START) == 1
    assert strict.until_reset(strict.fresh, START) == strict.until_more(strict.fresh, START) == 0


long_attempts = st.lists(
    st.tuples(
        st.integers(0, 3 * SECOND),
        st.integers(1, 3),
        st.one_of(st.none(), st.integers(0, 12 * SECOND)),
    ),
    max_size=60,
)


def kept(
    rate: AnyRate, requests: list[tuple[int, int, int | None]], most: int
) -> list[tuple[int, int]]:
    """What a rate admits and keeps, of pause, cost and when it is given back if ever."""
    state: State = rate.fresh
    now = START
    passed: list[tuple[int, int]] = []
    under_way: list[tuple[int, int, int]] = []
    for pause, cost, lasts in requests:
        now += pause
        for end, charged, mark in sorted(each for each in under_way if each[0] <= now):
            state = rate.refund(state, end, charged, mark)
            under_way.remove((end, charged, mark))
        if cost > rate.most or rate.wait(state, now, cost) > 0:
            continue
        state = admit(rate, state, now, cost)
        if lasts is not None and len(under_way) < most:
            under_way.append((now + lasts, cost, rate.mark(state, now)))
        else:
            passed.append((now, cost))
    return passed


@pytest.mark.security(99)
@settings(deadline=None)  # the machine may be busy
@given(limits, st.integers(1, 20), long_attempts)
def test_a_long_attempt(
    limit: Limit, burst: int, requests: list[tuple[int, int, int | None]]
) -> None:
    """An attempt that takes long gives back no more than is owed: no window admits more for it."""
    passed = kept(Rate(limit, burst), requests, 1)
    for first, (begin, _) in enumerate(passed):
        total = 0
        for end, cost in passed[first:]:
            total += cost
            assert total <= burst + Fraction((end - begin) * limit.amount, limit.period)


@pytest.mark.security(99)
@settings(deadline=None)  # the machine may be busy
@given(limits, long_attempts)
def test_long_attempts_of_a_strict_rate(
    limit: Limit, requests: list[tuple[int, int, int | None]]
) -> None:
    """An attempt takes no entry but its own out of a log, however many are under way."""
    passed = kept(StrictRate(limit), requests, 12)
    for begin, _ in passed:
        inside = [cost for at, cost in passed if begin <= at < begin + limit.period]
        assert sum(inside) <= limit.amount


@pytest.mark.security(99)
def test_slow_attempts() -> None:
    """What time paid of ten attempts was admitted meanwhile, and is not given back as well."""
    rate = Rate(Limit(10, 60 * SECOND))
    state, marks = rate.fresh, list[int]()
    for _ in range(10):
        state = admit(rate, state, START, 1)
        marks.append(rate.mark(state, START))
    now = START + 59 * SECOND
    for _ in range(9):
        assert rate.wait(state, now, 1) <= 0
        state = admit(rate, state, now, 1)
    for mark in marks:
        state = rate.refund(state, now, 1, mark)
    assert rate.remaining(state, now) == 1
