"""``python -m calibration.run CELL... --samples R --jobs 2``: simulate cells and keep records.

A name may have wildcards (``"default-T1*"``), or be that of a group. Records are lines of JSON in
``calibration/records/<cell>.jsonl``, in the order of the samples: an interrupted run goes on where
it stopped, and a longer one adds to it. Nothing in a record depends on the load of the machine or
on the number of processes.
"""

from __future__ import annotations

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # before numpy: one thread in every process

import argparse  # noqa: E402
import fnmatch  # noqa: E402
import hashlib  # noqa: E402
import json  # noqa: E402
import multiprocessing  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from collections.abc import Iterator  # noqa: E402
from functools import partial  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402
from threadpoolctl import threadpool_limits  # noqa: E402

import deepglm  # noqa: E402
from calibration.cell import FRESH_ROWS, Cell  # noqa: E402
from calibration.cells import CELLS  # noqa: E402
from calibration.designs import DESIGNS  # noqa: E402
from calibration.measures import Sample, measured  # noqa: E402
from calibration.records import RECORDS, Record, path_of, read  # noqa: E402


def record(name: str, k: int) -> Record:
    """Sample k of a cell: what was measured of its model, and of the oracle beside it."""
    cell = CELLS[name]
    stream, design = cell.stream, DESIGNS[cell.stream.design]
    rng = np.random.default_rng(np.random.SeedSequence((stream.number, k)))
    table = design.draw(rng, stream.rows)
    new = np.random.default_rng(np.random.SeedSequence((stream.number, 0, FRESH_ROWS)))
    fresh = design.inputs.draw(new, FRESH_ROWS)
    found: Record = {"sample": k}
    with threadpool_limits(1):
        sample = Sample(design, table, fresh, dict(cell.model), dict(cell.options))
        found |= measured(sample, cell.measures)
        if cell.oracle is not None:
            oracle = Sample(design, table, fresh, dict(cell.oracle), dict(cell.oracle_options))
            found["oracle"] = measured(oracle, cell.oracle_measures)
    return found


def _timed(name: str, k: int) -> tuple[str, float]:
    began = time.process_time()
    line = json.dumps(record(name, k), allow_nan=False)
    return line, time.process_time() - began


def sources() -> str:
    """A fingerprint of the package's code, so that records say what they are about."""
    root = Path(deepglm.__file__).parent
    text = b"".join(path.read_bytes() for path in sorted(root.rglob("*.py")))
    return hashlib.sha256(text).hexdigest()[:12]


def definition(cell: Cell) -> str:
    """A fingerprint of what a cell simulates; gates and number of samples are no part of it."""
    rng = np.random.default_rng(np.random.SeedSequence((cell.stream.number, 0)))
    drawn = DESIGNS[cell.stream.design].draw(rng, 20)
    parts = (
        cell.stream,
        sorted(cell.model.items()),
        sorted(cell.options.items()),
        cell.measures,
        cell.oracle and sorted(cell.oracle.items()),
        sorted(cell.oracle_options.items()),
        cell.oracle_measures,
        [(name, np.round(values, 8).tolist()) for name, values in drawn.items()],
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


def run(cell: Cell, samples: int, jobs: int, folder: Path = RECORDS) -> list[Record]:
    """Simulate what is missing of a cell's first samples; return all its records."""
    folder.mkdir(parents=True, exist_ok=True)
    path = path_of(cell.name, folder)
    heading, done = read(path)
    if heading and heading["definition"] != definition(cell):
        sys.exit(
            f"{path} has records of another definition of this cell. Move the file away and run "
            "again: records of two definitions are never mixed."
        )
    known = {one["sample"] for one in done}
    missing = [k for k in range(samples) if k not in known]
    if missing:
        _simulate(cell, missing, jobs, path)
    return read(path)[1]


def _simulate(cell: Cell, missing: list[int], jobs: int, path: Path) -> None:
    head = {"cell": cell.name, "definition": definition(cell), "code": [sources()]}
    whole = not path.exists() or path.read_bytes()[-1:] in (b"", b"\n")
    began, busy = time.perf_counter(), 0.0
    with path.open("a") as file:
        file.write(("" if whole else "\n") + json.dumps(head) + "\n")
        for count, (line, seconds) in enumerate(_lines(cell.name, missing, jobs), 1):
            file.write(line + "\n")
            file.flush()
            busy += seconds
            if count == len(missing) or count % 20 == 0:
                wall = (time.perf_counter() - began) / 60.0
                left = wall / count * (len(missing) - count)
                print(
                    f"{cell.name}: {count} of {len(missing)}, {busy / count:.2f} CPU seconds each, "
                    f"{wall:.1f} minutes, {left:.1f} to go",
                    flush=True,
                )


def _lines(name: str, missing: list[int], jobs: int) -> Iterator[tuple[str, float]]:
    one = partial(_timed, name)
    if jobs == 1:
        yield from map(one, missing)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap(one, missing)


def chosen(names: list[str]) -> list[Cell]:
    """The cells of these names, wildcards or groups, in the order of the full run."""
    found = [
        cell
        for cell in CELLS.values()
        if not names
        or any(fnmatch.fnmatchcase(cell.name, name) or cell.group == name for name in names)
    ]
    for name in names:
        if not any(fnmatch.fnmatchcase(c.name, name) or c.group == name for c in CELLS.values()):
            groups = ", ".join(repr(one) for one in dict.fromkeys(c.group for c in CELLS.values()))
            sys.exit(f"'{name}' is no cell and no group. Cells: --list; groups: {groups}.")
    return found


def main(arguments: list[str] | None = None) -> None:
    """Read the command line and simulate."""
    reader = argparse.ArgumentParser(prog="python -m calibration.run", description=__doc__)
    reader.add_argument("cells", nargs="*", help="names, wildcards, groups; all without one")
    reader.add_argument("--samples", type=int, help="samples of each cell (its full number)")
    reader.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    reader.add_argument("--folder", type=Path, default=RECORDS, help="where records are kept")
    reader.add_argument("--list", action="store_true", help="name the cells and stop")
    given = reader.parse_args(arguments)
    for cell in chosen(given.cells):
        if given.list:
            print(f"{cell.name}  ({cell.group}; {cell.runs} samples of {cell.stream.rows} rows)")
        else:
            run(cell, given.samples or cell.runs, given.jobs, given.folder)


if __name__ == "__main__":
    main()
