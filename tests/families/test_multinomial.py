"""The multinomial logit: derivatives, statsmodels' and scipy's likelihoods, and its symmetry."""

from __future__ import annotations

import pickle
from fractions import Fraction

import numpy as np
import pytest
from scipy import special, stats
from statsmodels.discrete.discrete_model import MNLogit

from deepglm import families as f
from deepglm.errors import DataError, SpecificationError
from deepglm.families import Level, adapt
from deepglm.families.multinomial import Multinomial, contrast_basis

NO_AUX = np.empty(0)
every_size = pytest.mark.parametrize("classes", [2, 3, 6])


def family_of(classes, reference=None):
    return Multinomial(reference).with_levels(tuple("abcdefgh"[:classes]))


def rows_of(classes, m=12):
    """A family, shares of trials, linear predictors, and numbers of trials."""
    rng = np.random.default_rng(classes)
    weight = np.arange(1.0, m + 1.0)
    eta = rng.normal(scale=1.5, size=(classes - 1, m))
    counts = np.array([rng.multinomial(int(w), np.ones(classes) / classes) for w in weight]).T
    return family_of(classes), counts / weight, eta, weight


def one_hot(code, classes, m):
    return np.repeat(np.eye(classes)[code][:, None], m, axis=1)


def slopes(function, eta, step=1e-3):
    """Central differences of the sixth order in every channel, one after the other."""
    result = []
    for channel in range(len(eta)):
        total = 0.0
        for k, factor in ((1, 45.0), (2, -9.0), (3, 1.0)):
            for sign in (1.0, -1.0):
                moved = eta.copy()
                moved[channel] += sign * k * step
                total = total + sign * factor * function(moved)
        result.append(total / (60.0 * step))
    return np.array(result)


@every_size
def test_score_and_information_are_slopes(classes):
    family, y, eta, weight = rows_of(classes)

    def terms(at, level):
        return family.rows(y, at, NO_AUX, weight, level)

    expected = slopes(lambda at: terms(at, Level.VALUE).value, eta)
    np.testing.assert_allclose(terms(eta, Level.SCORE).score, expected, rtol=1e-9, atol=1e-9)
    expected = -slopes(lambda at: terms(at, Level.SCORE).score, eta)
    for level in (Level.FISHER, Level.OBSERVED):
        found = terms(eta, level).information
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
        np.testing.assert_array_equal(found, found.transpose(1, 0, 2))


@every_size
def test_information_is_the_variance_of_the_score(classes):
    family, y, eta, weight = rows_of(classes)
    one, p = np.ones(weight.shape), family.statistic("prob", eta, NO_AUX)
    total = mean = 0.0
    for code in range(classes):
        hot = one_hot(code, classes, len(one))
        score = family.rows(hot, eta, NO_AUX, one, Level.SCORE).score
        mean = mean + p[code] * score
        total = total + p[code] * score[:, None] * score[None]
    fisher = family.rows(y, eta, NO_AUX, weight, Level.FISHER).information
    np.testing.assert_allclose(mean, 0.0, atol=1e-15)
    np.testing.assert_allclose(fisher, weight * total, rtol=1e-12, atol=1e-14)
    assert (np.linalg.eigvalsh(np.moveaxis(fisher, -1, 0)) > 0.0).all()


@every_size
def test_levels_say_the_same_and_no_more(classes):
    family, y, eta, weight = rows_of(classes)
    kept = y.copy(), eta.copy(), weight.copy()
    value, score, fisher, observed = (family.rows(y, eta, NO_AUX, weight, level) for level in Level)
    m, c = len(weight), classes - 1
    assert family.k_channels == family.k_eta == c
    assert value.score is value.information is score.information is None
    assert (value.value.shape, score.score.shape) == ((m,), (c, m))
    assert fisher.information.shape == observed.information.shape == (c, c, m)
    for terms in (score, fisher, observed):
        np.testing.assert_array_equal(terms.value, value.value)
    for terms in (fisher, observed):
        np.testing.assert_array_equal(terms.score, score.score)
    for given, before in zip((y, eta, weight), kept, strict=True):
        np.testing.assert_array_equal(given, before)


@every_size
def test_log_likelihood_of_counts_is_that_of_scipy(classes):
    family, y, eta, weight = rows_of(classes)
    p = special.softmax(family.basis @ eta, axis=0)
    counts = np.round(weight * y).astype(int)
    expected = [
        stats.multinomial.logpmf(counts[:, i], int(weight[i]), p[:, i] / p[:, i].sum())
        for i in range(len(weight))
    ]
    value = family.rows(y, eta, NO_AUX, weight, Level.VALUE).value
    np.testing.assert_allclose(value, expected, rtol=1e-12, atol=1e-13)
    constant = family.constant(y, weight)
    kept = constant.copy()
    given = family.rows(y, eta, NO_AUX, weight, Level.OBSERVED, constant)
    np.testing.assert_array_equal(given.value, value)
    np.testing.assert_array_equal(constant, kept)


@pytest.mark.parametrize("reference", ["a", "c", "d"])
def test_log_likelihood_is_that_of_statsmodels(reference):
    rng = np.random.default_rng(3)
    X = np.column_stack([np.ones(50), rng.normal(size=(50, 2))])
    codes = np.concatenate([np.arange(4), rng.integers(0, 4, 46)])
    family = family_of(4, reference)
    # statsmodels' reference is its first level
    order = [family.reference, *(c for c in range(4) if c != family.reference)]
    theirs = MNLogit(np.argsort(order)[codes], X)
    hot = np.eye(4)[codes].T
    for _ in range(3):
        params = rng.normal(size=(3, 3))
        eta = np.linalg.solve(family.to_reported, (X @ params).T)
        terms = family.rows(hot, eta, NO_AUX, np.ones(50), Level.OBSERVED)
        expected = theirs.loglikeobs(params.ravel(order="F")).sum(axis=1)
        np.testing.assert_allclose(terms.value, expected, rtol=1e-12)
        # chain rule: eta = to_reported^-1 (log odds)
        score = np.linalg.inv(family.to_reported).T @ terms.score @ X
        np.testing.assert_allclose(
            score, theirs.score(params.ravel(order="F")).reshape(3, 3), rtol=1e-10, atol=1e-11
        )
        linear = family.statistic("linear", eta, NO_AUX)
        np.testing.assert_allclose(linear, (X @ params).T, rtol=1e-12, atol=1e-13)
        predicted = theirs.predict(params)
        prob = family.statistic("prob", eta, NO_AUX)
        np.testing.assert_allclose(prob[order], predicted.T, rtol=1e-12)


@pytest.mark.parametrize("level", Level)
def test_two_classes_are_a_binomial(level):
    family, binomial = family_of(2), adapt(f.Binomial())
    rng = np.random.default_rng(5)
    share, weight = rng.uniform(size=9), np.array([1.0, 2.0, 0.4, 3.5, 1.0, 7.0, 0.1, 2.5, 60.0])
    share[:3] = 0.0, 1.0, 1.0
    y, eta = np.array([1.0 - share, share]), rng.normal(scale=2.0, size=(1, 9))
    turn = family.to_reported[0, 0]
    ours = family.rows(y, eta, NO_AUX, weight, level)
    theirs = binomial.rows(share, turn * eta, NO_AUX, weight, level)
    np.testing.assert_allclose(ours.value, theirs.value, rtol=1e-13, atol=1e-14)
    if theirs.score is not None:
        np.testing.assert_allclose(ours.score, turn * theirs.score, rtol=1e-12, atol=1e-14)
    if theirs.information is not None:
        expected = turn**2 * theirs.information
        np.testing.assert_allclose(ours.information, expected, rtol=1e-12)


def test_whole_labels_have_no_coefficient():
    family = family_of(3)
    hot = np.eye(3)
    assert not family.constant(hot, np.ones(3)).any()
    np.testing.assert_allclose(family.constant(hot, np.array([2.5, 0.3, 4.0])), 0.0, atol=1e-15)


# ---------------------------------------------------------------------------------------------
# The symmetric coordinates.


@pytest.mark.parametrize("classes", range(2, 9))
def test_the_basis_is_orthonormal_and_adds_to_zero(classes):
    Q = contrast_basis(classes)
    np.testing.assert_allclose(Q.T @ Q, np.eye(classes - 1), atol=1e-15)
    np.testing.assert_allclose(Q.sum(axis=0), 0.0, atol=1e-15)
    with pytest.raises(ValueError, match="read-only"):
        Q[0, 0] = 1.0


@every_size
def test_coordinates_and_likelihood_do_not_depend_on_the_reference(classes):
    _, y, eta, weight = rows_of(classes)
    first = family_of(classes).rows(y, eta, NO_AUX, weight, Level.OBSERVED)
    for reference in "abcdefgh"[:classes]:
        family = family_of(classes, reference)
        terms = family.rows(y, eta, NO_AUX, weight, Level.OBSERVED)
        np.testing.assert_array_equal(terms.value, first.value)
        np.testing.assert_array_equal(terms.information, first.information)
        odds = family.statistic("linear", eta, NO_AUX)
        # the penalty of coordinates is that of log odds, centred over all classes
        scores = np.insert(odds, family.reference, 0.0, axis=0)
        centred = scores - scores.mean(axis=0)
        np.testing.assert_allclose((eta**2).sum(axis=0), (centred**2).sum(axis=0), rtol=1e-12)
        prob = family.statistic("prob", eta, NO_AUX)
        np.testing.assert_allclose(prob, special.softmax(scores, axis=0), rtol=1e-12)


def test_a_relabelling_of_the_classes_turns_nothing_but_the_coordinates():
    family, y, eta, weight = rows_of(4)
    order = [2, 0, 3, 1]
    turned = family.basis.T @ (family.basis @ eta)[order]
    np.testing.assert_allclose((turned**2).sum(axis=0), (eta**2).sum(axis=0), rtol=1e-12)
    value = family.rows(y, eta, NO_AUX, weight, Level.VALUE).value
    again = family.rows(y[order], turned, NO_AUX, weight, Level.VALUE).value
    np.testing.assert_allclose(again, value, rtol=1e-12)


# ---------------------------------------------------------------------------------------------
# Far out.


@every_size
@pytest.mark.parametrize("level", Level)
def test_far_out_nothing_is_nan_and_nothing_warns(classes, level):
    family = family_of(classes)
    far = np.array([-1e308, -1e4, -800.0, -745.5, -40.0, 0.0, 40.0, 745.5, 800.0, 1e4, 1e308])
    eta = np.array([np.roll(far, 3 * k) for k in range(classes - 1)])
    for y in (*np.eye(classes), np.full(classes, 1.0 / classes)):
        shares = np.repeat(y[:, None], far.size, axis=1)
        terms = family.rows(shares, eta, NO_AUX, np.ones(far.size), level)
        assert (terms.value <= 0.0).all()
        assert np.isfinite(terms.value[np.abs(eta).max(axis=0) < 1e5]).all()
        for part in (terms.score, terms.information):
            assert part is None or np.isfinite(part).all()
            assert part is None or not part[..., np.isneginf(terms.value)].any()


@pytest.mark.parametrize("gap", [1.0, 20.0, 50.0, 300.0, 700.0])
def test_digits_are_kept_where_a_probability_is_near_one(gap):
    family = family_of(3)
    scores = np.array([[gap], [0.0], [-0.7]])
    eta = family.basis.T @ scores
    terms = family.rows(np.eye(3)[:, :1], eta, NO_AUX, np.ones(1), Level.FISHER)
    small = np.exp(-gap) * (1.0 + np.exp(-0.7))
    assert terms.value[0] == pytest.approx(-np.log1p(small), rel=1e-12 * gap, abs=0.0)
    # Q' (diag p - p p') Q in fractions, from the odds
    odds = [Fraction(1), Fraction(np.exp(-gap)), Fraction(np.exp(-gap) * np.exp(-0.7))]
    p = [one / sum(odds) for one in odds]
    W = [[p[c] * ((c == d) - p[d]) for d in range(3)] for c in range(3)]
    Q = [[Fraction(value) for value in row] for row in family.basis]
    expected = [
        [
            float(sum(Q[c][i] * W[c][d] * Q[d][j] for c in range(3) for d in range(3)))
            for j in range(2)
        ]
        for i in range(2)
    ]
    np.testing.assert_allclose(terms.information[..., 0], expected, rtol=1e-12 * gap)


# ---------------------------------------------------------------------------------------------
# Starting values, statistics, what is refused.


@every_size
def test_starts_are_the_fit_without_regressors(classes):
    family, y, _, weight = rows_of(classes)
    level = family.start_level(y, weight)
    eta = family.start_eta(y, weight, level)
    assert (level.shape, eta.shape) == ((classes - 1,), (classes - 1, len(weight)))
    score = family.rows(y, eta, NO_AUX, weight, Level.SCORE).score
    np.testing.assert_allclose(score.sum(axis=1), 0.0, atol=1e-12)
    assert family.start_aux(y, weight).shape == (0,)


def test_starts_are_usable_without_rows_of_a_class():
    level = family_of(3).start_level(np.array([[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]]), np.ones(2))
    assert np.isfinite(level).all()


@every_size
def test_statistics_and_their_slopes(classes):
    family, _, eta, weight = rows_of(classes)
    assert family.statistics == ("prob", "linear")
    for which, count in (("prob", classes), ("linear", classes - 1)):
        assert family.statistic(which, eta, NO_AUX).shape == (count, len(weight))
        given = family.statistic_slopes(which, eta, NO_AUX)
        assert given.shape == (count, classes - 1, len(weight))
        expected = slopes(lambda at, w=which: family.statistic(w, at, NO_AUX), eta)
        np.testing.assert_allclose(given, np.moveaxis(expected, 0, 1), rtol=1e-9, atol=1e-11)
    assert family.statistic("prob", eta, NO_AUX).sum(axis=0) == pytest.approx(1.0, rel=1e-14)


@pytest.mark.parametrize("method", ["statistic", "statistic_slopes"])
def test_unknown_statistics_are_refused(method):
    family, _, eta, _ = rows_of(3)
    with pytest.raises(SpecificationError, match=r"which='mean'.*prob, linear"):
        getattr(family, method)("mean", eta, NO_AUX)


def test_a_missing_row_has_missing_statistics():
    family = family_of(3)
    eta = np.array([[0.3, np.nan, 1.0], [0.0, 0.2, 0.4]])
    for which in family.statistics:
        missing = np.isnan(family.statistic(which, eta, NO_AUX)).any(axis=0)
        np.testing.assert_array_equal(missing, [False, True, False])


@every_size
def test_deviance_is_twice_what_is_lacking_to_a_perfect_fit(classes):
    family, y, eta, weight = rows_of(classes)
    deviance = family.deviance_rows(y, eta, NO_AUX, weight)
    value = family.rows(y, eta, NO_AUX, weight, Level.VALUE).value
    counts = np.round(weight * y).astype(int)
    perfect = [
        stats.multinomial.logpmf(counts[:, i], int(weight[i]), y[:, i]) for i in range(len(weight))
    ]
    np.testing.assert_allclose(deviance, 2.0 * (perfect - value), rtol=1e-10, atol=1e-11)
    inside = np.full_like(y, 0.5 / classes) + 0.5 * y
    at = family.basis.T @ np.log(inside)
    np.testing.assert_allclose(family.deviance_rows(inside, at, NO_AUX, weight), 0.0, atol=1e-13)


def test_what_the_family_says_of_itself():
    family, _, eta, weight = rows_of(3)
    law = family.distribution(eta, NO_AUX, weight)
    np.testing.assert_array_equal(law.pmf("b"), family.statistic("prob", eta, NO_AUX)[1])
    assert (family.reading, family.plain, family.scale) == ("classes", Level.FISHER, 1.0)
    assert (family.canonical, family.aux_names, family.link.group) == (True, (), None)
    assert pickle.loads(pickle.dumps(family)) == family
    reported, jacobian = family.reported(NO_AUX)
    assert (reported.shape, jacobian.shape) == ((0,), (0, 0))


def test_names_of_what_is_reported():
    family = Multinomial(reference=2).with_levels((1, 2, 3))
    assert family.eta_names == ("1", "3")
    assert family.statistic_labels("prob") == (1, 2, 3)
    assert family.statistic_labels("linear") == ("1", "3")


@every_size
def test_comparisons_say_along_what_a_likelihood_never_falls(classes):
    family, rng = family_of(classes), np.random.default_rng(9)
    kinds = np.concatenate([np.eye(classes), rng.integers(0, 2, size=(8, classes))])
    kinds = kinds[kinds.sum(axis=1) > 0.0]
    y = (kinds / kinds.sum(axis=1, keepdims=True)).T
    # directions with equal steps too, so that classes may stay tied
    moves = family.basis.T @ rng.integers(-1, 2, size=(classes, 300)).astype(float)
    for i in range(y.shape[1]):
        rows = np.repeat(y[:, i : i + 1], moves.shape[1], axis=1)
        near, far = (
            family.rows(rows, t * moves, NO_AUX, np.ones(len(rows[0])), Level.VALUE).value
            for t in (50.0, 60.0)
        )
        allowed = np.ones(len(rows[0]), dtype=bool)
        for comparison in family.comparisons(y[:, i : i + 1]):
            assert comparison.factors.shape == (classes - 1, 1)
            if comparison.used[0]:
                along = comparison.factors[:, 0] @ moves
                allowed &= np.abs(along) < 1e-12 if comparison.tied[0] else along > -1e-12
        np.testing.assert_array_equal(allowed, far > near - 1e-9)
        assert allowed.any()


def test_references():
    assert Multinomial().with_levels((3, 1, 2)).reference == 0
    assert Multinomial(reference=2).with_levels((3, 1, 2)).reference == 2
    with pytest.raises(SpecificationError, match="reference='x' is not a level.*'a', 'b'"):
        Multinomial(reference="x").with_levels(("a", "b"))
    with pytest.raises(DataError, match="two levels or more"):
        Multinomial().with_levels(("a",))


def test_responses_that_are_refused():
    family = family_of(3)
    family.check_response(np.eye(3), "wine")
    with pytest.raises(DataError, match=r"'wine' has no rows of the level 'b'.*remove_unused"):
        family.check_response(np.eye(3)[:, [0, 2, 0]], "wine")
    for wrong in ([0.5, 0.5, 0.5], [1.5, -0.5, 0.0], [np.nan, 0.5, 0.5]):
        y = np.column_stack([np.eye(3), wrong])
        with pytest.raises(DataError, match="'wine' has the shares .* in row 3"):
            family.check_response(y, "wine")
        with pytest.raises(DataError, match="in row 'd'"):
            family.check_response(y, "wine", np.array(list("abcd")))
