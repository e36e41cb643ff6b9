"""Profile likelihoods of the coefficients of a GLM, and intervals from them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from deepglm.data import as_floats
from deepglm.errors import NotAvailableError, SpecificationError, probability
from deepglm.inference.fitted import Array
from deepglm.inference.profile import Profile
from deepglm.results import contrasts
from deepglm.results.frozen import Frozen
from deepglm.results.restrictions import estimates_more, posed

WIDTH = 2.576
"""Standard errors to each side that a profile covers by default."""


class Profiles(Frozen):
    """Members of a result that profile the likelihood."""

    def profile(self, name: str, values: Any = None) -> pd.DataFrame:
        """Profile the likelihood of a coefficient of a GLM, as R's ``profile``.

        Parameters
        ----------
        name
            A coefficient.
        values
            Values at which it is held while the others are fitted again; by default nineteen up to
            2.576 standard errors from the estimate.

        Returns
        -------
        DataFrame
            ``value`` and ``signed_root``: the root of the rise in deviance over the dispersion,
            with the sign of the difference from the estimate. It is a straight line where the
            likelihood is that of a normal mean.

        Examples
        --------
        >>> import deepglm as dg
        >>> trees = dg.datasets.load("trees")
        >>> fit = dg.DeepGLM("Volume ~ Girth", trees, family=dg.Gamma(), hidden=()).fit()
        >>> fit.profile("Girth", [fit.params["Girth"]]).signed_root.tolist()
        [0.0]
        """
        one = self._profile_of(name)
        if values is None:
            steps = np.linspace(-WIDTH, WIDTH, 19)
            values = one.estimate + steps * float(self.bse[name])
        points = np.atleast_1d(as_floats(values, "values"))
        if not np.isfinite(points).all():
            raise SpecificationError("values has entries that are not finite; give numbers.")
        return pd.DataFrame({"value": points, "signed_root": one.signed_roots(points)})

    def _profile_intervals(self, alpha: float) -> pd.DataFrame:
        """Intervals whose ends have the profile deviance of the level."""
        probability("alpha", alpha)
        self._check_profiled("conf_int(method='profile')")
        if not self._request.trusts_the_model:
            raise NotAvailableError(
                "conf_int(method='profile'): a profile likelihood is not robust, and this fit has "
                f"cov_type={self._request.name!r}. conf_int() gives Wald's intervals."
            )
        quantile = contrasts.quantile(alpha, self._df)
        frame = pd.DataFrame({0: np.nan, 1: np.nan}, index=self._model.exog_names)
        for name in frame.index[: self._model.predictor.size]:
            if not np.isfinite(self.bse[name]):
                continue
            one, step = self._profile_of(name), float(self.bse[name])
            frame.loc[name] = [one.limit(-quantile, step), one.limit(quantile, step)]
        return frame

    def _profile_of(self, name: str) -> Profile:
        self._check_profiled("profile")
        k = self._model.predictor.size
        used = ~self._estimate.aliased[:k]
        names = [one for one, use in zip(self._model.exog_names[:k], used, strict=True) if use]
        if name not in names:
            raise SpecificationError(
                f"{name!r} is not a coefficient that was estimated; those are "
                f"{', '.join(repr(one) for one in names)}."
            )
        scale = None if self._estimate.scale_kind == "fixed" else self.scale
        X: Array = np.ascontiguousarray(self._model.exog.T[used])
        params = self._estimate.params[:k][used]
        return Profile(posed(self), X, names.index(name), params, scale)

    def _check_profiled(self, what: str) -> None:
        if self._deep:
            raise NotAvailableError(
                f"{what}: for models without hidden layers, whose likelihood has one maximum. "
                "bootstrap() gives errors of effects of a network."
            )
        family = self._numbers.full
        if family.k_eta > 1 or family.cut_labels:
            raise NotAvailableError(
                f"{what}: for families of one linear predictor without cut-points, which "
                f"{family.name} is not. conf_int() gives Wald's."
            )
        if estimates_more(family):
            raise NotAvailableError(
                f"{what}: the {family.name} family estimates its power as well, and deviances of "
                "several powers cannot be compared. Give it one, as in Tweedie(var_power=1.5)."
            )
        self._check_unpenalised(what)
