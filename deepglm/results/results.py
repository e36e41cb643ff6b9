"""What a fit returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deepglm.errors import NotAvailableError
from deepglm.results import summary as tables
from deepglm.results.diagnostics import Diagnostics
from deepglm.results.effects import Effects
from deepglm.results.estimate import Estimate
from deepglm.results.frozen import check_covariance
from deepglm.results.hypotheses import Hypotheses
from deepglm.results.intervals import Intervals
from deepglm.results.linear_restrictions import LinearRestrictions

_LATER_FILES = (
    "files of fitted models come in a later version: a format without pickle and without the data. "
    "Keep params (they can be passed to fit(start_params=) and to model.predict()) until then"
)


class DeepGLMResults(Hypotheses, LinearRestrictions, Diagnostics, Intervals, Effects):
    """A fitted model: estimates, joint standard errors, diagnostics, tables.

    It has the members of statsmodels' ``GLMResults``, with their meaning, for any depth; those that
    cannot exist for a model with hidden layers raise an error that says why. It is never changed:
    no public attribute can be set.

    Parameters
    ----------
    model
        The model that was fitted.
    estimate
        Where the fit ended.
    cov_type, cov_kwds, use_t
        Covariance of the estimates, see :meth:`get_robustcov_results`.

    Notes
    -----
    The covariance is joint over all layers: ``scale * (F + scale * S)^-1``, with the Fisher
    information ``F`` of all estimated coefficients at dispersion 1 and the precision ``S`` of the
    penalty. Robust covariances use the observed information instead, as statsmodels' GLM.

    Examples
    --------
    >>> import deepglm as dg
    >>> trees = dg.datasets.load("trees")
    >>> fit = dg.DeepGLM("Volume ~ Girth", trees, family=dg.Gamma(), hidden=()).fit()
    >>> fit.converged, fit.df_resid
    (True, 29.0)
    """

    def __init__(
        self,
        model: Any,
        estimate: Estimate,
        cov_type: str = "nonrobust",
        cov_kwds: Mapping[str, Any] | None = None,
        use_t: bool | None = None,
    ) -> None:
        request = check_covariance(model, cov_type, cov_kwds)
        super().__init__(model, estimate, request, bool(use_t))

    def get_robustcov_results(
        self, cov_type: str = "HC1", use_t: bool | None = None, **cov_kwds: Any
    ) -> DeepGLMResults:
        """Return the same fit with another covariance; this result is not changed.

        Parameters
        ----------
        cov_type
            "nonrobust", "observed" (by the observed information), "frequentist" (without an
            allowance for the bias of a penalty), "bootstrap" (of the refits that are there),
            "HC0", "HC1" (times n / (n - edf)), "HC2", "HC3" (by leverage; statsmodels'
            GLM gives HC0 under all four names), "HAC", "cluster", "hac-panel", "hac-groupsum".
        use_t
            Whether tests use t and F; by default as in this result.
        cov_kwds
            ``maxlags``, ``kernel``, ``use_correction``, ``groups`` (an array, or two columns for
            two ways), ``time``, ``df_correction``, ``scaling_factor``, with statsmodels' meaning. A
            Series of groups or times with an index is aligned with the rows kept.
        """
        if str(cov_type).lower() == "bootstrap":
            refits: DeepGLMResults = self._by_refits()
            return refits
        other = DeepGLMResults(
            self._model,
            self._estimate,
            cov_type,
            cov_kwds,
            self.use_t if use_t is None else use_t,
        )
        other._numbers = self._numbers
        other._draws, other._inference = self._draws, self._inference
        same = other._request.same_as(self._request)
        other._beside = self._beside if same else self._beside.without_tests()
        return other

    # -- reports ----------------------------------------------------------------------------

    def summary(
        self,
        yname: str | None = None,
        xname: list[str] | None = None,
        title: str | None = None,
        alpha: float = 0.05,
    ) -> Any:
        """Tables of the fit, as text, HTML, LaTeX or CSV.

        Parameters
        ----------
        yname, xname
            Names for the response and the coefficients.
        title
            Title of the first table.
        alpha
            Level of the confidence intervals.

        Returns
        -------
        statsmodels.iolib.summary.Summary
            With ``as_text``, ``as_html``, ``as_latex``, ``as_csv``; a notebook shows it as HTML.
        """
        return tables.summary(self, yname, xname, title, alpha)

    def summary2(
        self,
        yname: str | None = None,
        xname: list[str] | None = None,
        title: str | None = None,
        alpha: float = 0.05,
        float_format: str = "%.4f",
    ) -> Any:
        """The same facts as data frames in statsmodels' second kind of summary.

        Parameters
        ----------
        yname, xname, title, alpha
            As in :meth:`summary`.
        float_format
            How numbers are printed.
        """
        return tables.summary2(self, yname, xname, title, alpha, float_format)

    def __str__(self) -> str:
        return str(self.summary())

    def __repr__(self) -> str:
        state = "certified" if self.converged else "not certified"
        return f"<DeepGLMResults of {self._model!r}, {state}>"

    # -- what a result cannot do ------------------------------------------------------------

    def initialize(self, model: Any, params: Any, **kwargs: Any) -> None:
        """Not available: a result is never changed."""
        raise NotAvailableError(
            "initialize: a result is never changed. Fit the model again; model.fit() returns a new "
            "result."
        )

    def remove_data(self) -> None:
        """Not available: a result is never changed."""
        raise NotAvailableError(
            "remove_data: it would change a result that may be in use elsewhere. " + _as_later()
        )

    def save(self, fname: Any, remove_data: bool = True) -> None:
        """Not available yet: files come in a later version, without pickle and without data."""
        raise NotAvailableError(f"save: {_LATER_FILES}.")

    @classmethod
    def load(cls, fname: Any) -> DeepGLMResults:
        """Not available yet: files come in a later version, without pickle and without data."""
        raise NotAvailableError(f"load: {_LATER_FILES}.")


def _as_later() -> str:
    return _LATER_FILES[0].upper() + _LATER_FILES[1:] + "."
