"""The protected request as bars, for the documentation: PNG and SVG."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt

from .contenders import BY_NAME
from .tables import TITLES

COLOURS = {"ours": "#00796b", "by_hand": "#9e9e9e", "bare": "#9e9e9e"}
PEER = "#c98a3a"


def draw(results: dict[str, Any], path: Path) -> None:
    """CPU per request of each contender, a column for each database."""
    kinds = [kind for kind in TITLES if kind in results]
    names = [name for name in BY_NAME if any(name in results[kind] for kind in kinds)]
    mpl.rcParams["svg.hashsalt"] = "piccolo_api_fastapi"
    figure, axes = plt.subplots(
        1, len(kinds), figsize=(5.5 * len(kinds) + 2, 0.3 * len(names) + 1.2), squeeze=False
    )
    for axis, kind in zip(axes[0], kinds, strict=True):
        figures = [_cpu_of(results[kind], name) for name in names]
        medians = [value["median"] for value in figures]
        colours = [COLOURS.get(BY_NAME[name].module, PEER) for name in names]
        spread = [value["median"] * value["spread"] for value in figures]
        axis.barh(range(len(names)), medians, xerr=spread, color=colours, ecolor="#555555")
        for place, (median, error) in enumerate(zip(medians, spread, strict=True)):
            label = f" {median:.0f}" if median else ""
            axis.annotate(label, (median + error, place), va="center", fontsize=8)
        axis.set_yticks(range(len(names)), [BY_NAME[name].title for name in names], fontsize=8)
        axis.invert_yaxis()
        axis.set_title(f"{TITLES[kind]}: CPU microseconds of a protected request", fontsize=10)
        axis.spines[["top", "right"]].set_visible(False)
        axis.margins(x=0.12, y=0.01)
        if axis is not axes[0][0]:
            axis.set_yticklabels([])
    figure.tight_layout()
    figure.savefig(path.with_suffix(".png"), dpi=120)
    figure.savefig(path.with_suffix(".svg"), metadata={"Date": None})


def _cpu_of(results: dict[str, Any], name: str) -> dict[str, float]:
    """Nothing, where a contender does not run on this database."""
    nothing = {"median": 0.0, "spread": 0.0}
    return results[name]["32"]["cpu_us"] if name in results else nothing
