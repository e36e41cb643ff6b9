"""Wald and likelihood ratio tests of inputs, behind the gate that lets them be chi-square."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from deepglm.errors import NotAvailableError, SpecificationError, whole_number
from deepglm.execution import workers
from deepglm.inference import criteria
from deepglm.inference.parsimony import Parsimony, parsimony, wald_statistic
from deepglm.inference.restricted import log_likelihood
from deepglm.results.restrictions import (
    DETERMINED,
    Restriction,
    SmallerFit,
    Tested,
    Variance,
    estimates_more,
    objective_scale,
    posed,
)
from deepglm.solvers import Problem, Solution

METHODS = ("score", "wald", "lr")


class Gated(Tested):
    """Members of a result that need the number of units to be right."""

    def parsimony(self, without: str | None = None, *, seed: int = 0) -> pd.Series:
        """Compare a network of one hidden layer with one of a unit fewer.

        Parameters
        ----------
        without
            An input that is left out of both; none by default.
        seed
            Seeds the fresh starts of the smaller network.

        Returns
        -------
        Series
            ``bic``, ``bic_one_fewer`` (both by the log-likelihood without the penalty, all
            parameters counted), ``price``, what BIC charges for the unit, ``least_t``, the smallest
            ratio of an output weight to its standard error, ``passes``, and ``reason`` why not.

        Notes
        -----
        With a unit too many an input may be used by that unit alone, which is then not identified
        under the null hypothesis: chi-square tests of Wald's or of the likelihood ratio had sizes
        of .20 to .43 in place of .05. The gate is open where the unit gains at least six tenths of
        what BIC charges for it, and every output weight is three standard errors from zero. BIC's
        full charge closes it in three of four binomial samples of 1,000 rows that are right.
        """
        self._refuse_uncertified("parsimony")
        self._check_one_layer("parsimony")
        whole_number("seed", seed, 0)
        if without is None:
            estimate, k = self._estimate, self._model.predictor.size
            found = self._gate(posed(self), _as_solution(estimate, k), seed)
        else:
            restriction = Restriction.of_input(self, self._named_input(without))
            if not restriction.smaller.problem.predictor.networks:
                raise NotAvailableError(
                    f"parsimony(without={without!r}): no other input enters a hidden unit, so that "
                    "there is no network without it to compare. parsimony() compares this one."
                )
            fit = restriction.fit(seed)
            found = self._gate(fit.smaller.problem, fit.solution, seed)
        return pd.Series(
            {
                "bic": found.bic,
                "bic_one_fewer": found.bic_fewer,
                "price": found.price,
                "least_t": found.least_t,
                "passes": not found.reason,
                "reason": found.reason,
            },
            name="parsimony",
        )

    def test_input(self, name: str, method: str = "score", *, seed: int = 0) -> pd.Series:
        """Test an input by scores, or, where the gate lets it, by Wald or the likelihood ratio.

        Parameters
        ----------
        name
            An input.
        method
            "score", the first-order test of :meth:`input_tests`, "wald" or "lr".
        seed
            Seeds the fresh starts of smaller fits.

        Returns
        -------
        Series
            ``statistic``, ``df``, ``df_denom`` (infinite for chi-square), ``pvalue``, ``reason``.

        Notes
        -----
        In a network "wald" and "lr" are NaN with a reason unless there is one hidden layer and the
        fit without the input needs all of its units (:meth:`parsimony`). The likelihood ratio
        compares log-likelihoods without the penalty.
        """
        if method not in METHODS:
            accepted = ", ".join(repr(one) for one in METHODS)
            raise SpecificationError(f"method={method!r} is not known; accepted are {accepted}.")
        self._refuse_uncertified("test_input")
        whole_number("seed", seed, 0)
        name = self._named_input(name)
        if method == "score":
            test, _, reason = self._input_scores(name, Variance(self, None, None), seed)
            return _row(test.statistic, test.df, test.df_denom, test.pvalue, reason)
        restriction = Restriction.of_input(self, name)
        fit = restriction.fit(seed)
        reason = self._why_not_gated(restriction, fit, method, seed)
        if reason:
            return _row(np.nan, int(fit.smaller.tested.sum()), np.inf, np.nan, reason)
        chi2, df = self._wald_of(fit) if method == "wald" else self._ratio_of(fit)
        trusting = method == "lr" or self._request.trusts_the_model
        if self._estimate.scale_kind != "fixed" and trusting:
            left = self._numbers.fitted.wnobs - float(self._estimate.free.sum())
            return _row(chi2 / df, df, left, float(stats.f.sf(chi2 / df, df, left)), "")
        return _row(chi2, df, np.inf, float(stats.chi2.sf(chi2, df)), "")

    def _why_not_gated(
        self, restriction: Restriction, fit: SmallerFit, method: str, seed: int
    ) -> str:
        if not fit.solution.certificate.certified:
            return f"the fit without the input is not certified ({fit.solution.certificate})"
        if method == "lr" and not self._request.trusts_the_model:
            return f"a likelihood ratio is not robust (cov_type={self._request.name!r})"
        if method == "lr" and estimates_more(self._numbers.full):
            return "deviances of several powers cannot be compared; use the score test"
        if restriction.lost < int(fit.smaller.tested.sum()) or not restriction.lost:
            return DETERMINED
        if not self._deep:
            penalised = self._estimate.precision.any()
            return "the fit is penalised; the score test is valid" if penalised else ""
        if any(len(network.units) > 1 for network in self._model.predictor.networks):
            return "there are two hidden layers or more; use the score test"
        if restriction.lost_a_term or not fit.smaller.problem.predictor.networks:
            return (
                "a deep term has no other input, so that its units are not identified without it; "
                "use the score test"
            )
        gate = self._gate(fit.smaller.problem, fit.solution, seed).reason
        return f"{gate}; use the score test" if gate else ""

    def _wald_of(self, fit: SmallerFit) -> tuple[float, int]:
        free, tested = self._estimate.free, np.zeros(len(self._estimate.free), dtype=bool)
        tested[fit.smaller.places] = fit.smaller.tested
        V = self._numbers.covariance(self._request).cov
        which = np.flatnonzero(tested[free])
        return wald_statistic(self._estimate.theta[free], V, which.tolist()), len(which)

    def _ratio_of(self, fit: SmallerFit) -> tuple[float, int]:
        estimate, df = self._estimate, int(fit.smaller.tested.sum())
        if estimate.scale_kind != "fixed":
            D0 = criteria.deviance(fit.fitted, fit.fitted.etas, fit.fitted.aux)
            return (D0 - self._numbers.deviance) / self._numbers.scale, df
        full = estimate.penalized_llf + 0.5 * float(estimate.precision @ estimate.theta**2)
        return 2.0 * (full - log_likelihood(fit.solution)), df

    def _gate(self, problem: Problem, solution: Solution, seed: int) -> Parsimony:
        with (
            workers(1, self.nobs) as crew,
            np.errstate(over="ignore", invalid="ignore", divide="ignore"),
        ):
            return parsimony(problem, solution, crew, objective_scale(self), seed)

    def _check_one_layer(self, what: str) -> None:
        networks = self._model.predictor.networks
        if not networks or any(len(network.units) > 1 for network in networks):
            raise NotAvailableError(
                f"{what} is for networks of one hidden layer, where BIC is a reliable detector of "
                "a unit too many."
            )


def _as_solution(estimate: Any, k: int) -> Any:
    """What the gate reads of the fit itself."""
    return Solution(
        theta=estimate.theta[:k],
        aux=estimate.aux,
        scale=estimate.scale_objective,
        value=estimate.penalized_llf,
        precision=estimate.precision[:k],
        certificate=estimate.certificate,
        outcome=None,  # type: ignore[arg-type]
        reason="",
        starts=(),
        modes=(),
        counts={},
    )


def _row(statistic: float, df: int, df_denom: float, pvalue: float, reason: str) -> pd.Series:
    return pd.Series(
        {
            "statistic": statistic,
            "df": df,
            "df_denom": df_denom,
            "pvalue": pvalue,
            "reason": reason,
        }
    )
