"""Load by `wrk`: requests as fast as they are answered, over a number of connections."""

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from . import machine

_PERCENTILE = re.compile(r"^\s+(\d+)%\s+([\d.]+)(us|ms|s|m)\s*$", re.MULTILINE)
_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}


@dataclass(frozen=True, slots=True)
class Load:
    """
    What `wrk` saw.

    Args:
        requests: Answered within the time.
        seconds: The time.
        p50: Milliseconds that half of the requests took at most.
        p99: The same for all but the slowest hundredth.
    """

    requests: int
    seconds: float
    p50: float
    p99: float


def run(
    url: str,
    headers: Sequence[Mapping[str, str]],
    *,
    connections: int,
    seconds: int,
    script: Path | None = None,
) -> Load:
    """
    Load a URL; every answer has to be a success.

    Args:
        url: What to ask for.
        headers: Those of one request after the other, in turn.
        connections: Each waits for its answer before it asks again.
        seconds: For how long; `wrk` counts in whole ones.
        script: Lua that makes the requests.
    """
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s"]
    command += ["--latency", "--timeout", "60s"]
    with NamedTemporaryFile("w", suffix=".lua") as in_turn:
        if script is None and headers:
            in_turn.write(_lua(headers))
            in_turn.flush()
            script = Path(in_turn.name)
        if script is not None:
            command += ["-s", str(script)]
        output = subprocess.run(
            ["taskset", "-c", ",".join(map(str, machine.cores()[1])), *command, url],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    if "Non-2xx" in output or "Socket errors" in output:
        raise RuntimeError(f"{url} did not answer every request:\n{output}")
    return parse(output)


def _lua(headers: Sequence[Mapping[str, str]]) -> str:
    """A script that writes the requests once, and sends them in turn."""
    tables = ", ".join(
        "{"
        + ", ".join(f"[{json.dumps(name)}] = {json.dumps(value)}" for name, value in one.items())
        + "}"
        for one in headers
    )
    return (
        f"local headers = {{{tables}}}\nlocal requests, turn = {{}}, 0\n"
        "init = function()\n"
        "  for i, one in ipairs(headers) do requests[i] = wrk.format(nil, nil, one) end\n"
        "end\n"
        "request = function()\n"
        "  turn = turn % #requests + 1\n"
        "  return requests[turn]\n"
        "end\n"
    )


def parse(output: str) -> Load:
    """What `wrk --latency` prints."""
    count = re.search(r"(\d+) requests in ([\d.]+)(us|ms|s|m)", output)
    percentiles = {
        int(name): float(value) * _UNITS[unit] for name, value, unit in _PERCENTILE.findall(output)
    }
    if count is None or not {50, 99} <= percentiles.keys():
        raise RuntimeError(f"wrk says something new:\n{output}")
    seconds = float(count[2]) * _UNITS[count[3]] / 1e3
    return Load(int(count[1]), seconds, percentiles[50], percentiles[99])
