"""Checks of a user's own family: its derivatives where it is given, its numbers during a fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from deepglm.errors import NotAvailableError, SpecificationError
from deepglm.families.contract import Family, FloatArray, Level, RowTerms
from deepglm.families.dispersion import DispersionFamily
from deepglm.families.variance import GivenVariance

__all__ = ["NotANumberError", "check_own_family", "is_own", "refuse_nan"]

_ROWS = 25
"""Responses that are tried, from the smallest to the largest."""

_AWAY = np.linspace(-2.93, 3.07, 9)
"""How far from the starting values they are tried, in standard deviations of these."""

_STEP, _RELATIVE, _ROUNDING = 1e-4, 1e-3, 1e-6


class NotANumberError(SpecificationError):
    """A family that gives NaN for a row.

    Parameters
    ----------
    family
        Its name.
    part
        What is NaN: "value", "score" or "information".
    y, eta, weight
        The row.
    """

    def __init__(
        self, family: str, part: str, y: FloatArray, eta: FloatArray, weight: float
    ) -> None:
        self.y, self.weight = y, weight
        self._what = f"the family {family!r} gives nan as {part}"
        self._where = (
            f"response {_written(np.atleast_1d(y))}, weight {weight:g}, at eta = {_written(eta)}. "
            "Where the value of a row is finite its score and information have to be finite as "
            "well; where the family cannot have the mean the value has to be -inf"
        )
        super().__init__(f"{self._what} of a row with {self._where}.")

    def named(self, y: FloatArray, weight: FloatArray, labels: Any) -> SpecificationError:
        """The same error with the label of the first row of that response and weight."""
        alike = (np.atleast_2d(y).T == np.atleast_1d(self.y)).all(axis=1)
        same = np.flatnonzero(alike & (weight == self.weight))
        row = _label(labels, int(same[0]))
        return SpecificationError(f"{self._what} of row {row!r}: {self._where}.")


def _label(labels: Any, row: int) -> Any:
    """A label as a plain Python value, whose repr is what the user wrote."""
    label = labels[row]
    return label.item() if isinstance(label, np.generic) else label


def _written(eta: FloatArray) -> str:
    """One linear predictor as a number, several as a list."""
    return f"{eta[0]:.6g}" if len(eta) == 1 else f"[{', '.join(f'{one:.6g}' for one in eta)}]"


def is_own(family: Family) -> bool:
    """Whether a family, or a part of it, is a user's."""
    parts: list[Any] = [family, family.link.function]
    if isinstance(family, DispersionFamily):
        parts += [family.kernel, family.law, family.variance_function, family.link.function]
    return any(
        isinstance(part, GivenVariance)
        or not getattr(part, "__module__", "").startswith("deepglm.")
        for part in parts
    )


def refuse_nan(
    family: Family, terms: RowTerms, y: FloatArray, eta: FloatArray, weight: FloatArray
) -> None:
    """Raise for the first row in which a family gives NaN.

    A linear predictor that is not finite is not the family's fault, and a row without likelihood
    needs no derivatives.
    """
    finite = np.isfinite(eta).all(axis=0)
    likely = finite & np.isfinite(terms.value)
    parts: dict[str, Any] = {"value": np.isnan(terms.value) & finite}
    for name, part in (("score", terms.score), ("information", terms.information)):
        if part is not None:
            parts[name] = np.isnan(part).reshape(-1, len(likely)).any(axis=0) & likely
    for name, bad in parts.items():
        if bad.any():
            k = int(np.flatnonzero(bad)[0])
            raise NotANumberError(family.name, name, y[..., k], eta[:, k], float(weight[k]))


def check_own_family(family: Family, y: FloatArray, weight: FloatArray, labels: Any) -> None:
    """Hold score and information of a user's family against differences.

    Parameters
    ----------
    family
        The family.
    y, weight
        (n,) responses and weights of the model; some of them are tried.
    labels
        What the user calls the rows.

    Raises
    ------
    SpecificationError
        If a derivative is wrong, or an array has not the shape that it should have. The message
        names the row, the linear predictor and both numbers.
    NotAvailableError
        For several linear predictors, or auxiliary parameters other than a scale.
    """
    if family.k_eta != 1 or (family.aux_names and not isinstance(family, DispersionFamily)):
        raise NotAvailableError(
            f"the family {family.name!r} has {family.k_eta} linear predictors and the auxiliary "
            f"parameters {family.aux_names}: in this version a family of your own has one and "
            "none. Hold auxiliary parameters fixed, as fields of the object."
        )
    order = np.argsort(y, kind="stable")
    tried = np.unique(order[np.linspace(0, len(y) - 1, _ROWS).astype(int)])
    y, weight = y[tried], weight[tried]
    with np.errstate(all="ignore"):
        start = family.start_eta(y, weight, family.start_level(y, weight))
        aux = family.start_aux(y, weight)
        if np.shape(start) != (family.k_eta, len(y)) or not np.isfinite(start).all():
            raise SpecificationError(
                f"the family {family.name!r}: start_eta(y, weight, level) has shape "
                f"{np.shape(start)}; needed are ({family.k_eta}, {len(y)}) finite numbers, one for "
                "every row."
            )
        spread = max(float(start.std()), 0.5)
        eta = np.concatenate([start + away * spread for away in _AWAY], axis=1)
        many = len(_AWAY)
        rows = _Rows(
            family, np.tile(y, many), eta, aux, np.tile(weight, many), np.tile(tried, many)
        )
        _check_derivatives(rows, _STEP * spread, labels)


@dataclass(frozen=True)
class _Rows:
    """Rows at linear predictors.

    Parameters
    ----------
    family, y, eta, aux, weight
        As in :meth:`Family.rows`.
    number
        (m,) numbers of the rows in the model.
    """

    family: Family
    y: FloatArray
    eta: FloatArray
    aux: FloatArray
    weight: FloatArray
    number: npt.NDArray[np.intp]

    def terms(self, level: Level, channel: int = 0, by: float = 0.0) -> RowTerms:
        """What the family says about them, once one channel has moved."""
        family, k = self.family, self.family.k_eta
        moved = np.zeros(family.k_channels)
        moved[channel] = by
        eta, aux = self.eta + moved[:k, None], self.aux + moved[k:]
        constant = family.constant(self.y, self.weight)
        try:
            terms = family.rows(self.y, eta, aux, self.weight, level, constant)
            given = [np.shape(part) for part in (terms.value, terms.score, terms.information)]  # type: ignore[arg-type]
        except Exception as error:
            raise SpecificationError(
                f"the family {family.name!r}: rows(y, eta, aux, weight, {level}, constant) failed "
                f"with {type(error).__name__}: {error}. It has to return RowTerms(value, score, "
                "information)."
            ) from error
        m, c = len(self.y), family.k_channels
        needed: list[tuple[int, ...]] = [(m,), (c, m), (c, c, m)]
        most = 2 if level is Level.SCORE else 3
        if given[:most] != needed[:most]:
            raise SpecificationError(
                f"the family {family.name!r}: rows(y, eta, aux, weight, {level}, constant) gives "
                f"arrays of shape {given[:most]} for {m} rows; needed are {needed[:most]}."
            )
        return terms


def _check_derivatives(rows: _Rows, step: float, labels: Any) -> None:
    """Score against differences of the value, observed information against those of the score."""
    here, expected = rows.terms(Level.OBSERVED), rows.terms(Level.FISHER)
    assert here.score is not None and here.information is not None
    for terms in (here, expected):
        try:
            refuse_nan(rows.family, terms, rows.y, rows.eta, rows.weight)
        except NotANumberError as error:
            named = [labels[k] for k in rows.number]
            raise error.named(rows.y, rows.weight, named) from None
    if not np.isfinite(here.value).any():
        raise SpecificationError(
            f"the family {rows.family.name!r} gives -inf as value of every response that was "
            f"tried, at every eta, such as response {rows.y[0]:g} at eta = "
            f"{_written(rows.eta[:, 0])}. Look at its link, its variance and start_eta()."
        )
    for c in range(rows.family.k_channels):
        left, right = rows.terms(Level.SCORE, c, -step), rows.terms(Level.SCORE, c, step)
        assert left.score is not None and right.score is not None
        likely = np.isfinite(left.value + here.value + right.value)
        slope = (right.value - left.value)[None] / (2.0 * step)
        bend = (left.score - right.score) / (2.0 * step)
        given = (here.score[c : c + 1], here.information[:, c])
        for what, one, differences in zip(_WHAT, given, (slope, bend), strict=True):
            largest = np.abs(one[:, likely]).max(initial=0.0)
            allowed = _RELATIVE * np.maximum(np.abs(one), np.abs(differences))
            wrong = likely & ~(np.abs(one - differences) <= allowed + _ROUNDING * largest)
            if wrong.any():
                d, k = (int(found[0]) for found in np.nonzero(wrong))
                raise SpecificationError(
                    f"the family {rows.family.name!r}: in row {_label(labels, rows.number[k])!r}, "
                    f"response {rows.y[k]:g}, at eta = {_written(rows.eta[:, k])} its {what[0]} is "
                    f"given as {one[d, k]:.6g}, and differences of its {what[1]} make it "
                    f"{differences[d, k]:.6g}. Correct the one or the "
                    "other: a fit would follow a wrong slope."
                )


_WHAT = (("score", "value"), ("observed information", "score"))
