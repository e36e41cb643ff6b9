"""``make bench``: every part, or those that are named: ``make bench ARGS="glm networks:adult"``."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial

from benchmarks import (
    cases,
    part_costs,
    part_glm,
    part_gradient,
    part_networks,
    peers,
    report,
)

PARTS: dict[str, Callable[[report.Report], None]] = {
    "glm": part_glm.run,
    "gradient": part_gradient.run,
    "networks": part_networks.run,
    "information": part_costs.information,
    "evidence": part_costs.evidence,
    "memory": part_costs.memory,
    "import": part_costs.imports,
}


def chosen(names: list[str]) -> list[Callable[[report.Report], None]]:
    """The parts of these names; none means all."""
    found = []
    for name in names or list(PARTS):
        part, _, which = name.partition(":")
        if part not in PARTS or (which and (part != "networks" or which not in cases.NETWORKS)):
            networks = ", ".join(f"networks:{case}" for case in cases.NETWORKS)
            sys.exit(f"'{name}' is no part. Parts are {', '.join(PARTS)}; {networks}.")
        found.append(partial(part_networks.run, names=[which]) if which else PARTS[part])
    return found


def main(names: list[str]) -> None:
    """Run the parts; only a run of all writes ``results.md`` and the figure."""
    parts, all_of_them = chosen(names), not names
    began, load = time.perf_counter(), report.load()
    found = report.Report()
    print(report.machine())
    for name in peers.absent():
        print(f"Left out: {name}.")
    for part in parts:
        part(found)
    minutes = (time.perf_counter() - began) / 60.0
    print(f"\n{found.summary()}\n\n{minutes:.0f} minutes.")
    if all_of_them:
        found.write(_head(load, minutes))


def _head(load: float, minutes: float) -> str:
    absent = "; ".join(peers.absent())
    return "\n\n".join(
        [
            "# Benchmark results",
            "Written by `make bench`. The packages took turns on the same data in one run. Shown "
            "are medians, with the range in brackets. Seconds of another machine, or of a busy "
            "one, cannot be compared with these.",
            f"Machine: {report.machine()} Processes that wanted a core when the run began: "
            f"{load:.1f} (0 is idle). The run took {minutes:.0f} minutes.",
            f"Left out: {absent}." if absent else "No package was left out.",
        ]
    )


if __name__ == "__main__":
    main(sys.argv[1:])
