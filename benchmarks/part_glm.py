"""(a) Generalised linear models: time to a score as small as glum's."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import statsmodels.api as sm

from benchmarks import cases, ours, peers, r_peer
from benchmarks.measure import Spread, best_threads, clock, ratios, rotated, spread, threads
from benchmarks.objective import Case, Net, largest_score
from benchmarks.report import Report, Table, Verdict

TURNS = 3
Fit = Callable[[Case], tuple[float, Net]]


def _deepglm(case: Case) -> tuple[float, Net]:
    trace = ours.fit(case, 0)
    return trace.seconds, trace.net


def _statsmodels(case: Case) -> tuple[float, Net]:
    families = {"binomial": sm.families.Binomial(), "poisson": sm.families.Poisson()}
    began = clock()
    fit = sm.GLM(case.y, sm.add_constant(case.X), family=families[case.family]).fit()
    return clock() - began, r_peer.glm_net(np.asarray(fit.params))


def _glum(case: Case) -> tuple[float, Net]:
    import glum

    began = clock()
    fit = glum.GeneralizedLinearRegressor(family=case.family, alpha=0.0).fit(case.X, case.y)
    seconds = clock() - began
    return seconds, Net([fit.coef_[:, None]], [np.array([fit.intercept_])])


def _r(case: Case) -> tuple[float, Net]:
    trace = r_peer.fit(case, 0)
    return trace.seconds, trace.net


def packages() -> dict[str, Fit]:
    """Those that are here."""
    found: dict[str, Fit] = {"DeepGLM": _deepglm, "statsmodels": _statsmodels}
    if peers.here("glum"):
        found["glum"] = _glum
    if r_peer.present():
        found["R glm"] = _r
    return found


def run(report: Report) -> None:
    """Both families."""
    report.section("a. Generalised linear models")
    for family in ("binomial", "poisson"):
        _compare(report, cases.glm(family))


def _compare(report: Report, case: Case) -> None:
    fits, tenth = packages(), case.n // 10
    few = replace(case, X=case.X[:tenth], y=case.y[:tenth])
    taken: dict[str, list[float]] = {name: [] for name in fits}
    scores: dict[str, list[float]] = {name: [] for name in fits}
    use = {name: _threads(partial(fit, few), name) for name, fit in fits.items()}
    for turn in range(TURNS):
        for name in rotated(list(fits), turn):
            with warnings.catch_warnings(), threads(use[name]):
                warnings.simplefilter("ignore")
                seconds, net = fits[name](case)
            taken[name].append(seconds)
            scores[name].append(largest_score(case, net))
    note = f"{case.title}. The clock runs from the arrays to the result of the fit."
    table = Table(["package", "threads", "seconds", "largest score", "times DeepGLM"], note=note)
    for name in fits:
        ratio = ratios(taken[name], taken["DeepGLM"])
        score = f"{max(scores[name]):.1e}"
        cells = [f"{spread(taken[name]):.2f}", score, f"{ratio:.2f}"]
        table.rows.append([name, str(use[name]), *cells])
    report.say(table)
    small = max(scores["DeepGLM"]) <= max(scores.get("glum", [np.inf]))
    for name, least in (("statsmodels", 30.0), ("glum", 2.0)):
        ratio: Spread | None = None
        if name in fits and small:
            ratio = ratios(taken[name], taken["DeepGLM"])
        what = f"{case.family} GLM: {name} / DeepGLM"
        report.judge(Verdict("a", what, ratio, least=least, why_not="left out"))


def _threads(probe: Callable[[], object], name: str) -> int:
    """DeepGLM uses every core by itself; the others get the better number."""
    return ours.cores() if name == "DeepGLM" else best_threads(probe)
