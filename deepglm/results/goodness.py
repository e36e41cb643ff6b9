"""How well a model fits: log-likelihood, deviance, criteria, degrees of freedom."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from deepglm.errors import NotAvailableError
from deepglm.families import MeanFamily
from deepglm.inference import criteria
from deepglm.results.frozen import Frozen
from deepglm.solvers import Group, Start


class Goodness(Frozen):
    """Members of a result that are about the fit as a whole."""

    # -- counts -----------------------------------------------------------------------------

    @property
    def nobs(self) -> int:
        """Rows that were used."""
        return int(self._model.nobs)

    @property
    def edf(self) -> float:
        """Effective number of estimated coefficients: ``tr[(F + S)^-1 F]``."""
        return self._numbers.edf

    @property
    def df_model(self) -> float:
        """``edf`` without the parameters of the model with an intercept only.

        statsmodels does not count the intercept, whether there is one or not; nor are cut-points
        and auxiliary parameters counted.
        """
        model = self._model
        k = self.edf - model.predictor.k_eta - (model._units.size - model.predictor.size)
        return int(k) if k.is_integer() else k

    @property
    def df_resid(self) -> float:
        """Observations, counted with their frequencies, minus ``edf``.

        The alpha of a negative binomial is not counted, as in R and statsmodels.
        """
        model = self._model
        mean = isinstance(self._numbers.fitted.given, MeanFamily)
        extra = model._units.size - model.predictor.size if mean else 0
        return self._numbers.fitted.wnobs - self.edf + extra

    @property
    def k_constant(self) -> int:
        """Whether the final layer has an intercept, as 0 or 1."""
        return int(self._model._intercept is not None)

    # -- the fit ----------------------------------------------------------------------------

    @property
    def converged(self) -> bool:
        """Whether the fit is certified: a strict local maximum, to 1e-6 log-likelihood units."""
        return bool(self._estimate.certificate.certified)

    @property
    def method(self) -> str:
        """How the maximum was found."""
        return (
            "IRLS" if self._estimate.method == "irls" and not self._deep else self._estimate.method
        )

    @property
    def fit_history(self) -> dict[str, Any]:
        """Iterations of the best start, and the objective after each accepted step.

        :attr:`history` has the same as a table, with what steered every step.
        """
        return {
            "iteration": self._estimate.iterations,
            "objective": [step.value for step in self._estimate.history],
        }

    @property
    def history(self) -> pd.DataFrame:
        """Accepted steps of the best start, or rounds of them, in their order.

        Columns: what steered the step, the penalised log-likelihood after it, and the decrement in
        its metric, in log-likelihood units. Rounds on a share of the rows have an estimate of the
        log-likelihood of all of them.
        """
        steps = self._estimate.history
        frame = pd.DataFrame(
            {
                "phase": [step.phase for step in steps],
                "penalized_llf": [-step.value for step in steps],
                "decrement": [step.decrement for step in steps],
            }
        )
        return frame.rename_axis("step")

    @property
    def starts(self) -> pd.DataFrame:
        """Every start of the fit, in the order in which they were made.

        Columns: how it was made (``origin``), the penalised log-likelihood at its end,
        its steps, whether it was finished or dropped on the way, the number of the optimum at which
        it ended (1 is the best, 0 none), and how many starts ended there (``hits``).
        """
        rows = self._estimate.starts
        frame = pd.DataFrame(rows, columns=list(Start._fields)).set_index("number")
        frame = frame.rename(columns={"objective": "penalized_llf"})
        counts = frame.optimum.value_counts()
        frame["hits"] = [int(counts[k]) if k else 0 for k in frame.optimum]
        return frame.rename_axis("start")

    @property
    def modes(self) -> pd.DataFrame:
        """Coefficients at the distinct optima within four log-likelihood units, best first.

        One column for every optimum; ``attrs`` holds their penalised log-likelihoods and hits.
        """
        found = self._estimate.modes
        frame = pd.DataFrame(
            {number: mode.params for number, mode in enumerate(found, 1)},
            index=self._model.exog_names,
        ).rename_axis(columns="optimum")
        frame.attrs["penalized_llf"] = [-mode.value for mode in found]
        frame.attrs["hits"] = [mode.hits for mode in found]
        return frame

    @property
    def penalty(self) -> Any:
        """The penalty in force; the one that the data chose, where they did.

        It can be given to another model: ``DeepGLM(..., penalty=results.penalty)``.
        """
        choice = self._estimate.choice
        return self._model.penalty if choice is None else choice.penalty

    @property
    def penalty_groups(self) -> pd.DataFrame:
        """Precision and effective degrees of freedom of every kind of coefficient.

        Only for a penalty that the data chose. ``attrs`` holds the log marginal likelihood
        (``evidence``), that of the plain GLM beside it, whether the choice had settled, and for a
        validation the grid with the mean log-likelihood of the rows held out.
        """
        choice = self._estimate.choice
        if choice is None:
            raise NotAvailableError(
                f"penalty_groups: the penalty {self._model.penalty} was given, not chosen by the "
                "data. Use penalty='evidence' or 'validation'."
            )
        frame = pd.DataFrame(choice.groups, columns=list(Group._fields)).set_index("name")
        frame.attrs["evidence"] = choice.evidence
        frame.attrs["glm_evidence"] = choice.glm_evidence
        frame.attrs["settled"] = choice.settled
        frame.attrs["grid"] = [tuple(one) for one in choice.tried]
        return frame.rename_axis("kind")

    @property
    def mle_settings(self) -> dict[str, Any]:
        """How the maximum was looked for: solver, starts, and passes over the rows."""
        estimate = self._estimate
        return {
            "optimizer": estimate.method,
            "reason": estimate.reason,
            "starts": len(estimate.starts),
            "hits": estimate.hits,
            "evaluations": dict(estimate.evaluations),
        }

    # -- likelihood -------------------------------------------------------------------------

    @property
    def scale(self) -> float:
        """Dispersion in standard errors.

        Fixed, Pearson's chi-square over ``df_resid`` (the default where it is estimated), or the
        deviance over it. For overdispersed binomial counts (``scale="X2"``) statsmodels divides by
        the number of trials as well; this is the value without that, as R's quasibinomial.
        """
        return self._numbers.scale

    @cached_property
    def llf(self) -> float:
        """Log-likelihood, without the penalty, constants included.

        As statsmodels: at ``scale``, and with the dispersion profiled out for a Gaussian with the
        identity link, and for a Tweedie whose power is estimated. A weighted binomial includes its
        binomial coefficient (statsmodels leaves it out for ``var_weights``).
        """
        return self._numbers.llf(None)

    def llf_scaled(self, scale: float | None = None) -> float:
        """Log-likelihood at a given dispersion; None is the choice of ``llf``."""
        return self._numbers.llf(scale)

    @property
    def penalized_llf(self) -> float:
        """What was maximised: the log-likelihood minus the penalty, at the scale in force."""
        return self._estimate.penalized_llf

    @property
    def null(self) -> Any:
        """Fitted values of the model with an intercept and the offset only."""
        return self._statistic_of_rows(*self._numbers.null)

    @property
    def llnull(self) -> float:
        """Log-likelihood of that model, at the dispersion of this one."""
        return self._numbers.llnull

    @property
    def deviance(self) -> float:
        """Deviance at dispersion 1."""
        return self._numbers.deviance

    @property
    def null_deviance(self) -> float:
        """Deviance of the model with an intercept and the offset only."""
        return self._numbers.null_deviance

    @property
    def pearson_chi2(self) -> float:
        """Sum of squared Pearson residuals."""
        return self._numbers.pearson_chi2

    # -- criteria ---------------------------------------------------------------------------

    @property
    def aic(self) -> float:
        """``-2 llf + 2 edf``, with the effective degrees of freedom of all layers.

        An estimated dispersion is not counted, as in statsmodels; R counts it and is larger by 2.
        An estimated alpha, sigma or power is. Not for choosing hidden units, see
        :meth:`info_criteria`.
        """
        return self.info_criteria("aic")

    @property
    def bic(self) -> float:
        """``-2 llf + log(n) edf``."""
        return self.bic_llf

    @property
    def bic_llf(self) -> float:
        """``-2 llf + log(n) edf``."""
        return self.info_criteria("bic")

    @property
    def bic_deviance(self) -> float:
        """``deviance - df_resid log(n)``."""
        return float(self.deviance - self.df_resid * np.log(self._numbers.fitted.wnobs))

    @property
    def tic(self) -> float:
        """Takeuchi's criterion, ``-2 llf + 2 tr[(H + S)^-1 K]``; the NIC of networks.

        ``H`` is the observed information and ``K`` the sum of products of the rows' scores. Where
        the model is right it is close to ``aic``; where it is wrong it still estimates what the
        same model loses on new rows, which ``aic`` does not. The trace is noisy in small samples.

        References
        ----------
        Takeuchi (1976); Murata, Yoshizawa and Amari (1994), IEEE Transactions on Neural Networks 5,
        865-872.
        """
        return self.info_criteria("tic")

    @property
    def im_ratio(self) -> pd.DataFrame:
        """Information ratio ``(H + S)^-1 K``, by reported parameter; NaN where it does not exist.

        If the model is right it is the unit matrix but for chance, and for a penalty. Parameters
        that were not estimated have zeros.

        References
        ----------
        White (1982), Econometrica 50, 1-25.
        """
        numbers, units, names = self._numbers, self._model._units, self._model.exog_names
        free, ratio = self._estimate.free, numbers.information_ratio
        if ratio is None:
            return pd.DataFrame(np.nan, index=names, columns=names)
        back = units.backwards(self._estimate.theta)[free]
        found = numbers.to_user[:, free] @ ratio @ back
        return pd.DataFrame(found, index=names, columns=names)

    def info_criteria(self, crit: str, scale: float | None = None, dk_params: float = 0) -> float:
        """Information criterion.

        Parameters
        ----------
        crit
            "aic", "aicc" (of a Gaussian), "bic", "qaic" or "tic".
        scale
            Dispersion of the largest model compared; for "qaic" only, which needs it.
        dk_params
            Added to the number of parameters; 1 counts an estimated dispersion, as R does, and as
            Hurvich and Tsai (1989) do for AICc.

        Notes
        -----
        Counted are the effective degrees of freedom ``edf`` of all coefficients and of an alpha,
        cut-points or a sigma among them, and an estimated power; a dispersion is not. Without a
        penalty ``edf`` is the number of coefficients that were estimated. "tic" counts
        ``tr[(H + S)^-1 K]`` in their place.

        None of them but "bic" is for choosing the number of hidden units: AIC kept a unit too many
        in a quarter of samples under the default penalty and in most without one.
        """
        name = crit.lower()
        if name == "aicc" and self._numbers.fitted.family.name != "Gaussian":
            raise NotAvailableError(
                "crit='aicc': the correction is derived for a Gaussian response. Use 'aic' or "
                "'bic'."
            )
        llf = self.llf_scaled(1.0) if name == "qaic" else self.llf
        aux = self._estimate.aux
        # a power beside a dispersion; an alpha or a sigma is among the parameters
        beside = len(aux) - 1 if self._numbers.full.scale is None and len(aux) else 0
        k = self._numbers.trace if name == "tic" else self.edf
        k += beside + dk_params
        return criteria.information_criterion(crit, llf, k, self._numbers.fitted.wnobs, scale)

    def pseudo_rsquared(self, kind: str = "cs") -> float:
        """Pseudo R-squared of Cox and Snell ("cs") or McFadden ("mcf").

        Frequencies count, as a weight of two is two rows; statsmodels' GLM divides by the rows of
        the table.
        """
        n = self._numbers.fitted.wnobs
        return criteria.pseudo_rsquared(kind, self.llf, self.llnull, n)

    @property
    def prsquared(self) -> float:
        """McFadden's pseudo R-squared, ``1 - llf / llnull``."""
        return self.pseudo_rsquared("mcf")

    @property
    def llr(self) -> float:
        """Likelihood ratio statistic against the model with an intercept only."""
        self._refuse_llr("llr")
        return 2.0 * (self._numbers.llf(self.scale) - self.llnull)

    @property
    def llr_pvalue(self) -> float:
        """Chi-square p-value of ``llr``."""
        self._refuse_llr("llr_pvalue")
        return float(stats.chi2.sf(self.llr, self.df_model))

    def _refuse_llr(self, what: str) -> None:
        if self._deep:
            raise NotAvailableError(
                f"{what}: under the null hypothesis the coefficients of a hidden unit are not "
                "identified, so twice the difference of log-likelihoods is not chi-square. Compare "
                "bic."
            )
        if self._estimate.precision.any():
            raise NotAvailableError(
                f"{what}: this fit is penalised, and twice the difference of log-likelihoods is "
                "chi-square for maximum likelihood only. Fit with penalty=None."
            )
