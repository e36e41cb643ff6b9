"""Checks of the distribution, of calibration and of the delta method."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from deepglm.errors import NotAvailableError, SpecificationError, probability, whole_number
from deepglm.inference import checks, residuals
from deepglm.inference.checks import Counts, Events
from deepglm.inference.fitted import Array
from deepglm.inference.probabilities import Jumps, jumps, pit_histogram, whole
from deepglm.inference.uncertainty import Functional
from deepglm.results.calibration import (
    NEW_ROWS,
    SAME_ROWS,
    Calibration,
    calibrated,
    check_frame,
    shares_of_classes,
)
from deepglm.results.margins import effect_functional
from deepglm.results.rowwise import RowWise

__all__ = ["Checks"]

_VERDICT = 0.05


class Checks(RowWise):
    """Members of a result that check what it assumes."""

    @cached_property
    def _jumps(self) -> Jumps:
        """Distribution functions at the responses."""
        return jumps(self._numbers.fitted, self._model.n_trials, self.scale)

    # -- variance ---------------------------------------------------------------------------

    def dispersion_test(self) -> pd.DataFrame:
        """Tests of more (or less) variance than counts of the family have.

        Of Poisson counts: Dean and Lawless's score test, and Cameron and Trivedi's regression tests
        against a variance proportional to the mean and one that grows with its square. Of binomial
        counts with several trials: Dean's. Of all: Pearson's chi-square, which needs means that are
        not small. Squared residuals are corrected for leverage, so that a network that follows its
        data does not hide a variance that is too large.

        Returns
        -------
        DataFrame
            ``statistic``, ``df`` (NaN for a normal statistic), two-sided ``pvalue``, and a
            ``conclusion``. A positive statistic says more variance.

        Examples
        --------
        >>> import deepglm as dg
        >>> yarn = dg.datasets.load("warpbreaks")
        >>> fit = dg.DeepGLM("breaks ~ wool + tension", yarn, dg.Poisson(), hidden=()).fit()
        >>> fit.dispersion_test()["conclusion"].iloc[0]
        'more variance than Poisson'
        """
        fitted, found = self._numbers.fitted, {}
        name = fitted.given.name
        if self._numbers.fitted.family.scale is None or not hasattr(fitted.given, "mean"):
            raise NotAvailableError(
                f"dispersion_test: the variance of a {name} response is estimated or not a "
                "function of the mean, so there is nothing to test. heteroscedasticity_test() asks "
                "whether it depends on the inputs."
            )
        if name == "Poisson":
            counts = self._counts
            found["Dean-Lawless"] = checks.dean_lawless(counts)
            found["Cameron-Trivedi mu"] = checks.cameron_trivedi(counts, 1)
            found["Cameron-Trivedi mu^2"] = checks.cameron_trivedi(counts, 2)
        elif name == "Binomial":
            weight = fitted.rows.weight
            if not (weight > 1.0).any():
                raise NotAvailableError(
                    "dispersion_test: a single trial has the variance p(1 - p) whatever is left "
                    "out, so binary rows say nothing about dispersion. calibration() checks them."
                )
            found["Dean"] = checks.dean_binomial(self._counts, whole(weight, fitted))
        found["Pearson"] = checks.pearson(self.pearson_chi2, self.df_resid)
        frame = check_frame(found)
        center = frame["df"].fillna(0.0)
        frame["conclusion"] = [
            _conclude(p, f"{'more' if more else 'less'} variance than {name}")
            for p, more in zip(frame["pvalue"], frame["statistic"] > center, strict=True)
        ]
        return frame

    @property
    def _counts(self) -> Counts:
        """Counts with their means; a weight stands for exposure, or for trials."""
        fitted = self._numbers.fitted
        rows, freq = fitted.rows, fitted.rows.freq
        y = whole(rows.y * rows.weight, fitted)
        kept = np.flatnonzero((freq > 0.0) & (rows.weight > 0.0))
        h = self._numbers.leverage(False)[kept] / freq[kept]
        return Counts(y[kept], (fitted.mu * rows.weight)[kept], h, freq[kept])

    def zero_inflation_test(self) -> pd.DataFrame:
        """Tests of more zeros (or fewer) than the fitted distribution of counts has.

        "excess" compares their number with the one that is expected; "share" is the score test of a
        common share of further zeros, which a single row of a large mean deprives of its power.
        Variances allow for all that was estimated, hidden layers and an alpha among it.

        Returns
        -------
        DataFrame
            As :meth:`dispersion_test`. A positive statistic says more zeros.

        References
        ----------
        He, Zhang, Ye and Tang (2019), Statistical Methods in Medical Research 28, 1157-1169; van
        den Broek (1995), Biometrics 51, 738-743.
        """
        fitted, numbers = self._numbers.fitted, self._numbers
        name = fitted.given.name
        several = name == "Binomial" and bool((fitted.rows.weight > 1.0).any())
        if name not in ("Poisson", "NegativeBinomial") and not several:
            raise NotAvailableError(
                f"zero_inflation_test is for counts: Poisson, NegativeBinomial or Binomial with "
                f"several trials. This response is {name}."
            )
        if numbers.withheld or numbers.normalized is None:
            raise NotAvailableError(f"zero_inflation_test: {numbers.withheld}.")
        zeros = checks.Zeros(fitted, numbers.normalized, numbers.expected)
        frame = check_frame({"excess": zeros.excess(), "share": zeros.modified()})
        counted = f"{zeros.seen:g} zeros, {zeros.expected:.1f} expected"
        frame["conclusion"] = [
            f"{_conclude(p, 'more zeros' if z > 0.0 else 'fewer zeros')}: {counted}"
            for z, p in zip(frame["statistic"], frame["pvalue"], strict=True)
        ]
        return frame

    def heteroscedasticity_test(self) -> pd.DataFrame:
        """Koenker's version of the Breusch-Pagan test for a Gaussian response.

        Squared residuals are regressed on the fitted mean, and on all columns of the designs. With
        hidden layers they are divided by one minus the leverage first.

        Returns
        -------
        DataFrame
            As :meth:`dispersion_test`, with chi-square statistics.

        References
        ----------
        Koenker (1981), Journal of Econometrics 17, 107-112.
        """
        fitted = self._numbers.fitted
        if fitted.given.name != "Gaussian":
            raise NotAvailableError(
                "heteroscedasticity_test is for a Gaussian response, whose variance is constant; "
                f"this one is {fitted.given.name}. dispersion_test() is for counts."
            )
        rows = fitted.rows
        kept = np.flatnonzero((rows.freq > 0.0) & (rows.weight > 0.0))
        squares, freq = residuals.pearson(fitted)[kept] ** 2, rows.freq[kept]
        if self._deep:
            squares = squares / (1.0 - self._numbers.leverage(False)[kept] / freq)
        columns = np.concatenate(rows.designs)[:, kept]
        found = {
            "the mean": checks.koenker(squares, fitted.mu[None, kept], freq),
            "the columns": checks.koenker(squares, columns, freq),
        }
        frame = check_frame(found)
        frame["conclusion"] = [
            _conclude(p, f"variance changing with {what}") for what, p in frame["pvalue"].items()
        ]
        return frame

    # -- distribution -----------------------------------------------------------------------

    def pit_histogram(self, bins: int = 10, alpha: float = 0.05) -> pd.DataFrame:
        """Histogram of fitted distribution functions at the responses: flat if these are right.

        A hump says that fitted distributions are too wide, a U that they are too narrow, a slope
        that they are shifted. Jumps of discrete responses are spread evenly, so nothing is random.

        Parameters
        ----------
        bins
            Bars of equal width.
        alpha
            One minus the probability of the band.

        Returns
        -------
        DataFrame
            ``left``, ``right``, ``height`` (1 on average), and ``lower`` and ``upper``, between
            which a bar lies with that probability if the distributions are right, known and
            continuous. Those of a fit are flatter.

        References
        ----------
        Czado, Gneiting and Held (2009), Biometrics 65, 1254-1261.

        Examples
        --------
        >>> import deepglm as dg
        >>> yarn = dg.datasets.load("warpbreaks")
        >>> fit = dg.DeepGLM("breaks ~ wool + tension", yarn, dg.Poisson(), hidden=()).fit()
        >>> fit.pit_histogram(4)["height"].round(2).tolist()
        [1.65, 0.47, 0.47, 1.41]
        """
        whole_number("bins", bins, 2)
        probability("alpha", alpha)
        n = self._numbers.fitted.wnobs
        height = pit_histogram(self._jumps, self._numbers.fitted.rows.freq, bins)
        edges = np.linspace(0.0, 1.0, bins + 1)
        lower, upper = stats.binom(round(n), 1.0 / bins).interval(1.0 - alpha)
        return pd.DataFrame(
            {
                "left": edges[:-1],
                "right": edges[1:],
                "height": height,
                "lower": lower * bins / n,
                "upper": upper * bins / n,
            }
        )

    # -- calibration ------------------------------------------------------------------------

    def calibration(
        self,
        exog: Any = None,
        endog: Any = None,
        *,
        exposure: Any = None,
        offset: Any = None,
        bins: int = 10,
        alpha: float = 0.05,
    ) -> Calibration:
        """Compare predicted probabilities with what happened.

        Parameters
        ----------
        exog, exposure, offset
            Rows as for :meth:`predict`; by default the rows of the fit, which flatters.
        endog
            Their responses: labels, numbers of 0 and 1, or a column of counts per class. By default
            the column of `exog` with the name of the response.
        bins
            Groups of the curve.
        alpha
            One minus the coverage of its intervals.

        Returns
        -------
        Calibration
            Frames ``coefficients``, ``tests``, ``curve`` and ``errors``. Of several classes each is
            an event of its own; of ordered ones each event is a response above a level.

        References
        ----------
        Cox (1958), Biometrika 45, 562-565; Van Calster et al. (2016), Journal of Clinical
        Epidemiology 74, 167-176.

        Examples
        --------
        >>> import deepglm as dg
        >>> girls = dg.datasets.load("menarche").eval("Not = Total - Menarche")
        >>> fit = dg.DeepGLM("Menarche + Not ~ Age", girls, dg.Binomial(), hidden=()).fit()
        >>> fit.calibration().coefficients["slope"].round(3).tolist()
        [1.0]
        """
        reading = self._numbers.fitted.family.reading
        if reading not in ("proportion", "classes", "ordered"):
            raise NotAvailableError(
                "calibration is about probabilities of events, and this response is "
                f"{self._numbers.fitted.family.name}. pit_histogram() checks its distribution."
            )
        whole_number("bins", bins, 2)
        probability("alpha", alpha)
        if exog is None:
            return calibrated(self._events(*self._own_classes), bins, alpha, SAME_ROWS)
        p = self.predict(exog, exposure=exposure, offset=offset)
        of_classes = p.to_numpy().T if p.ndim == 2 else np.stack([1.0 - p, p])
        values = self._response_in(exog) if endog is None else endog
        shares, trials = shares_of_classes(values, self._model._data.levels, len(p))
        return calibrated(self._events(of_classes, shares, trials), bins, alpha, NEW_ROWS)

    def _response_in(self, exog: Any) -> Any:
        name = self._model.endog_names
        if isinstance(name, str) and hasattr(exog, "columns") and name in exog.columns:
            return exog[name]
        raise SpecificationError(
            f"the rows have no column {name!r} with their responses. Give them as endog=."
        )

    @property
    def _own_classes(self) -> tuple[Array, Array, Array]:
        """(classes, n) probabilities and shares, and (n,) trials, of the rows of the fit."""
        fitted = self._numbers.fitted
        rows, p, shares = fitted.rows, self.fittedvalues.to_numpy().T, fitted.rows.y
        if fitted.family.reading == "ordered":
            shares = (np.arange(len(p))[:, None] == rows.y).astype(float)
        elif fitted.family.reading == "proportion":
            p, shares = np.stack([1.0 - p, p]), np.stack([1.0 - rows.y, rows.y])
        return p, shares, rows.freq * rows.weight

    def _events(self, p: Array, shares: Array, trials: Array) -> dict[str, Events]:
        """Events by name, on rows without a missing value and with trials."""
        family, levels = self._numbers.fitted.family, self._model._data.levels
        used = (trials > 0.0) & np.isfinite(p).all(axis=0) & np.isfinite(shares).all(axis=0)
        p, shares, trials = p[:, used], shares[:, used], trials[used]
        if family.reading == "ordered":
            above = [(f"above {levels[j]}", slice(j + 1, None)) for j in range(len(p) - 1)]
            return {k: Events(shares[w].sum(axis=0), p[w].sum(axis=0), trials) for k, w in above}
        if len(p) == 2:
            name = str(levels[1]) if levels else str(self._model.endog_names)
            return {name: Events(shares[1], p[1], trials)}
        names = family.statistic_labels("prob")
        events = zip(names, shares, p, strict=True)
        return {str(name): Events(y, chance, trials) for name, y, chance in events}

    def pred_table(self, threshold: float = 0.5) -> pd.DataFrame:
        """Rows by observed and predicted class: the one with the largest probability.

        Parameters
        ----------
        threshold
            Of two classes the second is predicted where its probability exceeds this.

        Returns
        -------
        DataFrame
            Observed classes in rows, predicted ones in columns; frequencies and trials count.
        """
        family, levels = self._numbers.fitted.family, self._model._data.levels
        if family.reading not in ("proportion", "classes", "ordered"):
            raise NotAvailableError(
                f"pred_table is for classes, and this response is {family.name}."
            )
        p, shares, trials = self._own_classes
        predicted = (p[1] > threshold).astype(np.intp) if len(p) == 2 else p.argmax(axis=0)
        chosen = predicted[:, None] == np.arange(len(p))
        names = list(levels) or list(family.statistic_labels("prob")) or [0, 1]
        return pd.DataFrame(
            (shares * trials) @ chosen,
            index=pd.Index(names, name="observed"),
            columns=pd.Index(names, name="predicted"),
        )

    # -- the delta method -------------------------------------------------------------------

    def curvature_check(
        self,
        effects: Functional | None = None,
        names: Any = None,
        *,
        draws: int = 1000,
        seed: int = 0,
    ) -> pd.DataFrame:
        """Whether functions of the parameters are straight enough for the delta method.

        Parameters are drawn from the normal distribution around the estimate, and the spread of the
        functions is compared with their standard errors.

        Parameters
        ----------
        effects
            The functions; by default the average effects of all inputs.
        names
            What they are called; by default their numbers, or the inputs.
        draws, seed
            How many draws, and their seed.

        Returns
        -------
        DataFrame
            ``value``, ``delta_se``, ``simulated_sd``, their ``ratio``, the ``shift`` of the median
            in standard errors, and ``conclusion``. The draws are no interval: in weights of
            networks they are far too wide.

        References
        ----------
        Ross (1987), The American Statistician 41, 12-17.
        """
        numbers = self._numbers
        if numbers.withheld or numbers.normalized is None:
            raise NotAvailableError(f"curvature_check: {numbers.withheld}.")
        if effects is None:
            names, effects = effect_functional(self)
        cov = numbers.covariance(self._request).cov
        rng = np.random.default_rng(whole_number("seed", seed, 0))
        whole_number("draws", draws, 2)
        found = checks.simulated(numbers.fitted, cov, effects, draws, rng)
        frame = pd.DataFrame(
            {
                "value": found.value,
                "delta_se": found.delta,
                "simulated_sd": found.sd,
                "ratio": found.ratio,
                "shift": found.shift,
            }
        )
        if names is not None:
            frame.index = pd.Index(names)
        frame["conclusion"] = np.where(found.curved, "curved: use the bootstrap", "straight enough")
        return frame


def _conclude(p: float, what: str) -> str:
    """A test in words, at the usual level."""
    if np.isnan(p):
        return "not determined"
    return what if p < _VERDICT else f"no sign of {what}"
