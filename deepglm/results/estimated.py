"""Numbers of a fit with their standard errors, intervals, tests and tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.iolib.summary import Summary
from statsmodels.iolib.table import SimpleTable
from statsmodels.iolib.tableformatting import fmt_params

from deepglm.data import one_blas_thread
from deepglm.errors import probability
from deepglm.inference import estimable
from deepglm.inference.fitted import Array, Mask
from deepglm.inference.uncertainty import Functional, Uncertainty

__all__ = ["SET_ASIDE", "Estimated", "Labels", "Measured", "errors_note", "measured"]

SET_ASIDE = (
    "columns that earlier ones determine were set aside, and the data do not tell its effect from "
    "theirs"
)


@dataclass(frozen=True)
class Labels:
    """What a table of numbers is called.

    Parameters
    ----------
    title
        Above the table.
    column
        Heading of the numbers.
    notes
        Below it.
    ratio
        Whether the numbers are logarithms of ratios, which are shown as ratios.
    tested
        Whether z and P are shown.
    """

    title: str
    column: str
    notes: tuple[str, ...] = ()
    ratio: bool = False
    tested: bool = True

    def with_unknown(self, names: pd.Index, unknown: Mask) -> Labels:
        """The same with a note on numbers that the data do not determine."""
        if not unknown.any():
            return self
        listed = ", ".join(_joined(name) for name in names[unknown])
        return replace(self, notes=(*self.notes, f"{listed}: {SET_ASIDE}."))


class Estimated:
    """Numbers of a fit with what is known about their errors.

    Standard errors of ratios are those of their logarithms, and intervals of ratios are those of
    the logarithms, exponentiated. Where errors are withheld they are NaN, and a note says why.

    Parameters
    ----------
    names
        A name for every number.
    values
        (k,) numbers.
    cov
        (k, k) covariance.
    labels
        What it is called.
    """

    def __init__(self, names: pd.Index, values: Array, cov: Array, labels: Labels) -> None:
        self._names, self._values, self._cov, self._labels = names, values, cov, labels

    @property
    def estimate(self) -> pd.Series:
        """The numbers; ratios as ratios."""
        values = np.exp(self._values) if self._labels.ratio else self._values
        return pd.Series(values, index=self._names, name=self._labels.column)

    @property
    def se(self) -> pd.Series:
        """Standard errors, of ratios those of their logarithms."""
        with np.errstate(invalid="ignore"):
            return pd.Series(np.sqrt(np.diag(self._cov)), index=self._names, name="std err")

    @property
    def cov(self) -> pd.DataFrame:
        """Covariance, of ratios that of their logarithms."""
        return pd.DataFrame(self._cov, index=self._names, columns=self._names)

    @property
    def tvalues(self) -> pd.Series:
        """Numbers over standard errors; of ratios logarithms over theirs."""
        se = self.se
        known = (se > 0.0) & self._labels.tested
        return pd.Series(self._values, index=self._names, name="z") / se.where(known)

    @property
    def pvalues(self) -> pd.Series:
        """Two-sided p-values that a number is zero, or a ratio one."""
        return pd.Series(2.0 * stats.norm.sf(np.abs(self.tvalues)), index=self._names, name="P>|z|")

    def conf_int(self, alpha: float = 0.05) -> pd.DataFrame:
        """Confidence intervals, (k, 2).

        Parameters
        ----------
        alpha
            One minus the probability.
        """
        q = stats.norm.ppf(1.0 - probability("alpha", alpha) / 2.0)
        se = self.se.to_numpy()
        ends = np.column_stack((self._values - q * se, self._values + q * se))
        return pd.DataFrame(np.exp(ends) if self._labels.ratio else ends, index=self._names)

    def summary_frame(self, alpha: float = 0.05) -> pd.DataFrame:
        """Everything as a data frame.

        Parameters
        ----------
        alpha
            Level of the intervals.
        """
        limits = self.conf_int(alpha)
        return pd.DataFrame(
            {
                self._labels.column: self.estimate,
                "std err (log)" if self._labels.ratio else "std err": self.se,
                "z": self.tvalues,
                "P>|z|": self.pvalues,
                f"[{alpha / 2:g}": limits[0],
                f"{1 - alpha / 2:g}]": limits[1],
            }
        )

    def summary(self, alpha: float = 0.05) -> Summary:
        """The same as a table, with notes.

        Parameters
        ----------
        alpha
            Level of the intervals.
        """
        frame = self.summary_frame(alpha)
        cells = [
            [
                f"{x:.3f}" if str(name)[0] in "zP" else _shown(x)
                for name, x in zip(frame, row, strict=True)
            ]
            for row in frame.to_numpy(dtype=float)
        ]
        stubs = [_joined(name) for name in frame.index]
        table = SimpleTable(
            cells, list(frame.columns), stubs, title=self._labels.title, txt_fmt=fmt_params
        )
        out = Summary()
        out.tables.append(table)
        out.add_extra_txt(list(self._labels.notes))
        return out

    def __str__(self) -> str:
        return str(self.summary())

    def __repr__(self) -> str:
        return f"<{self._labels.title}: {len(self._values)} numbers>"

    def _repr_html_(self) -> str:
        return str(self.summary().as_html())


class Measured(NamedTuple):
    """Values of a function of a fit."""

    values: Array
    """(k,); NaN where the data do not determine one."""
    cov: Array
    """(k, k); NaN where errors are withheld."""
    unknown: Mask
    """(k,) which of them the data do not determine: columns were set aside."""


def measured(
    results: Any,
    uncertainty: Uncertainty | None,
    functional: Functional,
    share: Array,
    suspect: Mask | None = None,
) -> Measured:
    """Values of a function of a fit, and their covariance.

    Parameters
    ----------
    results
        A result.
    uncertainty
        What errors come from; None where they are withheld.
    functional
        The function.
    share
        Shares of the rows.
    suspect
        (k,) values that move columns set aside, so that the data may not determine them. Others are
        read as those of the model without these columns, as its coefficients are.
    """
    theta, aliased = results._numbers.fitted.theta, results._estimate.aliased
    with one_blas_thread():
        values = functional.value(theta, share)
        cov = np.full((len(values),) * 2, np.nan)
        if uncertainty is not None:
            cov = uncertainty.covariance(functional)
        unknown = np.zeros(len(values), dtype=bool)
        if suspect is not None and suspect.any():
            G = functional.jacobian(theta)
            free, aliased = results._estimate.free[: G.shape[1]], aliased[: G.shape[1]]
            unknown = suspect & ~estimable(G, free, aliased, results._numbers.aliasing)
    values = np.where(unknown, np.nan, values)
    cov = np.where(unknown | unknown[:, None], np.nan, cov)
    return Measured(values, cov, unknown)


def errors_note(uncertainty: Any, why_not: str) -> str:
    """Where standard errors come from, or why there are none."""
    if uncertainty is None:
        reason = why_not.removeprefix("no standard errors: ")
        return f"No standard errors: {reason}."
    if uncertainty.name == "bootstrap":
        return f"Standard errors: bootstrap, {uncertainty.size} refits."
    return f"Standard errors: {uncertainty.name}."


def _shown(x: float) -> str:
    """A number with four decimals, or with as many digits where these would say little."""
    return f"{x:.4g}" if x != 0.0 and not 1e-2 <= abs(x) < 1e5 else f"{x:.4f}"


def _joined(name: Any) -> str:
    return (
        ", ".join(map(str, name))
        if isinstance(name, Sequence) and not isinstance(name, str)
        else str(name)
    )
