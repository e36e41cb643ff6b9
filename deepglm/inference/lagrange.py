"""Score (Lagrange multiplier) tests of what a fit leaves out, for any family and any predictor.

Candidates are derivatives of the linear predictors by coefficients that the fit holds fixed, or
further columns. They are projected on the complement of the derivatives by the estimated
coefficients, in the metric of the working weights; the test asks whether the row scores go along
with what is left. As the scores are projected as well, a fit under a penalty, whose scores do not
quite add up to zero, is tested rightly: this is Neyman's C(alpha).

Rows are walked in blocks, two times for the classical form and three times for a robust one; only
cross products are kept, so that the memory does not grow with the number of rows (clustered sums
take one line per cluster).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy import stats

from deepglm.families import Level
from deepglm.inference.fitted import Array, Codes, Fitted, Mask

__all__ = ["Columns", "Projected", "ScoreTest", "projected"]

Columns = Callable[[slice], Array]
"""(k, m) values of candidate columns in a run of rows."""

_BASE = 1e-10
"""Eigenvalue of the unit-diagonal information of the estimated coefficients, relative to the
largest, below which a direction is none."""

_LEFT = 1e-9
"""Share of a candidate's squared length that has to be left after the projection."""

_RANK = 1e-7
"""Eigenvalue of the unit-diagonal information of the candidates, relative to the largest, above
which a direction counts."""


class ScoreTest(NamedTuple):
    """A score test."""

    statistic: float
    """Chi-square, or F; NaN where nothing is left to test."""
    df: int
    """Degrees of freedom, the number of directions that were tested."""
    df_denom: float
    """Those of the denominator of an F; infinite for a chi-square."""
    pvalue: float


NOTHING = ScoreTest(np.nan, 0, np.inf, np.nan)
"""What is left of candidates that the model holds already."""


@dataclass(frozen=True, eq=False)
class _Block:
    """Some rows: derivatives of the channels by estimated coefficients and by candidates."""

    J: Array
    """(channels, free, m)."""
    Z: Array
    """(channels, candidates, m)."""
    score: Array
    """(channels, m) at dispersion 1."""
    information: Array
    """(channels, channels, m) expected."""
    freq: Array
    """(m,)."""
    rows: Codes
    """(m,) their numbers."""


def _blocks(fitted: Fitted, tested: Mask, columns: Columns | None) -> Iterator[_Block]:
    base, wanted = fitted.free, fitted.free | tested
    inside, outside = base[wanted], tested[wanted]
    k_eta, lo = fitted.predictor.k_eta, 0
    for block in replace(fitted, free=wanted).blocks(Level.FISHER):
        rows = np.arange(lo, lo + len(block.freq))
        Z = block.jacobian[:, outside]
        if columns is not None:
            added = _in_every_predictor(columns(slice(lo, lo + len(rows))), k_eta, len(Z))
            Z = np.concatenate((Z, added), axis=1)
        lo += len(rows)
        one = _Block(block.jacobian[:, inside], Z, block.score, block.information, block.freq, rows)
        counted = block.freq > 0  # other rows may have any mean, and infinity times zero is NaN
        yield one if counted.all() else _Block(*(part[..., counted] for part in vars(one).values()))


def _in_every_predictor(columns: Array, k_eta: int, channels: int) -> Array:
    """(channels, k k_eta, m) a column with a coefficient of its own in every linear predictor."""
    k, m = columns.shape
    if k_eta == 1 and channels == 1:
        return columns[None]
    Z = np.zeros((channels, k, k_eta, m))
    for c in range(k_eta):
        Z[c, :, c] = columns
    return Z.reshape(channels, k * k_eta, m)


def projected(
    fitted: Fitted,
    tested: Mask | None = None,
    columns: Columns | None = None,
    scale: float | None = None,
) -> Projected:
    """Project candidates on the complement of what a fit estimates.

    Parameters
    ----------
    fitted
        A model at its estimate; what is free was estimated.
    tested
        (size,) coefficients that are held at their values in it, to be tested; auxiliary
        parameters may be left out.
    columns
        Values of further columns in a run of rows; each is a candidate in every linear predictor.
    scale
        Dispersion where it is known; None estimates it from what the fit leaves over.

    Notes
    -----
    Derivatives by the auxiliary parameters that were estimated with the coefficients (an alpha,
    cut-points, a log sigma) belong to what is projected out.

    References
    ----------
    Rao (1948); Neyman (1959), C(alpha); Davidson and MacKinnon (1984) for the projected form.
    """
    held = np.zeros_like(fitted.free)
    if tested is not None:
        held[: len(tested)] = tested
    tested = held & ~fitted.free
    F, C, score, length = _cross_products(fitted, tested, columns)
    d = np.sqrt(np.maximum(np.diag(F), 1e-300))
    e, Q = np.linalg.eigh(F / d / d[:, None]) if len(F) else (np.empty(0), np.empty((0, 0)))
    kept = e > _BASE * (e[-1] if len(e) else 1.0)
    half = Q[:, kept] / np.sqrt(e[kept]) / d[:, None]
    walk = _Residual(fitted, tested, columns, half @ (half.T @ C), half @ (half.T @ score))
    return Projected(walk, length, int(kept.sum()), scale)


def _cross_products(
    fitted: Fitted, tested: Mask, columns: Columns | None
) -> tuple[Array, Array, Array, Array]:
    """``J'WJ``, ``J'WZ``, ``J'u`` and the diagonal of ``Z'WZ``."""
    F = C = score = length = np.zeros(0)
    for number, block in enumerate(_blocks(fitted, tested, columns)):
        J, Z, freq = block.J, block.Z, block.freq
        if number == 0:
            F, C = np.zeros((J.shape[1],) * 2), np.zeros((J.shape[1], Z.shape[1]))
            score, length = np.zeros(J.shape[1]), np.zeros(Z.shape[1])
        for c in range(len(J)):
            WJ = np.einsum("dm,djm->jm", block.information[c] * freq, J)
            F += WJ @ J[c].T
            C += WJ @ Z[c].T
            score += J[c] @ (block.score[c] * freq)
            WZ = np.einsum("dm,djm->jm", block.information[c] * freq, Z)
            length += np.einsum("jm,jm->j", WZ, Z[c])
    return F, C, score, length


@dataclass(frozen=True, eq=False)
class _Residual:
    """Candidates and scores with what the fit explains taken out, block by block."""

    fitted: Fitted
    tested: Mask
    columns: Columns | None
    B: Array
    """(free, candidates) coefficients of the candidates' projections."""
    b: Array
    """(free,) coefficients of the scores' projection."""

    def __iter__(self) -> Iterator[_Block]:
        for block in _blocks(self.fitted, self.tested, self.columns):
            Z = np.stack([z - self.B.T @ j for z, j in zip(block.Z, block.J, strict=True)])
            along = np.einsum("j,cjm->cm", self.b, block.J)
            score = block.score - np.einsum("cdm,dm->cm", block.information, along)
            yield replace(block, Z=Z, score=score)


@dataclass(frozen=True, eq=False)
class Projected:
    """Candidates after the projection, ready for tests of all or some of them."""

    residual: _Residual
    length: Array
    """(candidates,) their squared lengths before it."""
    rank: int
    """Directions that the fit has used up."""
    scale: float | None

    @cached_property
    def _sums(self) -> tuple[Array, Array, float]:
        """Information and score of the candidates, and Pearson's chi-square."""
        k = self.size
        V, score, total = np.zeros((k, k)), np.zeros(k), 0.0
        for block in self.residual:
            Z, W, freq = block.Z, block.information, block.freq
            for c in range(len(Z)):
                V += np.einsum("dm,djm->jm", W[c] * freq, Z) @ Z[c].T
                score += Z[c] @ (block.score[c] * freq)
            if len(Z) == 1:
                some = W[0, 0] > 0
                parts = freq[some] * block.score[0, some] ** 2 / W[0, 0, some]
                total += float(parts.sum())
        return V, score, total

    def numbers(self, first: int, last: int) -> Codes:
        """Numbers among the candidates of those from a run of columns."""
        fitted = self.residual.fitted
        k, before = fitted.predictor.k_eta, int((self.residual.tested & ~fitted.free).sum())
        return np.arange(before + first * k, before + last * k)

    @property
    def size(self) -> int:
        """Number of candidates."""
        return len(self.length)

    @cached_property
    def dispersion(self) -> float:
        """Dispersion that was given, or Pearson's over what the fit leaves of the rows."""
        if self.scale is not None:
            return self.scale
        left = self.residual.fitted.wnobs - self.rank
        return self._sums[2] / left if left > 0 else np.nan

    def _basis(self, which: Codes, components: int | None) -> Array:
        """(candidates, df) combinations whose information is the identity."""
        V = self._sums[0]
        which = which[np.diag(V)[which] > _LEFT * self.length[which]]
        if not len(which):
            return np.zeros((self.size, 0))
        block = V[np.ix_(which, which)]
        # of components, those come last that the fit nearly holds already
        d = np.sqrt(np.diag(block) if components is None else self.length[which])
        e, Q = np.linalg.eigh(block / d / d[:, None])
        e, Q = e[::-1], Q[:, ::-1]
        some = int((e > _RANK * e[0]).sum())
        some = some if components is None else min(some, components)
        A = np.zeros((self.size, some))
        A[which] = Q[:, :some] / np.sqrt(e[:some]) / d[:, None]
        return A

    def test(
        self, which: Codes | None = None, components: int | None = None, use_f: bool = False
    ) -> ScoreTest:
        """Test candidates together under the model's variance.

        Parameters
        ----------
        which
            Numbers of the candidates, those of coefficients first; all by default.
        components
            Only so many of their principal components, by the information about them.
        use_f
            F in place of chi-square, for a dispersion that is estimated: exact for the linear
            model.

        Returns
        -------
        ScoreTest
            NaN with no degrees of freedom where the fit leaves nothing of the candidates.
        """
        A = self._basis(np.arange(self.size) if which is None else which, components)
        df = A.shape[1]
        if not df:
            return NOTHING
        total = float(np.sum((A.T @ self._sums[1]) ** 2))
        left = self.residual.fitted.wnobs - self.rank - df
        if use_f and self.scale is None:
            if left <= 0:
                return ScoreTest(np.nan, df, left, np.nan)
            F = total / df / ((self._sums[2] - total) / left)
            return ScoreTest(F, df, left, float(stats.f.sf(F, df, left)))
        chi2 = total / self.dispersion
        return ScoreTest(chi2, df, np.inf, float(stats.chi2.sf(chi2, df)))

    def robust(
        self,
        which: Codes | None = None,
        components: int | None = None,
        groups: Codes | None = None,
    ) -> ScoreTest:
        """Test candidates together, with a variance of the scores from the scores themselves.

        ``(sum g)' (sum g g')^-1 (sum g)`` with the projected score ``g`` of every row, or of every
        cluster (White 1982). A frequency weight stands for so many rows.

        Parameters
        ----------
        which, components
            As in :meth:`test`.
        groups
            (n,) codes of clusters from 0; None for single rows.

        Returns
        -------
        ScoreTest
            NaN where there are no more clusters than directions to test.
        """
        A = self._basis(np.arange(self.size) if which is None else which, components)
        df = A.shape[1]
        if not df:
            return NOTHING
        count = 0 if groups is None else int(groups.max()) + 1
        meat, total, of_groups = np.zeros((df, df)), np.zeros(df), np.zeros((count, df))
        for block in self.residual:
            g = A.T @ np.einsum("cjm,cm->jm", block.Z, block.score)
            total += g @ block.freq
            if groups is None:
                meat += (g * block.freq) @ g.T
            else:
                np.add.at(of_groups, groups[block.rows], (g * block.freq).T)
        if groups is not None:
            meat = of_groups.T @ of_groups
        d = np.sqrt(np.diag(meat))
        if not (d > 0).all():
            return ScoreTest(np.nan, df, np.inf, np.nan)
        e, Q = np.linalg.eigh(meat / d / d[:, None])
        if e[0] <= _RANK * e[-1] or (groups is not None and count <= df):
            return ScoreTest(np.nan, df, np.inf, np.nan)
        chi2 = float(np.sum((Q.T @ (total / d)) ** 2 / e))
        return ScoreTest(chi2, df, np.inf, float(stats.chi2.sf(chi2, df)))
