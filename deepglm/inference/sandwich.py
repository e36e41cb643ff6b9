"""Covariances that do not trust the variance function: ``A^-1 K A^-1``.

The bread ``A`` is the observed information plus the penalty, the filling ``K`` a sum of products of
the rows' scores. Both are taken at dispersion 1, which cancels. See White (1982), and MacKinnon and
White (1985) for HC1 to HC3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import linalg
from statsmodels.stats import sandwich_covariance as sums

from deepglm.errors import SpecificationError
from deepglm.families import Level
from deepglm.inference.fitted import Array, Codes, Fitted

__all__ = ["COV_TYPES", "CovarianceRequest", "Robust", "check_rows", "read_request", "robust"]

_ALIASES = {
    "nw-panel": "hac-panel",
    "nw-groupsum": "hac-groupsum",
    "eim": "nonrobust",
    "expected": "nonrobust",
    "model": "nonrobust",
    "oim": "observed",
}

_KEYWORDS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    # name: (needed, possible besides)
    "nonrobust": ((), ()),
    "observed": ((), ()),
    "frequentist": ((), ()),
    "HC0": ((), ()),
    "HC1": ((), ()),
    "HC2": ((), ()),
    "HC3": ((), ()),
    "HAC": (("maxlags",), ("kernel", "weights_func", "use_correction")),
    "cluster": (("groups",), ("use_correction", "df_correction")),
    "hac-panel": (
        ("maxlags",),
        ("groups", "time", "kernel", "weights_func", "use_correction", "df_correction"),
    ),
    "hac-groupsum": (
        ("maxlags", "time"),
        ("kernel", "weights_func", "use_correction", "df_correction"),
    ),
}

COV_TYPES = tuple(_KEYWORDS)

TRUSTING = ("nonrobust", "observed", "frequentist")
"""Kinds that take the model's variance function to be right."""

_DESCRIPTIONS = {
    "nonrobust": "Standard errors assume that the variance function is correct.",
    "observed": "Standard errors assume the model, by the observed information.",
    "frequentist": "Standard errors assume the model and leave out the bias of the penalty.",
    "HC0": "Standard errors are robust to heteroscedasticity (HC0).",
    "HC1": "Standard errors are robust to heteroscedasticity (HC1, times n / (n - edf)).",
    "HC2": "Standard errors are robust to heteroscedasticity (HC2, tangent-plane leverage).",
    "HC3": "Standard errors are robust to heteroscedasticity (HC3, tangent-plane leverage).",
    "HAC": "Standard errors are robust to heteroscedasticity and autocorrelation (HAC).",
    "cluster": "Standard errors are robust to correlation within clusters.",
    "hac-panel": "Standard errors are robust to autocorrelation within the units of a panel.",
    "hac-groupsum": "Standard errors are those of Driscoll and Kraay, from sums by period.",
}

_KERNELS: Mapping[str, Callable[[int], Array]] = {
    "bartlett": sums.weights_bartlett,
    "uniform": sums.weights_uniform,
}


@dataclass(frozen=True)
class CovarianceRequest:
    """Which covariance was asked for, checked.

    Parameters
    ----------
    name
        One of ``COV_TYPES``.
    options
        Keywords under statsmodels' names.
    """

    name: str
    options: Mapping[str, Any]

    @property
    def description(self) -> str:
        """One sentence for the summary."""
        return _DESCRIPTIONS[self.name]

    @property
    def trusts_the_model(self) -> bool:
        """Whether the covariance takes the model's variance function to be right."""
        return self.name in TRUSTING

    def same_as(self, other: CovarianceRequest) -> bool:
        """Whether it asks for the same."""
        return (
            self.name == other.name
            and self.options.keys() == other.options.keys()
            and all(np.array_equal(self.options[key], other.options[key]) for key in self.options)
        )

    @property
    def one_way(self) -> bool:
        """Whether rows are clustered, and in one way."""
        return self.name == "cluster" and np.squeeze(np.asarray(self.options["groups"])).ndim == 1

    @property
    def adjusts_df(self) -> bool:
        """Whether inference counts clusters instead of rows."""
        grouped = self.name in ("cluster", "hac-panel", "hac-groupsum")
        return grouped and self.options.get("df_correction") is not False


def read_request(cov_type: str, options: Mapping[str, Any] | None) -> CovarianceRequest:
    """Check a covariance and its keywords, before anything is computed.

    Examples
    --------
    >>> read_request("hc1", None).name
    'HC1'
    """
    by_lower = {name.lower(): name for name in COV_TYPES}
    given = str(cov_type).lower()
    name = by_lower.get(_ALIASES.get(given, given))
    if name is None:
        accepted = ", ".join(repr(known) for known in COV_TYPES)
        raise SpecificationError(f"cov_type={cov_type!r} is not known; accepted are {accepted}.")
    options = dict(options or {})
    needed, possible = _KEYWORDS[name]
    known = (*needed, *possible, "scaling_factor")
    for key in options:
        if key not in known:
            raise SpecificationError(
                f"cov_kwds has {key!r}, which cov_type={name!r} does not take; it takes "
                f"{', '.join(known)}."
            )
    for key in needed:
        if options.get(key) is None:
            raise SpecificationError(f"cov_type={name!r} needs cov_kwds={{{key!r}: ...}}.")
    if name == "hac-panel" and options.get("groups") is None and options.get("time") is None:
        raise SpecificationError("cov_type='hac-panel' needs 'groups' or 'time' in cov_kwds.")
    _kernel(options)
    return CovarianceRequest(name, options)


def check_rows(request: CovarianceRequest, n: int) -> None:
    """Raise unless clusters and times have one entry per row, and lags are a whole number."""
    if request.name == "cluster":
        for way in _ways(request.options["groups"], n):
            _check_clusters(way)
    for key in ("groups", "time"):
        if request.name.startswith("hac-") and request.options.get(key) is not None:
            _per_row(request.options[key], key, n)
    lags = request.options.get("maxlags", 0)
    if isinstance(lags, bool) or not isinstance(lags, int | np.integer) or not 0 <= lags < n:
        raise SpecificationError(
            f"cov_kwds['maxlags']={lags!r}: the number of lags is a whole number from 0 to {n - 1}."
        )


def _kernel(options: Mapping[str, Any]) -> Callable[[int], Array]:
    given = options.get("kernel", options.get("weights_func", "bartlett"))
    if callable(given):
        return given  # type: ignore[no-any-return]
    if given not in _KERNELS:
        raise SpecificationError(
            f"kernel={given!r} is not known; accepted are 'bartlett', 'uniform' or a function of "
            "the number of lags."
        )
    return _KERNELS[given]


@dataclass(frozen=True)
class Robust:
    """A robust covariance and what goes with it.

    Parameters
    ----------
    cov
        (free, free) covariance of the coefficients, dispersion included.
    df
        Degrees of freedom for tests; None for the residual ones.
    n_groups
        Clusters, in each of the ways they were counted.
    """

    cov: Array
    df: float | None = None
    n_groups: tuple[int, ...] = ()


def robust(
    fitted: Fitted,
    request: CovarianceRequest,
    bread: Array,
    N: Array,
    edf: float,
    beside: Array | None = None,
) -> Robust:
    """Compute a robust covariance.

    Parameters
    ----------
    fitted
        A model at its estimate.
    request
        Which one.
    bread
        Inverse of the observed information plus penalty, at dispersion 1.
    N
        Inverse of the expected one, for leverages.
    edf
        Effective degrees of freedom, counted by the small-sample corrections.
    beside
        (k, n) values of the rows, centred, whose means are estimated beside the coefficients; the
        covariance is then that of the coefficients and these means together.

    Notes
    -----
    A frequency weight stands for that many rows: in the HC covariances, and in clusters to which
    all copies belong. For HAC covariances, which need an order of rows, scores are scaled by the
    root of the frequency, as statsmodels does.
    """
    name, parts = request.name, Parts(fitted, bread, edf, beside)
    if name.startswith("HC"):
        result = Robust(_white(parts, name, N))
        if name == "HC1":
            result = Robust(result.cov * (fitted.wnobs / (fitted.wnobs - edf)))
    else:
        result = _GROUPED[name](parts, request.options)
    factor = request.options.get("scaling_factor")
    cov = result.cov if factor is None else result.cov * factor
    return Robust(cov, result.df if request.adjusts_df else None, result.n_groups)


@dataclass(frozen=True)
class Parts:
    """What every kind of sandwich is made of.

    Parameters
    ----------
    fitted
        A model at its estimate.
    coefficients
        (free, free) inverse of the observed information plus penalty, at dispersion 1.
    edf
        Effective degrees of freedom.
    beside
        (k, n) centred values whose means are estimated as well, or None.
    """

    fitted: Fitted
    coefficients: Array
    edf: float
    beside: Array | None = None

    @property
    def bread(self) -> Array:
        """(free + k, free + k) inverse derivative of the estimating equations."""
        if self.beside is None:
            return self.coefficients
        means = np.eye(len(self.beside)) / self.fitted.wnobs
        return linalg.block_diag(self.coefficients, means)

    def scores(self, frequency_power: float, N: Array | None = None, power: float = 0.0) -> Array:
        """(n, free + k) contributions of the rows to the estimating equations.

        Parameters
        ----------
        frequency_power
            Power of the frequency that they are multiplied by.
        N, power
            Covariance at dispersion 1, and the power of one minus the leverage of one copy of a
            row that they are divided by.
        """
        return np.concatenate([part.T for part in self.walk(frequency_power, N, power)])

    def walk(
        self, frequency_power: float, N: Array | None = None, power: float = 0.0
    ) -> Iterator[Array]:
        """The same for one block of rows after the other, (free + k, m) each."""
        lo = 0
        for block in self.fitted.blocks(Level.FISHER):
            scores, hi = block.scores, lo + len(block.freq)
            if N is not None and power:
                # the leverage of one copy of the row, as if its repetitions were written out
                with np.errstate(divide="ignore", invalid="ignore"):
                    scores = scores / (1.0 - block.leverage(N)) ** power
            if self.beside is not None:
                scores = np.concatenate((scores, self.beside[:, lo:hi]))
            yield scores * block.freq**frequency_power
            lo = hi


def _white(parts: Parts, name: str, N: Array) -> Array:
    """Sandwich of single rows, each score divided by a power of one minus the row's leverage.

    The filling is kept as a triangle, so that no rounding makes a variance negative.
    """
    power, bread = {"HC2": 0.5, "HC3": 1.0}.get(name, 0.0), parts.bread
    R = np.zeros((0, len(bread)))
    for scores in parts.walk(0.5, N, power):
        if not np.isfinite(scores).all():
            return np.full_like(bread, np.nan)
        R = np.asarray(np.linalg.qr(np.concatenate((R, scores.T)), mode="r"))
    half = R @ bread
    return np.asarray(half.T @ half)


def _small_sample(kind: Any, n: float, edf: float, groups: int = 0) -> float:
    if not kind:
        return 1.0
    if kind is True or kind == "hac":
        return n / (n - edf)
    if groups < 2:
        raise SpecificationError(
            f"the correction for clusters needs two of them and there is {groups}; use "
            "use_correction=False, or another cov_type."
        )
    return groups / (groups - 1.0) * (n - 1.0) / (n - edf)


def _hac(parts: Parts, options: Mapping[str, Any]) -> Robust:
    cov = sums.cov_hac_simple(
        (parts.scores(0.5), parts.bread),
        nlags=options["maxlags"],
        weights_func=_kernel(options),
        use_correction=False,
    )
    factor = _small_sample(options.get("use_correction", False), parts.fitted.wnobs, parts.edf)
    return Robust(cov * factor)


def _cluster(parts: Parts, options: Mapping[str, Any]) -> Robust:
    ways = _ways(options["groups"], parts.fitted.rows.n)
    corrected = options.get("use_correction", True)
    scores, bread = parts.scores(1.0), parts.bread

    def one(codes: Codes) -> tuple[Array, int]:
        labels, numbers = np.unique(codes, return_inverse=True)
        cov = sums.cov_cluster((scores, bread), numbers.ravel(), use_correction=False)
        kind = "cluster" if corrected else False
        return cov * _small_sample(kind, parts.fitted.wnobs, parts.edf, len(labels)), len(labels)

    found = [one(way) for way in ways]
    counts = tuple(count for _, count in found)
    if len(ways) == 1:
        return Robust(found[0][0], counts[0] - 1, counts)
    _, both = np.unique(np.stack(ways), axis=1, return_inverse=True)
    # Cameron, Gelbach and Miller (2011): what belongs to both was counted twice
    cov = found[0][0] + found[1][0] - one(both.ravel())[0]
    return Robust(cov, min(counts) - 1, counts)


def _check_clusters(codes: Codes) -> None:
    """Raise where there is nothing to cluster, or nothing between clusters."""
    count = len(np.unique(codes))
    if count == 1:
        raise SpecificationError(
            "cov_kwds['groups'] has one cluster, and the covariance comes from differences between "
            "clusters. Use cov_type='HC1', or labels of several clusters."
        )
    if count == len(codes):
        raise SpecificationError(
            f"cov_kwds['groups'] has {count} clusters for {count} rows, so that each has one "
            "member. Use cov_type='HC1', which is the same without clusters."
        )


def _ways(groups: Any, n: int) -> list[Codes]:
    """Codes of one or two ways of clustering, (n,) each."""
    values = groups if hasattr(groups, "shape") else np.asarray(groups)
    array = np.asarray(values)
    if array.ndim == 2 and array.shape[0] != n and array.shape[1] == n:
        array = array.T
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or array.shape[0] != n or array.shape[1] not in (1, 2):
        raise SpecificationError(
            f"cov_kwds['groups'] has shape {np.shape(groups)}; one or two labels are needed for "
            f"each of the {n} rows."
        )
    return [np.unique(column, return_inverse=True)[1].ravel() for column in array.T]


def _panel(parts: Parts, options: Mapping[str, Any]) -> Robust:
    n = parts.fitted.rows.n
    if options.get("groups") is not None:
        groups = _per_row(options["groups"], "groups", n)
        breaks = np.flatnonzero(groups[1:] != groups[:-1]) + 1
    else:
        time = _per_row(options["time"], "time", n)
        breaks = np.flatnonzero(time[1:] < time[:-1]) + 1
    starts = [0, *breaks.tolist()]
    index = list(zip(starts, [*breaks.tolist(), n], strict=True))
    cov = sums.cov_nw_panel(
        (parts.scores(0.5), parts.bread),
        options["maxlags"],
        index,
        weights_func=_kernel(options),
        use_correction=False,
    )
    kind = options.get("use_correction", "hac")
    factor = _small_sample(kind, parts.fitted.wnobs, parts.edf, len(index))
    return Robust(cov * factor, len(index) - 1, (len(index),))


def _group_sums(parts: Parts, options: Mapping[str, Any]) -> Robust:
    time = _per_row(options["time"], "time", parts.fitted.rows.n)
    panels = int((time[1:] < time[:-1]).sum()) + 1
    if np.issubdtype(time.dtype, np.integer):
        periods = time - time.min()
    else:
        periods = np.unique(time, return_inverse=True)[1]
    cov = sums.cov_nw_groupsum(
        (parts.scores(0.5), parts.bread),
        options["maxlags"],
        periods,
        weights_func=_kernel(options),
        use_correction=False,
    )
    kind = options.get("use_correction", "cluster")
    factor = _small_sample(kind, parts.fitted.wnobs, parts.edf, len(np.unique(time)))
    return Robust(cov * factor, panels - 1, (panels,))


def _per_row(values: Any, name: str, n: int) -> npt.NDArray[Any]:
    array = np.asarray(values)
    if array.shape != (n,):
        raise SpecificationError(
            f"cov_kwds[{name!r}] has shape {array.shape}; one value is needed for each of the {n} "
            "rows."
        )
    return array


_GROUPED = {
    "HAC": _hac,
    "cluster": _cluster,
    "hac-panel": _panel,
    "hac-groupsum": _group_sums,
}
