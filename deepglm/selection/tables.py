"""The table of an average: its fits side by side, and what averaging them changed."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

import numpy as np
from statsmodels.iolib.summary import summary_top
from statsmodels.iolib.table import SimpleTable
from statsmodels.iolib.tableformatting import fmt_params

from deepglm.errors import NotAvailableError
from deepglm.families import MeanFamily
from deepglm.penalties import L2
from deepglm.results.report_formats import TableReport
from deepglm.results.summary import link_name

__all__ = ["summary"]

_WIDTH = 78
_FITS_FORMAT = {**fmt_params, "data_fmts": ["%s"], "colwidths": None, "colsep": "  "}
_ONE_OPTIMUM = 1e-6
"""Spread, in parts of the largest mean, below which the fits count as one."""


def summary(average: Any, yname: str | None, title: str | None) -> TableReport:
    """Lay out an average as statsmodels' summary."""
    spread = average.spread()
    left, right = _header(average, spread, yname)
    report = TableReport()
    report.tables = [
        summary_top(
            average.results[0],
            title=title or f"Average of {len(average.results)} Fits",
            gleft=[(f"{key}:", [value]) for key, value in left],
            gright=[(f"{key}:", [value]) for key, value in right],
        ),
        _fits(average),
    ]
    sentences = [f"[{k}] {text}" for k, text in enumerate(_notes(average, spread), 1)]
    lines = [line for text in sentences for line in textwrap.wrap(text, _WIDTH)]
    report.add_extra_txt(["Notes:", *lines])
    return report


def _header(average: Any, spread: Any, yname: str | None) -> tuple[list[tuple[str, str]], ...]:
    first = average.results[0]
    fitted = first._numbers.fitted
    certified = sum(result.converged for result in average.results)
    left = [
        ("Dep. Variable", yname or first.model.endog_names),
        ("Model Family", fitted.family.name),
        (
            "Link Function",
            link_name(getattr(average.family, "link", None), fitted.family.link.name),
        ),
        ("No. Observations", f"{fitted.wnobs:.10g}"),
        ("Weights of Fits", "equal" if _equal(average) else "unequal"),
        ("Certified Fits", f"{certified} of {len(average.results)}"),
    ]
    mean = float(np.dot(average.weights, [result.llf for result in average.results]))
    right = [
        ("Deviance", _number(_deviance(average))),
        ("Log-Likelihood", _number(average.llf)),
        ("Mean over the Fits", _number(mean)),
        ("Gain over the Mean", _number(average.llf - mean)),
    ]
    freq = np.repeat(fitted.rows.freq, len(spread) // fitted.rows.n)
    right.append(("Median Spread", _number(_median(spread["sd_between_fits"], freq))))
    if isinstance(fitted.given, MeanFamily) and fitted.given.mean_range == (0.0, np.inf):
        relative = _median(spread["sd_between_fits"] / spread["mean"], freq)
        right.append(("Relative to Mean", f"{100.0 * relative:.2g}%"))
    return left, right


def _deviance(average: Any) -> float:
    """Deviance of the averaged means; NaN where there is none."""
    try:
        return float(average.deviance)
    except NotAvailableError:
        return np.nan


def _equal(average: Any) -> bool:
    return len(set(average.weights)) == 1


def _median(values: Any, freq: Any) -> float:
    """Median of the rows, each counted with its frequency."""
    return float(np.quantile(values.to_numpy(), 0.5, weights=freq, method="inverted_cdf"))


def _fits(average: Any) -> SimpleTable:
    columns = ["hidden units", "penalty", "pen. log-lik.", "log-lik.", "deviance", "certified"]
    cells = [
        [
            _hidden_units(result.model),
            _penalty_name(result),
            _number(result.penalized_llf),
            _number(result.llf),
            _number(result.deviance),
            "yes" if result.converged else "NO",
        ]
        for result in average.results
    ]
    if not _equal(average):
        columns.insert(0, "weight")
        for row, weight in zip(cells, average.weights, strict=True):
            row.insert(0, f"{weight:.3f}")
    names = [str(name) for name in average.names]
    return SimpleTable(cells, columns, names, title="The fits", txt_fmt=_FITS_FORMAT)


def _hidden_units(model: Any) -> str:
    networks = [
        ", ".join(f"{q} {link.name}" for q, link in zip(net.units, net.links, strict=True))
        for net in model.predictor.networks
    ]
    return " + ".join(networks) or "none (GLM)"


def _penalty_name(result: Any) -> str:
    penalty = result.penalty  # the one in force, if the data chose it
    if not result._estimate.precision.any():
        return "none"
    return f"L2({penalty.alpha:g})" if isinstance(penalty, L2) else str(penalty)


def _number(value: float) -> str:
    """Two decimals, or five digits where these say more; a dash where there is no number."""
    if np.isnan(value):
        return "-"
    return f"{value:.2f}" if abs(value) >= 100 else f"{value:#.5g}"


def _notes(average: Any, spread: Any) -> Iterator[str]:
    yield (
        "The average: the mean of the fits' means, with the mixture of their distributions. Its "
        "log-likelihood is the mixture's; the gain is over the mean of those of the fits."
    )
    yield (
        "Spread: the standard deviation between the fits, at the median row. It is not a standard "
        "error: all fits saw the same sample."
    )
    if (spread["sd_between_fits"] <= _ONE_OPTIMUM * spread["mean"].abs().max()).all():
        yield "The fits have the same means: they found one optimum, and averaging gains nothing."
    for name, result in average.members.items():
        if not result.converged:
            yield f"{name} is not certified: {result.certificate}"
