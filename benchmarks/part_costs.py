"""(e) one information, (f) evidence, (g) memory, (h) import."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
from scipy.linalg.blas import dsyrk

import deepglm as dg
from benchmarks import cases, ours
from benchmarks.measure import ratios, spread, threads, turns
from benchmarks.objective import Case
from benchmarks.report import Report, Table, Verdict
from deepglm.errors import SpecificationError
from deepglm.families import Level

ROOT = Path(__file__).parents[1]


# -- one information matrix -----------------------------------------------------------------------


def information(report: Report) -> None:
    """Fisher information of 300 parameters on 100,000 rows against one dsyrk of that size."""
    report.section("e. One Fisher information")
    rng = np.random.default_rng(3)
    n, p, q = 100_000, 21, 13
    X = rng.normal(size=(n, p))
    case = Case("information", "", X, rng.normal(size=n), "gaussian", (q,), ridge=1.0)
    posed = ours.model(case)
    size = posed.predictor.size
    theta = rng.normal(scale=0.3, size=size)
    J = np.asfortranarray(rng.normal(size=(size, n)))
    with ours.pass_over_rows(posed, 1.0, Level.FISHER, 1) as at, threads(1):
        tasks = {"DeepGLM": lambda: at(theta), "dsyrk": lambda: dsyrk(1.0, J)}
        taken = turns(tasks, 7)
    note = f"{size} parameters of a {p}-{q}-1 network, {n:,} rows, one thread."
    table = Table(["what", "milliseconds"], note=note)
    for name, values in taken.items():
        table.rows.append([name, f"{spread([1e3 * value for value in values]):.0f}"])
    report.say(table)
    ratio = ratios(taken["DeepGLM"], taken["dsyrk"])
    report.judge(Verdict("e", "Fisher information / dsyrk", ratio, most=1.5))


# -- a penalty chosen by the evidence -------------------------------------------------------------


def evidence(report: Report) -> None:
    """A fit with the penalty chosen by the evidence against one with a given penalty."""
    report.section("f. Evidence")
    case, what = cases.smooth(), "penalty='evidence' / fixed penalty"
    try:
        ours.model(case, penalty="evidence")
    except SpecificationError:
        report.say("`penalty='evidence'` is not available in this version.")
        report.judge(Verdict("f", what, None, most=2.0))
        return
    taken: dict[str, list[float]] = {"fixed": [], "evidence": []}
    remarks = []
    for seed in range(3):
        taken["fixed"].append(ours.fit(case, seed).seconds)
        chosen = ours.fit(case, seed, penalty="evidence")
        taken["evidence"].append(chosen.seconds)
        remarks.append(chosen.remark)
    table = Table(["penalty", "seconds"], note=f"{case.title}, one start, 3 seeds.")
    for name, values in taken.items():
        table.rows.append([name, f"{spread(values):.2f}"])
    report.say(table)
    report.say("\n".join(f"* evidence, seed {k}: {remark}" for k, remark in enumerate(remarks)))
    report.judge(Verdict("f", what, ratios(taken["evidence"], taken["fixed"]), most=2.0))


# -- memory ---------------------------------------------------------------------------------------


def memory(report: Report) -> None:
    """Memory above the design of 1,000,000 rows."""
    report.section("g. Memory")
    run = [sys.executable, "-m", "benchmarks.part_costs"]
    found = json.loads(subprocess.run(run, cwd=ROOT, check=True, capture_output=True).stdout)
    note = (
        "Peak resident memory of 1,000,000 rows, 30 columns, hidden=(8,), all cores, above what "
        "the caller's arrays take. The design is DeepGLM's own copy of the columns."
    )
    table = Table(["until", "MB above the caller's arrays", "MB above the design"], note=note)
    for name in ("model", "fit"):
        above = found[name] - found["before"]
        table.rows.append([f"the {name} is made", f"{above:.0f}", f"{above - found['design']:.0f}"])
    report.say(table)
    above = found["fit"] - found["before"] - found["design"]
    report.judge(Verdict("g", "memory above the design", above, most=200.0, unit=" MB"))


def _peak() -> float:
    """Peak resident memory of this process so far, in megabytes.

    Linux hands ``ru_maxrss`` on to the processes that a process starts, so it is read there from
    the process's own status.
    """
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = [row for row in status.read_text().splitlines() if row.startswith("VmHWM")]
        return float(line.split()[1]) * 1024.0 / 1e6
    import resource

    unit = 1.0 if sys.platform == "darwin" else 1024.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def _memory_of_a_fit() -> dict[str, float]:
    rng = np.random.default_rng(4)
    n, p = 1_000_000, 30
    X = np.empty((n, p))
    rng.standard_normal(out=X)
    y = X[:, 0] * X[:, 1]
    y += rng.standard_normal(n)
    found = {"before": _peak(), "design": X.nbytes / 1e6}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # cut short: further rounds take no more memory
        model = dg.DeepGLM.from_arrays(y, X, add_constant=True, hidden=(8,))
        found["model"] = _peak()
        model.fit(starts=1, max_seconds=10.0, inference=None)
    return found | {"fit": _peak()}


# -- import ---------------------------------------------------------------------------------------


def imports(report: Report) -> None:
    """``import deepglm`` against ``import statsmodels.api``, each in a fresh interpreter."""
    report.section("h. Import")
    modules = ("deepglm", "statsmodels.api")
    taken = {name: [_import(name) for _ in range(1)] for name in modules}  # fills the disk's cache
    taken = {name: [] for name in modules}
    for _ in range(7):
        for name in modules:
            taken[name].append(_import(name))
    table = Table(["import", "seconds"])
    for name, values in taken.items():
        table.rows.append([name, f"{spread(values):.2f}"])
    report.say(table)
    ratio = ratios(taken["deepglm"], taken["statsmodels.api"])
    report.judge(Verdict("h", "import deepglm / import statsmodels.api", ratio, most=1.1))


def _import(module: str) -> float:
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    run = [sys.executable, "-c", code]
    return float(subprocess.run(run, cwd=ROOT, check=True, capture_output=True).stdout)


if __name__ == "__main__":
    print(json.dumps(_memory_of_a_fit()))
