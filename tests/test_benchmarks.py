"""What the documentation prints of a benchmark is what the run said."""

import json
from pathlib import Path

import pytest

from benchmarks import load, report
from benchmarks.aims import AIMS, Aim
from benchmarks.contenders import BY_NAME, CONTENDERS
from benchmarks.samples import figure, percentile, ratio

FOLDER = Path(report.__file__).parent
if not (FOLDER / "results.json").exists():
    pytest.skip("an sdist holds no results of benchmarks", allow_module_level=True)
RESULTS = json.loads((FOLDER / "results.json").read_text(encoding="utf-8"))

OUTPUT = """\
  Latency Distribution
     50%    6.51ms
     75%    9.00ms
     90%   11.10ms
     99%    1.20s
  4034 requests in 1.01s, 0.62MB read
Requests/sec:   3994.06
"""


def test_the_tables_are_of_the_results() -> None:
    """`results.md`, which the documentation includes, is made of `results.json`."""
    assert report.as_markdown(RESULTS) == (FOLDER / "results.md").read_text(encoding="utf-8")


def test_contenders() -> None:
    """Names are unique, and what was measured is still there."""
    assert len(BY_NAME) == len(CONTENDERS)
    measured = {name for kind in ("postgres", "sqlite") for name in RESULTS["protected"][kind]}
    assert measured <= BY_NAME.keys()


@pytest.mark.parametrize("aim", AIMS, ids=lambda aim: aim.text)
def test_aims_have_a_figure(aim: Aim) -> None:
    """Each aim, met or not, is measured; a run of some jobs only leaves the others out."""
    if aim.job not in RESULTS:
        pytest.skip(f"the results have no {aim.job}")
    assert aim.measure(RESULTS[aim.job]) > 0


def test_figures() -> None:
    """Medians with half of the quartiles' distance; ratios are of the same round."""
    assert (figure([1, 2, 3]).median, figure([1, 2, 3]).spread) == (2.0, 0.25)
    assert figure([5]).spread == 0
    assert ratio([2, 8, 3], [1, 2, 1]).median == 3
    assert percentile(list(range(100)), 0.99) == 99


def test_wrk() -> None:
    """What `wrk` prints is understood, in whatever unit; anything else is an error."""
    assert load.Load(4034, 1.01, 6.51, 1200) == load.parse(OUTPUT)
    with pytest.raises(RuntimeError):
        load.parse("wrk: unable to connect")
