"""Tables of a fit: header, coefficients, layers, and notes in words."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
import pandas as pd
from statsmodels.iolib.summary import forg, summary_params, summary_top
from statsmodels.iolib.summary2 import Summary as Summary2
from statsmodels.iolib.table import SimpleTable
from statsmodels.iolib.tableformatting import fmt_params

from deepglm.errors import SpecificationError
from deepglm.inference.rule import Inference
from deepglm.penalties import L2
from deepglm.results.effect_tables import EffectTable, effect_tables
from deepglm.results.layers import LayerTable, layer_tables
from deepglm.results.notes import notes, short_certificate
from deepglm.results.report_formats import TableReport

__all__ = ["link_name", "summary", "summary2"]

_WIDTH = 78

Facts = list[tuple[str, str]]


def summary(
    results: Any, yname: str | None, xname: list[str] | None, title: str | None, alpha: float
) -> TableReport:
    """Lay out a result as statsmodels' summary."""
    names = _names(results, xname)
    left, right = header(results, yname)
    report = TableReport()
    top = summary_top(
        results,
        title=title or default_title(results),
        gleft=[(f"{key}:", [value]) for key, value in left],
        gright=[(f"{key}:", [value]) for key, value in right],
    )
    report.tables.append(top)
    if results._deep:
        report.tables += [_inferred(table) for table in effect_tables(results, alpha)]
        report.tables.append(_estimates(results, names))
        report.tables += [_layer(table) for table in layer_tables(results)]
    else:
        table = summary_params(results, xname=names, alpha=alpha, use_t=results.use_t)
        report.tables.append(table)
    lines = [line for note in notes(results) for line in textwrap.wrap(note, _WIDTH)]
    if lines:
        report.add_extra_txt(["Notes:", *lines])
    return report


def summary2(
    results: Any,
    yname: str | None,
    xname: list[str] | None,
    title: str | None,
    alpha: float,
    float_format: str,
) -> Summary2:
    """Lay out a result as data frames."""
    names = _names(results, xname)
    left, right = header(results, yname)
    pairs = (
        left + [("", "")] * (len(right) - len(left)) + right + [("", "")] * (len(left) - len(right))
    )
    report = Summary2()
    report.add_dict({f"{key}:" if key else " " * k: v for k, (key, v) in enumerate(pairs)})
    for part in effect_tables(results, alpha) if results._deep else ():
        report.add_df(part.frame.rename_axis(columns=part.title), float_format=float_format)
    report.add_df(_frame(results, names, alpha), float_format=float_format)
    for table in layer_tables(results) if results._deep else ():
        frame = pd.DataFrame(table.cells, index=table.rows, columns=table.columns)
        report.add_df(frame.rename_axis(columns=table.title), float_format=float_format)
    report.add_title(title or default_title(results))
    for note in notes(results):
        report.add_text(note)
    return report


def default_title(results: Any) -> str:
    """Title of the first table."""
    kind = "Nested Generalised Linear Model" if results._deep else "Generalised Linear Model"
    return f"{kind} Regression Results"


def header(results: Any, yname: str | None) -> tuple[Facts, Facts]:
    """Facts of the header, left and right."""
    family = results.family
    link = getattr(family, "link", None)
    adapted = results._numbers.fitted.family
    left: Facts = [
        ("Dep. Variable", yname or results.model.endog_names),
        ("Model", type(results.model).__name__ if results._deep else "GLM"),
        ("Model Family", adapted.name),
        ("Link Function", link_name(link, adapted.link.name)),
        *adapted.facts(results._numbers.fitted.rows.y, results._numbers.fitted.rows.freq),
        *_event(results),
        ("Method", results.method),
    ]
    if results._deep:
        left += _network(results.model)
    if results._estimate.precision.any():
        left.append(("Penalty", _penalty_name(results.model.penalty)))
    left.append(("No. Iterations", f"{results._estimate.iterations:d}"))
    if results._deep:
        estimate = results._estimate
        left.append(("Starts (reached)", f"{len(estimate.starts)} ({estimate.hits})"))
    left.append(("Certificate", short_certificate(results)))
    if results._deep:
        left.append(("Inference", _method(results.inference)))
    left.append(("Covariance Type", results.cov_type))
    return left, _right(results)


def _method(found: Inference) -> str:
    """How errors of effects came about, in two words."""
    return f"bootstrap ({found.refits})" if found.method == "bootstrap" else found.method


def _right(results: Any) -> Facts:
    penalised = bool(results._estimate.precision.any())
    certificate = results._estimate.certificate
    right: Facts = [
        ("No. Observations", _count(results._numbers.fitted.wnobs)),
        ("Df Residuals", _count(results.df_resid)),
        ("Effective Df", f"{results.edf:.4g}")
        if penalised
        else ("Df Model", _count(results.df_model)),
        ("Scale", f"{results.scale:#8.5g}"),
        ("Log-Likelihood", f"{results.llf:#8.5g}"),
    ]
    if penalised:
        right.append(("Penalised Log-Lik.", f"{results.penalized_llf:#8.5g}"))
    right.append(("Deviance", f"{results.deviance:#8.5g}"))
    if results._numbers.fitted.family.reading != "interval":
        right.append(("Pearson chi2", f"{results.pearson_chi2:#6.3g}"))
    right += [
        ("Pseudo R-squ. (CS)", f"{results.pseudo_rsquared():#6.4g}"),
    ]
    right += _beside_the_dispersion(results)
    if results._deep:
        right.append(("BIC", f"{results.bic:#8.5g}"))
    right.append(("Decrement", f"{certificate.decrement:.1e}"))
    if results._deep or certificate.rank < certificate.size:
        right.append(("Rank", f"{certificate.rank} of {certificate.size}"))
    return right


def _beside_the_dispersion(results: Any) -> Facts:
    """What else the family estimates beside a dispersion, such as a power."""
    if results._numbers.full.scale is not None:
        return []
    table = results.auxiliary.iloc[1:]
    pairs = zip(table.index, table["estimate"], table["std_err"], strict=True)
    return [(name.capitalize(), f"{value:.4f} ({error:.4f})") for name, value, error in pairs]


def _network(model: Any) -> Facts:
    facts: Facts = []
    several = len(model.predictor.networks) > 1
    for t, network in enumerate(model.predictor.networks, 1):
        words = [f"{q} {link.name}" for q, link in zip(network.units, network.links, strict=True)]
        facts.append((f"Hidden Layers {t}" if several else "Hidden Layers", ", ".join(words)))
    return facts


def _penalty_name(penalty: Any) -> str:
    # what else there is to say about it stands in the notes
    return f"L2({penalty.alpha:g})" if isinstance(penalty, L2) else str(penalty)


def _event(results: Any) -> Facts:
    """Which of two labels counts 1."""
    data = results._model._data
    words = [level for level in data.levels if isinstance(level, str)]
    proportion = results._numbers.fitted.family.reading == "proportion"
    return [("Counted as 1", words[1])] if proportion and len(words) == 2 else []


_LINKS = {
    "logistic": "Logit",
    "probit": "Probit",
    "cloglog": "CLogLog",
    "loglog": "LogLog",
    "cauchit": "Cauchy",
    "identity": "Identity",
}


def link_name(link: Any, ours: str) -> str:
    """What a link is called: by its class in statsmodels, or by our name."""
    # a link of ours inside a quasi family has no class of its own to name
    own = link is None or isinstance(link, str) or type(link).__name__.startswith("_")
    return _LINKS.get(ours, ours) if own else type(link).__name__


def _count(value: float) -> str:
    if not np.isfinite(value):
        return "nan"
    return f"{value:.0f}" if abs(value - round(value, 0)) < 0.005 else f"{value:.2f}"


def _names(results: Any, xname: list[str] | None) -> list[str]:
    names: list[str] = list(results.model.exog_names)
    if xname is None:
        return names
    if len(xname) != len(names):
        raise SpecificationError(
            f"xname has {len(xname)} names; this model has {len(names)} coefficients "
            "(model.exog_names lists them)."
        )
    return list(xname)


def _inferred(table: EffectTable) -> SimpleTable:
    """Estimates with errors, intervals and p-values."""
    shares = [column.startswith("P") for column in table.frame.columns]
    cells = [
        [share(x) if p else number(x) for x, p in zip(row, shares, strict=True)]
        for row in table.frame.to_numpy(dtype=float)
    ]
    cells = [
        ["" if cell == "-" else cell for cell in row] if _only_p(row) else row for row in cells
    ]
    rows = [str(name) for name in table.frame.index]
    return SimpleTable(
        cells, list(table.frame.columns), rows, title=table.title, txt_fmt=_LAYER_FORMAT
    )


def _only_p(row: list[str]) -> bool:
    """Whether a line holds the p-values of an input whose effects follow."""
    return row[:-2] == ["-"] * (len(row) - 2) and any(row[-2:])


def share(p: float) -> str:
    """A p-value as statsmodels prints one; NaN is blank."""
    return "" if np.isnan(p) else f"{p:.3f}"


def _estimates(results: Any, names: list[str]) -> SimpleTable:
    """Coefficients of the GLM terms of a deep model: estimates and nothing else."""
    shown, where = results.params.to_numpy(), _glm_terms(results)
    return SimpleTable(
        [[number(shown[j])] for j in where] or [["none"]],
        ["coef"],
        [names[j] for j in where] or ["(no terms)"],
        title="Final layer: GLM terms",
        txt_fmt=fmt_params,
    )


def _glm_terms(results: Any) -> list[int]:
    """Reported coefficients of the final layer whose variables enter hidden layers as well."""
    model = results._model
    predictor, inside = model.predictor, np.array(model._units.order)
    final = (inside < predictor.slices[0].stop) | (inside >= predictor.size)
    return list(np.flatnonzero(final & ~results._own))


def _layer(table: LayerTable) -> SimpleTable:
    cells = [[c if isinstance(c, str) else number(c) for c in row] for row in table.cells]
    return SimpleTable(cells, table.columns, table.rows, title=table.title, txt_fmt=_LAYER_FORMAT)


_LAYER_FORMAT = {**fmt_params, "data_fmts": ["%10s"]}


def number(value: float) -> str:
    """A coefficient as statsmodels prints one; NaN is a dash."""
    if np.isnan(value):
        return "-"
    return str(forg(value, prec=4))


def _frame(results: Any, names: list[str], alpha: float) -> pd.DataFrame:
    if results._deep:
        where = _glm_terms(results)
        return pd.DataFrame(
            {"Coef.": results.params.to_numpy()[where]}, index=[names[j] for j in where]
        )
    letter = "t" if results.use_t else "z"
    interval = results.conf_int(alpha)
    return pd.DataFrame(
        {
            "Coef.": results.params.to_numpy(),
            "Std.Err.": results.bse.to_numpy(),
            letter: results.tvalues.to_numpy(),
            f"P>|{letter}|": results.pvalues.to_numpy(),
            f"[{alpha / 2:g}": interval[0].to_numpy(),
            f"{1 - alpha / 2:g}]": interval[1].to_numpy(),
        },
        index=names,
    )
