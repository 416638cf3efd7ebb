"""
`make bench`: what it costs to know who asks, here and elsewhere.

Contenders run in rounds, one after the other, so that all of them suffer alike from whatever
else the machine does. Figures compare contenders of one run and nothing else.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from . import load, machine
from .contenders import CONTENDERS
from .jobs import protected

FOLDER = Path(__file__).parent


def main() -> None:
    """Run the jobs that are asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few contenders, in two minutes")
    parser.add_argument("--only", nargs="*", help="these contenders")
    parser.add_argument("--kinds", nargs="*", default=["postgres", "sqlite"])
    parser.add_argument("--rounds", type=int, help="how often each contender is measured")
    arguments = parser.parse_args()
    load.require_wrk()
    contenders = [
        contender
        for contender in CONTENDERS
        if (contender.name in arguments.only if arguments.only else True)
        and (contender.quick or not arguments.quick)
    ]
    rounds = arguments.rounds or (3 if arguments.quick else 15)
    results: dict[str, Any] = {"machine": machine.description(), "rounds": rounds}
    with tempfile.TemporaryDirectory() as folder:
        for kind in arguments.kinds:
            results[kind] = protected.run(kind, contenders, Path(folder), rounds, [32])
            for name, r in results[kind].items():
                f = r["32"]
                print(
                    f"{name:24} {f['cpu_us']['median']:7.0f} µs ±{f['cpu_us']['spread']:.0%} db {f['database_cpu_us']['median']:5.0f} {f['requests_per_second']['median']:6.0f}/s x{f['of_bare']['median']:.2f} p50 {f['p50_ms']['median']:.1f} p99 {f['p99_ms']['median']:.1f} RSS {r['resident_mib']}"
                )
    Path("/tmp/results.json").write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
