"""Tests of what a model may have missed: curvature, interactions, units, the link."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from statsmodels.stats.contrast import ContrastResults

from deepglm import links
from deepglm.errors import NotAvailableError, SpecificationError, whole_number
from deepglm.families.multinomial import MultinomialFamily
from deepglm.inference.lagrange import projected
from deepglm.inference.likelihood_ratio import bootstrap_ratio, first_unit, one_unit_more
from deepglm.inference.nonlinearity import COMPONENTS, Joint, Missed, Scaled, room, scaled
from deepglm.results import contrasts
from deepglm.results.restrictions import (
    DETERMINED,
    Restriction,
    Tested,
    Variance,
    modes,
    objective_scale,
    posed,
)


class Misfit(Tested):
    """Members of a result that look for what the model does not hold."""

    def nonlinearity_test(
        self,
        test: str = "lm",
        *,
        cov_type: str | None = None,
        cov_kwds: Any = None,
        adjust: str = "holm",
        bootstrap: int = 199,
        seed: int = 0,
    ) -> pd.DataFrame:
        """Test whether an ordinary GLM has missed curvature or interactions: "a hidden layer?".

        Two score tests: all monomials of the second and third degree of the columns, and the six
        leading principal components of 200 phantom hidden units. No network is fitted.

        Parameters
        ----------
        test
            "lm", these two; or "lr_boot", the likelihood ratio against a network of one tanh unit
            under the weak prior, with its distribution from responses simulated from the GLM.
        cov_type, cov_kwds
            As in :meth:`input_tests`.
        adjust
            Adjusts the two p-values for their number (``pvalue_adjusted``).
        bootstrap
            Simulations of "lr_boot".
        seed
            Seeds the phantom units, or the simulations; the same seed gives the same numbers.

        Returns
        -------
        DataFrame
            Rows ``cubic`` and ``phantom units``; columns ``statistic``, ``df``, ``pvalue``,
            ``pvalue_adjusted``.

        Notes
        -----
        Candidates are projected on what the GLM does not hold; more than 30 directions, or more
        than one for every ten observations, are reduced to so many principal components. Beyond
        500 monomials those of the third degree are left out, cubes last. Neither test dominates the
        other, therefore both.

        Phantom units are drawn in the columns of the design: with another coding of a factor, or
        ``-x`` in place of ``x``, they are other units, as with another seed. The same holds for
        monomials once they are reduced or left out; before, their test does not depend on it.

        References
        ----------
        Terasvirta, Lin and Granger (1993); Lee, White and Granger (1993).

        Examples
        --------
        >>> import deepglm as dg
        >>> trees = dg.datasets.load("trees")
        >>> fit = dg.DeepGLM("Volume ~ Girth + Height", trees, hidden=()).fit()
        >>> bool(fit.nonlinearity_test().pvalue_adjusted.min() < 0.001)
        True
        """
        if self._deep:
            raise NotAvailableError(
                "nonlinearity_test is for a model without hidden layers. unit_test() asks whether "
                "this network needs one more unit."
            )
        self._refuse_uncertified("nonlinearity_test")
        intercept = self._model._intercept
        columns = [j for j in range(self._model.predictor.k_glm) if j != intercept]
        if self._is_bootstrap(test, cov_type, "nonlinearity_test"):
            if not columns:
                raise NotAvailableError(
                    "nonlinearity_test(test='lr_boot'): this GLM has no inputs, and a hidden unit "
                    "needs one."
                )
            return self._ratio_frame(None, bootstrap, seed)
        chosen = [scaled(self._numbers.fitted, [columns])]
        return self._missed(chosen, "tanh", (cov_type, cov_kwds), adjust, seed)

    def _missed_beside(
        self, larger: Any, covariance: tuple[str | None, Any], seed: int
    ) -> pd.DataFrame:
        """The same for what a network can do that nests this GLM: its columns and its inputs."""
        self._refuse_uncertified("anova")
        fitted = larger._numbers.fitted
        counts = [len(X) for X in fitted.rows.designs]
        linear = scaled(fitted, [range(k) for k in counts])
        chosen = [
            scaled(fitted, [range(k if s == t else 0) for s, k in enumerate(counts)])
            for t in range(1, len(counts))
        ]
        return self._missed(chosen, "tanh", covariance, "holm", seed, linear)

    def unit_test(
        self,
        test: str = "lm",
        *,
        cov_type: str | None = None,
        cov_kwds: Any = None,
        adjust: str = "holm",
        bootstrap: int = 199,
        seed: int = 0,
    ) -> pd.DataFrame:
        """Test whether a network needs one more hidden unit.

        The two score tests of :meth:`nonlinearity_test`, beside what the network holds already:
        under the null hypothesis the coefficients of a further unit are not identified, so that
        twice the difference of log-likelihoods is not chi-square, and these tests are.

        Parameters
        ----------
        test, cov_type, cov_kwds, adjust, bootstrap, seed
            As in :meth:`nonlinearity_test`. "lr_boot" compares with one unit more, for one deep
            term of one hidden layer; both models are fitted from the optima of this fit and from
            fresh starts, to the data and to every simulated response alike.

        Returns
        -------
        DataFrame
            As :meth:`nonlinearity_test`; of several deep terms candidates are made within each.
        """
        if not self._deep:
            raise NotAvailableError(
                "unit_test is for a network. nonlinearity_test() asks whether this GLM needs a "
                "hidden layer."
            )
        self._refuse_uncertified("unit_test")
        if self._is_bootstrap(test, cov_type, "unit_test"):
            return self._ratio_frame(0, bootstrap, seed)
        networks = self._model.predictor.networks
        empty: list[list[int]] = [[] for _ in range(len(networks) + 1)]
        chosen = []
        for t, network in enumerate(networks):
            one = list(empty)
            one[t + 1] = list(range(network.n_inputs))
            chosen.append(scaled(self._numbers.fitted, one))
        link = networks[0].links[0]
        name = link.name if not link.across and link.domain[0] == -np.inf else "tanh"
        return self._missed(chosen, name, (cov_type, cov_kwds), adjust, seed)

    def _ratio_frame(self, term: int | None, size: int, seed: int) -> pd.DataFrame:
        """The bootstrap of the likelihood ratio of one more unit, as a table."""
        whole_number("bootstrap", size, 19, " Fewer simulations cannot give a p-value of 0.05.")
        whole_number("seed", seed, 0)
        networks, responses = self._model.predictor.networks, self._drawn_responses()
        if term is None:
            intercept, X = self._model._intercept, self._numbers.fitted.rows.designs[0]
            aliased = self._estimate.aliased
            columns = [j for j in range(len(X)) if j != intercept and not aliased[j]]
            models = first_unit(posed(self), columns, links.get("tanh"))
        else:
            if len(networks) > 1 or len(networks[0].units) > 1 or networks[0].links[0].group:
                raise NotAvailableError(
                    "test='lr_boot' is for one deep term of one hidden layer of units without "
                    "scale symmetry, such as tanh. Use test='lm'."
                )
            models = one_unit_more(posed(self), term)
        found = bootstrap_ratio(models, objective_scale(self), modes(self), responses, size, seed)
        frame = pd.DataFrame(
            {"statistic": [found.statistic], "df": [np.nan], "pvalue": [found.pvalue]},
            index=["likelihood ratio"],
        )
        frame["pvalue_adjusted"] = frame.pvalue
        frame.attrs.update(test="lr_boot", simulations=size, failed=found.failed)
        return frame

    def _drawn_responses(self) -> Any:
        """Draws responses for "lr_boot", or says why none can be drawn."""
        try:
            return self._responses()
        except NotAvailableError as error:
            counts = self._numbers.fitted.rows.freq
            why = f"those of the {self._numbers.fitted.given.name} family are not drawn here"
            if not np.isin(counts, (0.0, 1.0)).all():
                why = "a row with a frequency weight stands for several; repeat the rows instead"
            raise NotAvailableError(
                f"test='lr_boot' draws responses from the fitted model, and {why}. test='lm' needs "
                "no draws."
            ) from error

    def _is_bootstrap(self, test: str, cov_type: str | None, what: str) -> bool:
        if test not in ("lm", "lr_boot"):
            raise SpecificationError(
                f"test={test!r} is not known; accepted are 'lm' and 'lr_boot'."
            )
        if test == "lm":
            return False
        simulates = "test='lr_boot' simulates from the fitted distribution, so it"
        if cov_type is not None:
            raise SpecificationError(f"{simulates} takes no cov_type; test='lm' does.")
        if not self._request.trusts_the_model:
            raise NotAvailableError(
                f"{what}: {simulates} is not robust, and this fit has "
                f"cov_type={self._request.name!r}. test='lm' is robust as the fit is."
            )
        return True

    def _missed(
        self,
        chosen: Sequence[Scaled],
        link: str,
        covariance: tuple[str | None, Any],
        adjust: str,
        seed: int,
        linear: Scaled | None = None,
    ) -> pd.DataFrame:
        """Cubic test and phantom units, within groups of columns; linear terms beside both."""
        whole_number("seed", seed, 0)
        variance, fitted = Variance(self, *covariance), self._numbers.fitted
        candidates = Missed(chosen, links.get(link), seed, linear)
        found = projected(fitted, None, candidates if len(candidates) else None, self._known_scale)
        most, (middle, end) = room(found), candidates.ends
        cubes = found.numbers(0, middle)
        units = np.concatenate((found.numbers(0, candidates.first), found.numbers(middle, end)))
        tests = {
            "cubic": variance.test(found, cubes, most if len(cubes) > most else None),
            "phantom units": variance.test(found, units, min(COMPONENTS, most)),
        }
        return _as_frame(tests, variance, adjust)

    def link_test(self, *, cov_type: str | None = None, cov_kwds: Any = None) -> ContrastResults:
        """Test the link: powers two and three of the linear predictor as candidates.

        Parameters
        ----------
        cov_type, cov_kwds
            As in :meth:`input_tests`.

        Returns
        -------
        ContrastResults
            statsmodels' class.

        Notes
        -----
        Of a multinomial response, powers of the score of every class, less the mean of the scores
        of all classes: the test does not depend on the reference, nor on the order of the classes.

        References
        ----------
        Pregibon (1980), Applied Statistics 29, 15-24; Ramsey (1969).
        """
        self._refuse_uncertified("link_test")
        variance, fitted = Variance(self, cov_type, cov_kwds), self._numbers.fitted
        share = fitted.rows.freq / fitted.rows.freq.sum()
        eta = fitted.etas
        if isinstance(fitted.family, MultinomialFamily):
            eta = fitted.family.basis @ eta  # of all classes, adding up to zero
        eta = eta - (eta @ share)[:, None]
        sd = np.sqrt((eta * eta) @ share)
        eta = eta / np.where(sd > 0, sd, 1.0)[:, None]
        powers = np.concatenate((eta**2, eta**3))
        found = projected(fitted, None, lambda rows: powers[:, rows], self._known_scale)
        return contrasts.as_contrast(variance.test(found, None))

    def interaction_test(
        self,
        a: str,
        b: str,
        *,
        cov_type: str | None = None,
        cov_kwds: Any = None,
        adjust: str = "holm",
        seed: int = 0,
    ) -> pd.DataFrame:
        """Test whether two inputs interact, from a fit in which they add up.

        Parameters
        ----------
        a, b
            Inputs that are together in no deep term and in no column.
        cov_type, cov_kwds, adjust, seed
            As in :meth:`nonlinearity_test`.

        Returns
        -------
        DataFrame
            Rows ``products`` (of the columns of the one with those of the other, and with their
            squares) and ``phantom units`` (three principal components of 200 units of both); the
            columns of :meth:`nonlinearity_test`.

        Notes
        -----
        The null hypothesis is this model. Where the effect of ``a`` or ``b`` alone is not one that
        it can take, as a curve in a GLM of straight lines, that may be found as well; write the
        additive model with ``deep(a, ...) + deep(b, ...)``.

        Examples
        --------
        >>> import deepglm as dg
        >>> trees = dg.datasets.load("trees")
        >>> fit = dg.DeepGLM("np.log(Volume) ~ np.log(Girth) + np.log(Height)", trees, hidden=())
        >>> fit.fit().interaction_test("Girth", "Height").df.to_dict()
        {'products': 2, 'phantom units': 2}
        """
        self._refuse_uncertified("interaction_test")
        whole_number("seed", seed, 0)
        a, b = self._named_input(a), self._named_input(b)
        inputs = self._model._data.inputs
        if a == b:
            raise SpecificationError(f"{a!r} is given twice; name two inputs.")
        for name in (a, b):
            if not Restriction.of_input(self, name).lost:
                raise NotAvailableError(
                    f"interaction_test: {name!r} has no products of its own, as {DETERMINED}. "
                    "Leave one of them out of the formula."
                )
        pairs = zip(inputs[a].columns, inputs[b].columns, strict=True)
        for source, (first, second) in enumerate(pairs):
            if source and first and second or set(first) & set(second):
                raise NotAvailableError(
                    f"{a!r} and {b!r} interact in this model already, so that it is not the null "
                    f"hypothesis. Fit the additive one, as in 'y ~ deep({a}, units=(2,)) + "
                    f"deep({b}, units=(2,))', and test there."
                )
        variance, fitted = Variance(self, cov_type, cov_kwds), self._numbers.fitted
        one, two = (scaled(fitted, self._columns_of(name)[0]) for name in (a, b))
        candidates = Joint(one, two, links.get("tanh"), seed)
        found = projected(fitted, None, candidates, self._known_scale)
        most, (middle, end) = room(found), candidates.ends
        products = found.numbers(0, middle)
        tests = {
            "products": variance.test(found, products, most if len(products) > most else None),
            "phantom units": variance.test(
                found, found.numbers(middle, end), min(COMPONENTS // 2, most)
            ),
        }
        return _as_frame(tests, variance, adjust)


def _as_frame(tests: dict[str, Any], variance: Variance, adjust: str) -> pd.DataFrame:
    frame = pd.DataFrame(
        [[test.statistic, test.df, test.pvalue] for test in tests.values()],
        index=list(tests),
        columns=["statistic", "df", "pvalue"],
    )
    frame["pvalue_adjusted"] = contrasts.adjusted(frame.pvalue, adjust)
    frame.attrs["test"] = "F" if variance.use_f else "chi2"
    frame.attrs["cov_type"] = variance.name
    return frame
