"""Marginal effects in statsmodels' class, for inputs and for any depth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from scipy import stats
from statsmodels.discrete.discrete_margins import DiscreteMargins

from deepglm.data import Change, Input
from deepglm.errors import NotAvailableError, SpecificationError, probability
from deepglm.inference.averages import Averages
from deepglm.inference.fitted import Array, Mask
from deepglm.inference.inputs import Levels, Quantity, Slopes
from deepglm.inference.uncertainty import Functional
from deepglm.results.estimated import SET_ASIDE, errors_note, measured
from deepglm.results.places import Ground, check_some, ground_of, input_named, moves_aliased

AT = ("overall", "mean", "median", "zero", "all")
METHODS = ("dydx", "eyex", "dyex", "eydx")
ESTIMANDS = ("random", "fixed")

_NOT_FINITE = (
    "it is not a finite number: the mean, its logarithm or a column is not where it is taken"
)

__all__ = ["ESTIMANDS", "EffectSet", "Margins", "chosen_inputs", "one_of"]


# -- which effects ------------------------------------------------------------------------------


@dataclass
class EffectSet:
    """Effects of inputs as combinations of slopes and of levels of a statistic.

    Parameters
    ----------
    ground
        Where.
    names
        A name for every effect.
    reasons
        Why there is no number, by name.
    """

    ground: Ground
    names: list[str] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)
    references: dict[str, Any] = field(default_factory=dict)
    _slopes: list[tuple[int, tuple[Change, ...]]] = field(default_factory=list)
    _levels: list[tuple[int, float, tuple[Change, ...]]] = field(default_factory=list)

    def slope(self, one: Input, in_proportion: bool) -> None:
        """Add the derivative by a numeric input, or by its logarithm."""
        try:
            changes = self.ground.slopes(one)
        except NotAvailableError as error:
            self.missing(one.name, str(error))
            return
        if in_proportion:
            x = self.ground.of(one.name)
            changes = tuple(change.times(x) for change in changes)
        self._slopes.append((len(self.names), changes))
        self.names.append(one.name)

    def difference(self, name: str, one: Input, high: Any, low: Any, width: float = 1.0) -> None:
        """Add the difference between two values of an input."""
        for value, sign in ((high, 1.0), (low, -1.0)):
            self._levels.append((len(self.names), sign / width, self.ground.at(one, value)))
        self.names.append(name)

    def levels(self, one: Input) -> None:
        """Add the levels of a factor against its reference."""
        if not one.levels:
            k = len(np.unique(np.asarray(self.ground.maker.seen[one.name])))
            self.missing(one.name, f"it has {k} values; compare() two of them instead")
            return
        reference = self.ground.at(one, one.reference)
        self.references[one.name] = one.reference
        for level in one.levels:
            if level != one.reference:
                self._levels.append((len(self.names), 1.0, self.ground.at(one, level)))
                self._levels.append((len(self.names), -1.0, reference))
                self.names.append(f"{one.name}[{level}]")

    def missing(self, name: str, reason: str) -> None:
        """Add an effect that cannot be estimated."""
        self.reasons[name] = reason
        self.names.append(name)

    @cached_property
    def averages(self) -> Averages:
        """Averages of what was added, combined into effects: an input's outcomes together."""
        place = self.ground.place
        distinct: dict[int, int] = {}
        levels: list[tuple[Change, ...]] = []
        for _, _, changes in self._levels:
            if id(changes) not in distinct:
                distinct[id(changes)] = len(levels)
                levels.append(changes)
        C = np.zeros((len(self.names), len(self._slopes) + len(levels)))
        for k, (effect, _) in enumerate(self._slopes):
            C[effect, k] = 1.0
        for effect, factor, changes in self._levels:
            C[effect, len(self._slopes) + distinct[id(changes)]] += factor
        parts: list[Quantity] = []
        if self._slopes:
            parts.append(Slopes(place, [changes for _, changes in self._slopes]))
        if levels:
            parts.append(Levels(place, levels))
        combined = np.asarray(np.kron(C, np.eye(place.outcome.size)), dtype=np.float64)
        return Averages(
            parts, self.ground.share, lambda a: np.asarray(combined @ a), lambda _: combined
        )

    @property
    def some(self) -> bool:
        """Whether there is any number."""
        return bool(self._slopes or self._levels)


def chosen_inputs(results: Any, inputs: Any) -> list[Input]:
    """The inputs of those names, all by default."""
    data = results._model._data
    check_some(data)
    if inputs is None:
        return list(data.inputs.values())
    single = isinstance(inputs, str) or not isinstance(inputs, Iterable)
    names = [inputs] if single else list(inputs)
    if not names:
        raise SpecificationError("inputs is empty: give the names of some, or None for all.")
    return [input_named(data, name) for name in names]


def one_of(value: Any, accepted: Sequence[str], name: str) -> str:
    """One of the accepted words, in lower case.

    Raises
    ------
    SpecificationError
        For any other.
    """
    lowered = str(value).lower()
    if lowered not in accepted:
        raise SpecificationError(
            f"{name}={value!r} is not known; accepted are {', '.join(map(repr, accepted))}."
        )
    return lowered


# -- statsmodels' class -------------------------------------------------------------------------


class _Seen:
    """A result as statsmodels' tables of effects want to see one: names, and columns that vary."""

    def __init__(self, results: Any, names: list[str], outcomes: tuple[Any, ...]) -> None:
        self.model = type("DeepGLM", (), {})()
        # statsmodels has no effects of columns that do not vary: these stand for the inputs
        self.model.exog = np.repeat([[0.0], [1.0]], len(names), axis=1)
        self.model.exog_names = names
        self.model.endog_names = results.model.endog_names
        self.model.J = max(len(outcomes), 1)
        self._names = [f"{results.model.endog_names}={one}" for one in outcomes]

    def _get_endog_name(self, yname: str, _: Any, all: bool = False) -> tuple[str, list[str]]:
        return yname, self._names


class Margins(DiscreteMargins):  # type: ignore[misc,unused-ignore]
    """statsmodels' ``DiscreteMargins``, of inputs; tables and intervals are inherited.

    ``reasons`` says by name why an effect, or every standard error, is NaN.
    """

    def __init__(self, results: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._fit = results
        super().__init__(None, args, kwargs)

    def get_margeff(
        self,
        at: str = "overall",
        method: str = "dydx",
        atexog: Any = None,
        dummy: bool | None = None,
        count: bool = False,
        x: str = "random",
        inputs: Any = None,
    ) -> None:
        """Compute the effects (see ``DeepGLMResults.get_margeff``)."""
        self._reset()
        for kept in ("tvalues", "pvalues", "margeff_se", "margeff_cov"):
            self.__dict__.pop(kept, None)
        proportional = str(method).lower() in ("dyex", "eyex")
        dummy = self._fit._deep and not proportional if dummy is None else dummy
        at, method = one_of(at, AT, "at"), one_of(method, METHODS, "method")
        x = one_of(x, ESTIMANDS, "x")
        if (dummy or count) and method in ("dyex", "eyex"):
            raise SpecificationError(
                f"method={method!r} is a proportional change, which a dummy or a count does not "
                "have; use 'dydx' or 'eydx'."
            )
        self.margeff_options = {"method": method, "at": at, "x": x}
        which = self._fit._numbers.fitted.given.statistics[0]
        chosen = chosen_inputs(self._fit, inputs)
        ground = ground_of(self._fit, which, "ey" in method, at, atexog)
        effects = EffectSet(ground)
        for one in chosen:
            _add(effects, one, method, dummy, count)
        family = self._fit._numbers.fitted.given
        outcomes = family.statistic_labels(which)
        self.results = _Seen(self._fit, effects.names, outcomes)
        self.reasons = dict(effects.reasons)
        self._references = effects.references
        if at == "all":
            self._by_row(effects)
        else:
            self._averaged(effects, population=x == "random" and at == "overall")

    def _by_row(self, effects: EffectSet) -> None:
        S = effects.ground.place.outcome.size
        self.margeff = np.full((effects.ground.place.n, len(effects.names), S), np.nan)
        if effects.some:
            averages, theta = effects.averages, self._fit._numbers.fitted.theta
            with np.errstate(all="ignore"):
                rows = averages.value(averages.rows(theta))
            self.margeff[:] = rows.reshape(len(effects.names), S, -1).transpose(2, 0, 1)
        self.margeff[:, self._unknown(effects)] = np.nan
        if S == 1:
            self.margeff = self.margeff[..., 0]

    def _averaged(self, effects: EffectSet, population: bool) -> None:
        S = effects.ground.place.outcome.size
        shape = (len(effects.names), S)
        values, cov = np.full(shape, np.nan), np.full((shape[0] * S,) * 2, np.nan)
        if effects.some:
            functional = effects.averages.functional(population)
            uncertainty = self._fit._uncertainty
            suspect = np.repeat(self._suspect(effects), S)
            with np.errstate(all="ignore"):  # what is not finite is named below
                found = measured(self._fit, uncertainty, functional, effects.ground.share, suspect)
            values, cov = found.values.reshape(shape), found.cov
            self.reasons["standard errors"] = self._fit._why_not if uncertainty is None else ""
            for k in np.flatnonzero(found.unknown):
                self.reasons[effects.names[k // S]] = SET_ASIDE
            for k in np.flatnonzero(~np.isfinite(found.values) & ~found.unknown):
                self.reasons.setdefault(effects.names[k // S], _NOT_FINITE)
        lost = self._unknown(effects)
        values[lost] = np.nan
        cov[np.isnan(values).ravel()] = np.nan
        cov[:, np.isnan(values).ravel()] = np.nan
        self.margeff_cov = cov
        with np.errstate(invalid="ignore"):
            errors = np.sqrt(np.diag(cov)).reshape(shape)
        self.margeff, self.margeff_se = (values[:, 0], errors[:, 0]) if S == 1 else (values, errors)

    def _suspect(self, effects: EffectSet) -> Mask:
        """(k,) effects of inputs that columns set aside are made from."""
        data = self._fit._model._data
        moved = {n for n, one in data.inputs.items() if moves_aliased(data, one)}
        return np.array([n in moved or n.rpartition("[")[0] in moved for n in effects.names])

    def _unknown(self, effects: EffectSet) -> list[bool]:
        return [name in effects.reasons for name in effects.names]

    def __getattr__(self, name: str) -> Any:
        if name in ("margeff_se", "margeff_cov"):
            self._check_averaged()
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def _check_averaged(self) -> None:
        """Raise for the effects in every row, which have no standard errors."""
        if self.__dict__.get("margeff_options", {}).get("at") == "all":
            raise NotAvailableError(
                "at='all' gives the effect in every row, margeff, and no standard errors; use "
                "at='overall' for their average with one."
            )

    @cached_property
    def tvalues(self) -> Array:
        """Effects over standard errors; NaN for an effect that is zero throughout.

        For a model with hidden layers they are there for ``x="random"`` only.
        """
        self._check_averaged()
        with np.errstate(invalid="ignore", divide="ignore"):
            z = np.where(self.margeff_se > 0.0, self.margeff / self.margeff_se, np.nan)
        return z if self._tested else np.full_like(z, np.nan)

    @cached_property
    def pvalues(self) -> Array:
        """Two-sided p-values that an effect is zero."""
        return np.asarray(2.0 * stats.norm.sf(np.abs(self.tvalues)))

    def conf_int(self, alpha: float = 0.05) -> Any:
        """Confidence intervals of the effects (see statsmodels)."""
        self._check_averaged()
        return super().conf_int(probability("alpha", alpha))

    def summary_frame(self, alpha: float = 0.05) -> Any:
        """Everything as a data frame (see statsmodels)."""
        self._check_averaged()
        return super().summary_frame(alpha)

    @property
    def _tested(self) -> bool:
        options = self.margeff_options
        return not self._fit._deep or (options["x"] == "random" and options["at"] == "overall")

    def summary(self, alpha: float = 0.05) -> Any:
        """Table of the effects, with a note on what they are about and where errors come from."""
        self._check_averaged()
        table = super().summary(alpha)
        table.add_extra_txt(self._notes())
        return table

    def _notes(self) -> list[str]:
        options, uncertainty = self.margeff_options, self._fit._uncertainty
        notes = []
        if options["at"] != "overall":
            notes.append(f"Effects in one row that stands for all: at={options['at']!r}.")
        elif options["x"] == "random":
            notes.append("Averages over the population that the rows come from (x='random').")
        else:
            notes.append("Averages over these rows, taken as fixed (x='fixed').")
        if np.ptp(self._fit.model.n_trials) > 0:
            notes.append("Every row counts once, whatever its trials.")
        notes.append(errors_note(uncertainty, self._fit._why_not))
        if not self._tested:
            notes.append("z and P are shown for at='overall' and x='random' only: hidden layers.")
        if self._references:
            pairs = (f"{name}: {level}" for name, level in self._references.items())
            notes.append(f"Levels are compared with {', '.join(pairs)}.")
        notes += [
            f"{name}: {why}."
            for name, why in self.reasons.items()
            if why and name != "standard errors"
        ]
        return notes


def zero_one(x: Array) -> bool:
    """Whether a numeric input is 0 or 1 in every row, and both."""
    return set(np.unique(x)) == {0.0, 1.0}


def _add(effects: EffectSet, one: Input, method: str, dummy: bool, count: bool) -> None:
    proportional = method in ("dyex", "eyex")
    if one.is_factor:
        if proportional:
            effects.missing(one.name, "a factor has no proportional change; use 'dydx' or 'eydx'")
        else:
            effects.levels(one)
        return
    seen = effects.ground.seen(one.name) if dummy or count else np.empty(0)
    whole = (seen % 1 == 0).all() and (seen >= 0).all()
    if dummy and zero_one(seen):
        effects.difference(one.name, one, 1.0, 0.0)
    elif count and whole and not set(np.unique(seen)) <= {0.0, 1.0}:
        x = effects.ground.values(one.name)
        effects.difference(one.name, one, x + 1.0, x - 1.0, 2.0)
    else:
        effects.slope(one, proportional)


def effect_functional(results: Any) -> tuple[list[str], Functional]:
    """Names of the average effects of all inputs in the population, and the function of the fit.

    Effects that have no number are left out; of a response of classes there is one for each class.
    """
    family = results._numbers.fitted.given
    which = family.statistics[0]
    effects = EffectSet(ground_of(results, which, False, "overall", None))
    for one in chosen_inputs(results, None):
        _add(effects, one, "dydx", results._deep, False)
    if not effects.some:
        reasons = "; ".join(f"{name}: {why}" for name, why in effects.reasons.items())
        raise NotAvailableError(f"no input has an average effect. {reasons}.")
    outcomes = family.statistic_labels(which) or ("",)
    names = [name for name in effects.names if name not in effects.reasons]
    labels = [f"{name}, {out}" if out else name for name in names for out in map(str, outcomes)]
    return labels, effects.averages.functional(True)
