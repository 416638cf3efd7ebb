"""Processes forked off one that has imported what they need: no two seconds a start."""

import multiprocessing

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.integration.served", "tests.integration.limited"])
