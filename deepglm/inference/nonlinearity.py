"""Candidates for what a model may have missed: monomials and phantom units of its columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from math import comb

import numpy as np

from deepglm.inference.fitted import Array, Codes, Fitted, Mask
from deepglm.inference.lagrange import Columns, Projected
from deepglm.links import Link

__all__ = [
    "COMPONENTS",
    "Joint",
    "Missed",
    "Phantoms",
    "Powers",
    "Scaled",
    "cubic",
    "phantoms",
    "room",
    "scaled",
    "shapes",
]

COMPONENTS = 6
"""Principal components of phantom units that are tested."""

UNITS = 200
"""Phantom units that these are taken from."""

REACH = 2.0
"""Coefficients of phantom units lie between minus this and this, for up to ``FEW`` columns."""

FEW = 3

MOST = 500
"""Monomials at most; beyond, those of the third degree are left out, cubes last."""

DIRECT = 30
"""Directions that are tested at most; more candidates are reduced to so many components."""

ROWS_PER_DIRECTION = 10.0
"""Observations for every direction that is tested, at least."""

Monomial = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Scaled:
    """Columns of a model's designs, brought to mean 0 and standard deviation 1.

    Parameters
    ----------
    parts
        Designs (columns, n), and the numbers of the columns of each that are meant.
    mean, sd
        (columns,).
    binary
        (columns,) which have two values.
    """

    parts: tuple[tuple[Array, Codes], ...]
    mean: Array
    sd: Array
    binary: Mask

    def __call__(self, rows: slice) -> Array:
        """(columns, m) in a run of rows."""
        X = np.concatenate([X[columns, rows] for X, columns in self.parts])
        X -= self.mean[:, None]
        X /= self.sd[:, None]
        return X


def scaled(fitted: Fitted, columns: Sequence[Iterable[int]]) -> Scaled:
    """Choose columns of a model and find their means and standard deviations.

    Parameters
    ----------
    fitted
        The model.
    columns
        Numbers of columns of the final layer, and of every deep term. Those that do not vary are
        left out.
    """
    freq = fitted.rows.freq
    counted, share = freq > 0, freq / freq.sum()
    parts, means, sds, binary = [], [], [], []
    for X, some in zip(fitted.rows.designs, columns, strict=True):
        kept = []
        for j in some:
            x = X[j]
            mean = float(x @ share)
            sd = float(np.sqrt(np.maximum((x - mean) ** 2 @ share, 0.0)))
            if sd <= 1e-10 * max(abs(mean), 1.0):
                continue
            kept.append(j)
            means.append(mean)
            sds.append(sd)
            seen = x[counted]
            binary.append(bool(((seen == seen.min()) | (seen == seen.max())).all()))
        if kept:
            parts.append((X, np.array(kept)))
    return Scaled(tuple(parts), np.array(means), np.array(sds), np.array(binary, dtype=bool))


@dataclass(frozen=True, eq=False)
class Powers:
    """Monomials of columns as candidates.

    Parameters
    ----------
    columns
        What they are made from.
    monomials
        Numbers of the columns that are multiplied.
    """

    columns: Scaled
    monomials: Sequence[Monomial]

    def __len__(self) -> int:
        return len(self.monomials)

    def __call__(self, rows: slice) -> Array:
        """(monomials, m) in a run of rows."""
        X = self.columns(rows)
        out = np.empty((len(self), X.shape[1]))
        for one, factors in zip(out, self.monomials, strict=True):
            one[:] = X[factors[0]]
            for j in factors[1:]:
                one *= X[j]
        return out


def cubic(columns: Scaled) -> Powers:
    """All monomials of the second and third degree, or as many as are manageable.

    Beyond ``MOST`` of them mixed ones of the third degree are left out, and then products.

    References
    ----------
    Terasvirta, Lin and Granger (1993), Journal of Time Series Analysis 14, 209-220.
    """
    p = len(columns.mean)
    single = np.flatnonzero(~columns.binary).tolist()
    cubes: list[Monomial] = [(j, j, j) for j in single]
    chosen: list[Monomial] = [(j, j) for j in single]
    chosen += cubes
    for degrees in ((2,), (2, 3)):
        # the number is known before they are listed, but for powers of columns of two values
        if sum(comb(p + degree - 1, degree) for degree in degrees) > 10 * MOST:
            break
        mixed = [one for degree in degrees for one in _monomials(columns.binary, degree)]
        mixed += cubes if degrees == (2,) else []
        if len(mixed) > MOST:
            break
        chosen = mixed
    return Powers(columns, chosen)


def _monomials(binary: Mask, degree: int) -> list[Monomial]:
    """Products of so many columns; a power of a column of two values is that column again."""
    return [
        one
        for one in combinations_with_replacement(range(len(binary)), degree)
        if not any(a == b and binary[a] for a, b in zip(one, one[1:], strict=False))
    ]


@dataclass(frozen=True, eq=False)
class Phantoms:
    """Hidden units with random coefficients as candidates.

    Parameters
    ----------
    columns
        What enters them.
    link
        Their inverse link.
    coefficients
        (units, 1 + columns), the intercept first.
    """

    columns: Scaled
    link: Link
    coefficients: Array

    def __len__(self) -> int:
        return len(self.coefficients)

    def __call__(self, rows: slice) -> Array:
        """(units, m) in a run of rows."""
        a = self.coefficients[:, 1:] @ self.columns(rows) + self.coefficients[:, :1]
        return np.asarray(self.link.evaluate(a, 0)[0])


def phantoms(columns: Scaled, link: Link, seed: int, units: int = UNITS) -> Phantoms:
    """Draw phantom units.

    Parameters
    ----------
    columns
        What enters them.
    link
        Their inverse link.
    seed
        Seeds their coefficients, uniform between -2 and 2. Beyond three columns slopes are made
        smaller, so that the units do not become steeper with the number of columns.
    units
        How many.

    References
    ----------
    White (1989); Lee, White and Granger (1993), Journal of Econometrics 56, 269-290.
    """
    p = len(columns.mean)
    rng = np.random.default_rng(np.random.SeedSequence(seed))
    coefficients = rng.uniform(-REACH, REACH, size=(units, 1 + p))
    coefficients[:, 1:] *= np.sqrt(FEW / max(p, FEW))
    return Phantoms(columns, link, coefficients)


class Missed:
    """What a model may have missed: linear terms, monomials and phantom units, in this order.

    Parameters
    ----------
    groups
        Columns; monomials and units are made within each group.
    link
        Inverse link of the units.
    seed
        Seeds the units, ``UNITS`` in all.
    linear
        Columns that the model may not hold at all.
    """

    def __init__(
        self, groups: Sequence[Scaled], link: Link, seed: int, linear: Scaled | None = None
    ) -> None:
        groups = [columns for columns in groups if len(columns.mean)]
        count = max(len(groups), 1)
        seeds = np.random.SeedSequence(seed).generate_state(count).tolist()
        powers = [cubic(columns) for columns in groups]
        units = [
            phantoms(columns, link, one, UNITS // count)
            for columns, one in zip(groups, seeds, strict=False)
        ]
        single = [] if linear is None else [Powers(linear, [(j,) for j in range(len(linear.mean))])]
        self.first = sum(map(len, single))
        middle = self.first + sum(map(len, powers))
        self.ends = middle, middle + sum(map(len, units))
        self._parts: list[Columns] = [*single, *powers, *units]

    def __len__(self) -> int:
        return self.ends[1]

    def __call__(self, rows: slice) -> Array:
        """(candidates, m) in a run of rows."""
        return np.concatenate([part(rows) for part in self._parts])


class Joint:
    """Products of the columns of two inputs, and phantom units of both.

    Parameters
    ----------
    one, two
        Columns of the inputs.
    link
        Inverse link of the units.
    seed
        Seeds the units.
    """

    def __init__(self, one: Scaled, two: Scaled, link: Link, seed: int) -> None:
        both, k = _beside(one, two), len(one.mean)
        pairs = [(a, b) for a in range(k) for b in range(k, len(both.mean))]
        found: list[Monomial] = list(pairs)
        for a, b in pairs:
            found += [(j, a, b) for j in (a, b) if not both.binary[j]]
        self._powers = Powers(both, found if len(found) <= MOST else list(pairs))
        self._units = phantoms(both, link, seed)
        self.ends = len(self._powers), len(self._powers) + len(self._units)

    def __call__(self, rows: slice) -> Array:
        """(candidates, m) in a run of rows."""
        return np.concatenate((self._powers(rows), self._units(rows)))


def _beside(one: Scaled, two: Scaled) -> Scaled:
    return Scaled(
        one.parts + two.parts,
        np.concatenate((one.mean, two.mean)),
        np.concatenate((one.sd, two.sd)),
        np.concatenate((one.binary, two.binary)),
    )


def shapes(own: Scaled, others: Scaled, most: int) -> Powers:
    """Squares and cubes of the columns of one input, and their products with others.

    Parameters
    ----------
    own, others
        Columns of the input, and of the other inputs.
    most
        As many as there may be: cubes are left out, and products, where there are more.
    """
    both = _beside(own, others)
    k, p = len(own.mean), len(both.mean)
    single = [j for j in range(k) if not own.binary[j]]
    chosen: list[Monomial] = [(j,) for j in range(k)]
    chosen += [(j, j) for j in single]
    least = len(chosen)
    cubes: list[Monomial] = [(j, j, j) for j in single]
    with_others: list[Monomial] = [(a, b) for a in range(k) for b in range(k, p)]
    for more in (cubes, with_others):
        if len(chosen) + len(more) <= max(most, least):
            chosen += more
    return Powers(both, chosen)


def room(projected: Projected) -> int:
    """How many directions may be tested together with so many observations."""
    left = projected.residual.fitted.wnobs - projected.rank
    return max(1, min(DIRECT, int(left / ROWS_PER_DIRECTION)))
