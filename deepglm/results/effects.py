"""Effects of inputs: what moves when a variable of the data does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from deepglm.results.comparisons import Asked, compared
from deepglm.results.curves import Curve, accumulated_effects, partial_dependence
from deepglm.results.estimated import Estimated
from deepglm.results.frozen import Frozen
from deepglm.results.linear import linear_part
from deepglm.results.margins import Margins
from deepglm.results.places import input_named
from deepglm.results.solutions import mode_effects

__all__ = ["Effects"]


class Effects(Frozen):
    """Members of a result that are about inputs, the variables that columns are made from."""

    def get_margeff(
        self,
        at: str = "overall",
        method: str = "dydx",
        atexog: Any = None,
        dummy: bool | None = None,
        count: bool = False,
        *,
        x: str = "random",
        inputs: Any = None,
    ) -> Any:
        """Marginal effects of the inputs on the mean of the response.

        An input is a variable of the data: all columns made from it (powers, splines, dummies,
        interactions) move together. The effect of a number is a derivative; that of a factor the
        difference between each of its levels and the reference, everybody at the one against
        everybody at the other. Of a response of classes they are effects on the probability of
        each, and add up to zero over the classes; of a censored one on its first statistic.

        Parameters
        ----------
        at
            "overall" (average over the rows), "mean", "median", "zero" (one row that stands for
            all) or "all" (every row, without standard errors).
        method
            "dydx", "eyex", "dyex" or "eydx"; e stands for a proportional change.
        atexog
            Values that inputs are set to first, ``{name: value}``; a number of a column may stand
            for the name. For a model from arrays also a matrix of columns.
        dummy, count
            Take numeric inputs of 0 and 1, or of whole numbers, as differences in place of
            derivatives. By default those of 0 and 1 are differences in a model with hidden layers,
            whose derivatives between the two say little, and derivatives without, as in statsmodels
            and R.
        x
            "random": the average in the population that the rows come from, whose standard error
            has a part for the sampling of the rows; "fixed": the average over these rows, as R's
            margins and statsmodels.
        inputs
            Names of the inputs wanted; all by default.

        Returns
        -------
        DiscreteMargins
            statsmodels' class, with ``margeff``, ``margeff_se``, ``conf_int()``, ``summary()``,
            ``summary_frame()``. For classes (inputs, classes) numbers.

        Raises
        ------
        MissingColumnError
            For an input that is not in the model.

        Notes
        -----
        Derivatives by columns are exact; through the user's transforms they are differences of the
        fourth order. Offset and exposure are part of every row's mean, and averages count frequency
        weights. Where standard errors are withheld they are NaN, and the table says why.

        statsmodels moves single columns, ``x`` without ``x**2`` and one dummy of a factor without
        the others, ignores the offset, and takes the rows as fixed. With ``at="mean"`` or
        ``"median"`` the row has the mean or median of every column, also of those of factors, as
        there; with ``"zero"`` every input is zero and a factor at its reference.

        References
        ----------
        Norton, Dowd and Maciejewski (2019), JAMA 321, 1304-1305. White (1982), Econometrica 50,
        1-25, for averages over sampled rows.

        Examples
        --------
        >>> import deepglm as dg
        >>> trees = dg.datasets.load("trees")
        >>> fit = dg.DeepGLM("Volume ~ Girth", trees, family=dg.Gamma(), hidden=()).fit()
        >>> fit.get_margeff(x="fixed").summary_frame().iloc[:, :2].round(2)
               dy/dx  Std. Err.
        Girth   5.36       1.03
        """
        args = (at, method, atexog, dummy, count)
        return Margins(self, args, {"x": x, "inputs": inputs})

    def mode_effects(self) -> pd.DataFrame:
        """Average effects of the inputs at every optimum that fits nearly as well.

        Returns
        -------
        DataFrame
            A row for every optimum within four log-likelihood units of the best, this fit first:
            ``penalized_llf``, ``hits`` (starts that ended there) and the effects, as the average
            over the rows.
        """
        return mode_effects(self)

    def compare(
        self,
        inputs: Any = None,
        low: Any = None,
        high: Any = None,
        *,
        by: Any = "sd",
        kind: str = "difference",
        groups: Any = None,
        per: str | None = None,
        which: str | None = None,
        x: str = "random",
    ) -> Estimated:
        """Compare the average response, everybody at one value of an input against another.

        Every row is given the one value, then the other, the rest as observed, and the averages are
        compared (g-computation, or standardisation).

        Parameters
        ----------
        inputs
            Names of the inputs, all by default; or a mapping of names to pairs of a low and a high
            value, as in ``{"age": (40, 60), "smoke": (0, 1)}``.
        low, high
            Two values or levels of one input. By default every level of a factor against its
            reference, 1 against 0 for a number that is nothing else, and another number at its own
            value against `by` more.
        by
            How far numbers move: "sd", one standard deviation, or a number.
        kind
            "difference", "ratio" (of means: risk ratios and rate ratios) or "odds ratio" (of
            average probabilities).
        groups
            Averages within groups of rows: the name of an input, or a label for every row. Numbers
            of more than 50 values have to be cut into bands.
        per
            "exposure" divides total effects by the total exposure, for rates.
        which
            A statistic that :meth:`predict` takes; by default the mean, or the probabilities of
            classes.
        x
            "random" for the population that the rows come from, "fixed" for these rows.

        Returns
        -------
        Estimated
            With ``estimate``, ``se``, ``conf_int(alpha)``, ``pvalues``, ``summary_frame(alpha)``
            and ``summary(alpha)``. Standard errors of ratios are those of their logarithms, and
            their intervals exponentiated ones. A note says where a value that was given lies
            outside of the data.

        Notes
        -----
        Elasticities are ``get_margeff(method="eyex")``. A ratio of averages is not an average of
        ratios: under a log link without interactions both are ``exp(coefficient)``.

        References
        ----------
        Robins (1986), Mathematical Modelling 7, 1393-1512. Muller and MacLehose (2014),
        International Journal of Epidemiology 43, 962-970.

        Examples
        --------
        >>> import deepglm as dg
        >>> ships = dg.datasets.load("ships").query("service > 0")
        >>> fit = dg.DeepGLM("incidents ~ C(period)", ships, family=dg.Poisson(),
        ...                  exposure="service", hidden=()).fit()
        >>> fit.compare("period", kind="ratio").summary_frame().iloc[:, 0].round(3)
        period[75 vs 60]    1.859
        Name: ratio, dtype: float64
        """
        return compared(self, inputs, Asked(low, high, by, kind, groups, per, which, x))

    def linear_part(self, *, x: str = "random") -> Estimated:
        """Project the fitted linear predictor on the columns of the GLM with the same terms.

        What of the fit is linear, in the GLM's names and units: least squares of the linear
        predictor, without its offset, on the intercept and all columns. Without hidden layers these
        are the coefficients. With them they are estimable and comparable with those of the GLM,
        which the final layer's own coefficients of terms that enter hidden layers are not: a unit
        with small weights is a linear term too.

        Parameters
        ----------
        x
            "random": the projection in the population that the rows come from, whose standard error
            has a part for the sampling of the rows; "fixed": that of these rows.

        Returns
        -------
        Estimated
            With ``estimate``, ``se``, ``conf_int(alpha)``, ``summary_frame(alpha)``.

        Examples
        --------
        >>> import deepglm as dg
        >>> trees = dg.datasets.load("trees")
        >>> fit = dg.DeepGLM("Volume ~ Girth", trees, family=dg.Gamma(), hidden=()).fit()
        >>> bool(abs(fit.linear_part().estimate - fit.params).max() < 1e-10)
        True
        """
        return linear_part(self, x)

    def partial_dependence(
        self,
        input: str,
        grid: Any = 50,
        *,
        which: str | None = None,
        centred: bool = False,
        alpha: float = 0.05,
        x: str = "random",
    ) -> pd.DataFrame:
        """Average response over the rows, with an input at each of some values.

        Parameters
        ----------
        input
            Name of the input.
        grid
            Number of points between the least and the greatest value, or the points. An input of
            fewer values has a point for each, and a factor one for every level.
        which
            As in :meth:`compare`; "linear" is the linear predictor.
        centred
            Take off the average of the curve over the rows, so that errors are those of its shape.
        alpha
            One minus the probability of the limits.
        x
            As in :meth:`compare`.

        Returns
        -------
        DataFrame
            A row for every point (and outcome): ``value``, ``estimate``, ``se``, ``lower`` and
            ``upper`` (for the point), ``band_lower`` and ``band_upper`` (for the whole curve at
            once), ``beyond`` (share of the rows with more leverage, moved there, than 99 of 100
            rows as they are) and ``extrapolated`` (beyond for most, or outside the data: beyond
            all values of a number, or at a level without rows). Where errors are withheld they are
            NaN, and ``attrs["errors"]`` says why. A point whose mean is not finite, or a level that
            the data do not determine, has none either, and the band is that of the others.

        Notes
        -----
        Limits of means are symmetric on the scale of the link, and those of probabilities of
        classes on that of the logit. The band takes the .95 quantile of the largest standardised
        error of 10,000 curves drawn from the normal distribution of the curve.

        References
        ----------
        Friedman (2001), Annals of Statistics 29, 1189-1232. Ruppert, Wand and Carroll (2003),
        Semiparametric Regression, section 6.5.

        Examples
        --------
        >>> import deepglm as dg
        >>> trees = dg.datasets.load("trees")
        >>> fit = dg.DeepGLM("Volume ~ Girth", trees, family=dg.Gamma(), hidden=()).fit()
        >>> curve = fit.partial_dependence("Girth", [10.0, 15.0])
        >>> curve["estimate"].round(2).tolist()
        [18.59, 30.77]
        """
        return partial_dependence(self, input, Curve(grid, which, centred, alpha, x))

    def accumulated_effects(
        self,
        input: str,
        bins: int = 20,
        *,
        which: str | None = None,
        alpha: float = 0.05,
        x: str = "random",
    ) -> pd.DataFrame:
        """Accumulated local effects of a numeric input: its curve without extrapolation.

        The rows of a short piece of the input's range are moved to its two ends, the rest as
        observed; the average differences are added up over the pieces, and the curve is centred.
        Where inputs are correlated no row is moved to where there are no data, as it is in
        :meth:`partial_dependence`.

        Parameters
        ----------
        input
            Name of a numeric input.
        bins
            Number of pieces, with about as many rows in each.
        which, alpha, x
            As in :meth:`partial_dependence`.

        Returns
        -------
        DataFrame
            As that of :meth:`partial_dependence`, with the ends of the pieces for points.

        References
        ----------
        Apley and Zhu (2020), Journal of the Royal Statistical Society B 82, 1059-1086.

        Examples
        --------
        >>> import deepglm as dg
        >>> trees = dg.datasets.load("trees")
        >>> fit = dg.DeepGLM("Volume ~ Girth + Height", trees, hidden=()).fit()
        >>> curve = fit.accumulated_effects("Girth", 3)
        >>> (curve["estimate"].diff() / curve["value"].diff()).round(4).tolist()[1:]
        [4.7082, 4.7082, 4.7082]
        """
        curve = Curve(bins, which, True, alpha, x)
        return accumulated_effects(self, input, curve)

    def plot_effect(
        self,
        input: str,
        grid: Any = 50,
        *,
        which: str | None = None,
        centred: bool = False,
        alpha: float = 0.05,
        x: str = "random",
        ax: Any = None,
    ) -> Any:
        """Draw the partial dependence on an input with both bands and a rug of the data.

        Values of an input that has six of them or fewer are marked on the curve.

        Parameters
        ----------
        input, grid, which, centred, alpha, x
            As in :meth:`partial_dependence`.
        ax
            Where to draw; by default on a new figure.

        Returns
        -------
        matplotlib.axes.Axes
        """
        from deepglm.plots import curve

        frame = partial_dependence(self, input, Curve(grid, which, centred, alpha, x))
        data = self._model._data
        one = input_named(data, input)
        rug = None if one.is_factor else np.asarray(data.values_of(input))
        return curve(frame, rug, ax)
