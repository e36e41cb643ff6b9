"""Analysis of deviance by refits without terms, for models without hidden layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from deepglm.errors import NotAvailableError, SpecificationError
from deepglm.execution import workers
from deepglm.formula.grammar import describe
from deepglm.inference import criteria
from deepglm.inference.fitted import Array
from deepglm.inference.restricted import log_likelihood, without_input
from deepglm.results.frozen import Frozen
from deepglm.results.restrictions import estimates_more, objective_scale, posed

__all__ = ["Deletion", "SmallerGlm", "chosen_test", "compared"]

TESTS = ("Chisq", "F")


@dataclass(frozen=True)
class SmallerGlm:
    """What a comparison needs of a fit.

    Parameters
    ----------
    deviance
        At dispersion 1.
    df_resid
        Residual degrees of freedom.
    llf
        Log-likelihood where the dispersion is known, else NaN.
    """

    deviance: float
    df_resid: float
    llf: float


def chosen_test(test: str | None, estimated: bool) -> str:
    """The test that was asked for: F by default where the dispersion is estimated, as in R."""
    if test is None:
        return "F" if estimated else "Chisq"
    by_lower = {"chisq": "Chisq", "lrt": "Chisq", "chi2": "Chisq", "f": "F"}
    name = by_lower.get(str(test).lower())
    if name is None:
        accepted = ", ".join(repr(one) for one in TESTS)
        raise SpecificationError(f"test={test!r} is not known; accepted are {accepted}.")
    return name


def compared(
    change: Array, df: Array, scale: float, df_denom: float, test: str
) -> tuple[Array, Array]:
    """Statistics and p-values of changes in deviance; NaN where no parameter was gained or lost.

    Parameters
    ----------
    change, df
        (k,) changes in deviance and in degrees of freedom.
    scale, df_denom
        Dispersion of the largest model, and the degrees of freedom that it has.
    test
        "Chisq" or "F".
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        some = np.where(df > 0, df, np.nan)
        if test == "F":
            F = change / some / scale
            return F, np.asarray(stats.f.sf(F, some, df_denom))
        chi2 = np.where(df > 0, change / scale, np.nan)
        return chi2, np.asarray(stats.chi2.sf(chi2, some))


class Deletion(Frozen):
    """Members of a result that fit the same GLM without some of its terms."""

    def drop1(self, scope: Sequence[str] | None = None, test: str | None = None) -> pd.DataFrame:
        """Fit the GLM without each of its terms, one at a time, as R's ``drop1``.

        Parameters
        ----------
        scope
            Terms to leave out; by default those that are not part of an interaction in the model.
        test
            "Chisq" or "F"; by default F where the dispersion is estimated.

        Returns
        -------
        DataFrame
            A row ``<none>`` and one for every term: ``df``, ``deviance``, ``aic``, the statistic
            (``LRT`` or ``F``), ``pvalue``.

        Notes
        -----
        The fit has to be certified and without a penalty, with a ``cov_type`` that trusts the
        model: differences of deviances are not robust.

        As in R, the dispersion inside F is the deviance of the model over its residual degrees of
        freedom, and the AIC of a smaller model uses the dispersion of this one; ``aic`` of this
        model is that of the result, which does not count an estimated dispersion.

        Examples
        --------
        >>> import deepglm as dg
        >>> trees = dg.datasets.load("trees")
        >>> fit = dg.DeepGLM("Volume ~ Girth + Height", trees, hidden=()).fit()
        >>> fit.drop1().F[1:].round(2).to_dict()
        {'Girth': 317.41, 'Height': 6.79}
        """
        self._refuse_refits("drop1")
        terms = self._terms()
        wanted = self._scope(scope, terms)
        estimated = self._estimate.scale_kind != "fixed"
        kind = chosen_test(test, estimated)
        smaller = [self._without(terms[name]) for name in wanted]
        full = self._as_compared
        deviance = np.array([full.deviance, *(one.deviance for one in smaller)])
        df = np.array([one.df_resid for one in smaller]) - full.df_resid
        change = deviance[1:] - full.deviance
        if np.isfinite(full.llf):
            change = np.array([2.0 * (full.llf - one.llf) for one in smaller])
        scale = full.deviance / full.df_resid if kind == "F" else self._dispersion_of_lrt
        if kind == "Chisq" and estimated and self._gaussian:
            n = self._numbers.fitted.wnobs
            change, scale = n * np.log(deviance[1:] / full.deviance), 1.0
        statistic, p = compared(change, df, scale, full.df_resid, kind)
        return pd.DataFrame(
            {
                "df": np.r_[np.nan, df],
                "deviance": deviance,
                "aic": self._aic_after(deviance, np.r_[0.0, df], np.r_[0.0, change]),
                "F" if kind == "F" else "LRT": np.r_[np.nan, statistic],
                "pvalue": np.r_[np.nan, p],
            },
            index=pd.Index(["<none>", *wanted], name="term"),
        )

    def _sequential(self) -> tuple[list[str], list[SmallerGlm]]:
        """Terms in the order of the formula, and the models without them and all after each.

        Main effects come before interactions, as in R.
        """
        self._refuse_refits("anova of one fit")
        terms, source = self._terms(), self._model._data.sources[0]
        names = list(terms)
        if hasattr(source, "text"):
            written = [term.name() for term in describe(f"~ {source.text}").rhs_termlist]
            names = sorted(names, key=written.index)
            names.sort(
                key=lambda name: len(source.products[source.term_names.index(name)][0].factors)
            )
        models = []
        for k in range(len(names)):
            models.append(self._without([j for name in names[k:] for j in terms[name]]))
        return names, [*models, self._as_compared]

    def _aic_after(self, deviance: Array, df: Array, change: Array) -> Array:
        """AIC of smaller models, at the dispersion of this one where it is estimated."""
        if self._estimate.scale_kind != "fixed" and self._numbers.full.scale is not None:
            return np.full(len(df), np.nan)  # a quasi-likelihood has no AIC
        if self._gaussian and self._estimate.scale_kind != "fixed":
            lost = self._numbers.fitted.wnobs * np.log(deviance / deviance[0])
        elif self._estimate.scale_kind != "fixed":
            lost = (deviance - deviance[0]) / self._numbers.scale
        else:
            lost = change / self._dispersion_of_lrt
        aic: float = self.info_criteria("aic")
        return np.asarray(aic + lost - 2.0 * df)

    @property
    def _gaussian(self) -> bool:
        """Whether the dispersion is profiled out in the log-likelihood, whatever the link."""
        return bool(self._numbers.fitted.family.name == "Gaussian")

    @property
    def _dispersion_of_lrt(self) -> float:
        """What a change in deviance is divided by."""
        return 1.0 if np.isfinite(self._as_compared.llf) else float(self._numbers.scale)

    @property
    def _as_compared(self) -> SmallerGlm:
        numbers, estimate = self._numbers, self._estimate
        k = int(estimate.free[: self._model.predictor.size].sum())
        llf = np.nan
        if estimate.scale_kind == "fixed":
            penalty = 0.5 * float(estimate.precision @ estimate.theta**2)
            llf = estimate.penalized_llf + penalty
        return SmallerGlm(numbers.deviance, numbers.fitted.wnobs - k, llf)

    def _without(self, columns: Sequence[int]) -> SmallerGlm:
        """The GLM without some columns of its design."""
        smaller = without_input(posed(self), [columns])
        if smaller.problem.free.any():
            with workers(1, self.nobs) as crew:
                start = [self._estimate.theta]
                solution, fitted = smaller.fit(crew, objective_scale(self), start, 0)
            deviance = criteria.deviance(fitted, fitted.etas, fitted.aux)
            llf = log_likelihood(solution)
        else:  # nothing is estimated: the linear predictor is the offset
            fitted = self._numbers.fitted
            eta = np.repeat(fitted.rows.offset[None], fitted.predictor.k_eta, axis=0)
            deviance = criteria.deviance(fitted, eta, fitted.aux)
            llf = criteria.loglike(fitted, eta, fitted.aux, self._numbers.scale)
        df = self._numbers.fitted.wnobs - float(smaller.problem.free.sum())
        known = self._estimate.scale_kind == "fixed"
        return SmallerGlm(deviance, df, llf if known else np.nan)

    def _terms(self) -> dict[str, list[int]]:
        """Columns of every term, the intercept left out."""
        source, intercept = self._model._data.sources[0], self._model._intercept
        slices = getattr(source, "term_slices", None)
        if slices is None:
            slices = {name: (j, j + 1) for j, name in enumerate(source.names)}
        every = {name: [*range(*where)] for name, where in slices.items()}
        return {name: where for name, where in every.items() if intercept not in where}

    def _scope(self, scope: Sequence[str] | None, terms: dict[str, list[int]]) -> list[str]:
        if scope is not None:
            wanted = [scope] if isinstance(scope, str) else list(scope)
            for name in wanted:
                if name not in terms:
                    raise SpecificationError(
                        f"{name!r} is not a term; the terms are "
                        f"{', '.join(repr(known) for known in terms)}."
                    )
            return wanted
        source = self._model._data.sources[0]
        if not hasattr(source, "products"):
            return list(terms)
        factors = {
            name: {factor for product in products for factor in product.factors}
            for name, products in zip(source.term_names, source.products, strict=True)
        }
        return [
            name for name in terms if not any(factors[name] < factors[other] for other in terms)
        ]

    def _refuse_refits(self, what: str) -> None:
        if self._deep:
            raise NotAvailableError(
                f"{what} is for models without hidden layers: twice the difference of "
                "log-likelihoods of networks is not chi-square. input_tests() tests every input "
                "by scores."
            )
        why = self._not_compared or self._not_robust
        if why:
            raise NotAvailableError(f"{what}: {why}.")

    @property
    def _not_compared(self) -> str:
        """Why differences from the deviance of this fit are not tested; empty where they are."""
        if not self.converged:
            certificate = self._estimate.certificate
            ends = " and the likelihood has no maximum" * certificate.status.no_maximum
            return (
                f"the fit is not certified{ends} ({certificate}). Its deviance is reported, and "
                "differences of it are not tested"
            )
        if self._estimate.precision.any():
            return (
                "the fit is penalised, and tests by the deviance are for maximum likelihood. Fit "
                "with penalty=None"
            )
        if estimates_more(self._numbers.full):
            return (
                f"the {self._numbers.full.name} family estimates its power in every fit, and "
                "deviances of several powers cannot be compared. Give it one, as in "
                "Tweedie(var_power=1.5); input_tests() needs none"
            )
        return str(self._numbers.withheld).removeprefix("no standard errors: ")

    @property
    def _not_robust(self) -> str:
        """Why differences of deviances are not what was asked for; empty where they are."""
        if self._request.trusts_the_model:
            return ""
        return (
            f"a difference of deviances is not robust, and the fit has cov_type="
            f"{self._request.name!r}. wald_test_terms() and input_tests() are robust as the fit is"
        )
