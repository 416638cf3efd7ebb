"""`python -m benchmarks.hashing SECONDS`: Argon2id checks per second, a thread for each core."""

import asyncio
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import nacl.pwhash

from piccolo_api_fastapi import PasswordHasher

from .contenders.vocabulary import PASSWORD


def main(seconds: float) -> None:
    """Check one password over and over, with the library's parameters."""
    encoded = asyncio.run(PasswordHasher().hash(PASSWORD)).encode()
    until = time.perf_counter() + seconds

    def check() -> int:
        count = 0
        while time.perf_counter() < until:
            nacl.pwhash.verify(encoded, PASSWORD.encode())
            count += 1
        return count

    cores = len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(cores) as threads:
        counts = [threads.submit(check) for _ in range(cores)]
    print(sum(count.result() for count in counts) / seconds)


if __name__ == "__main__":
    main(float(sys.argv[1]))
