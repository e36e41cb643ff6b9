"""The benchmarks pose the same problem to everybody: nothing here is timed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.special import expit

from benchmarks import cases, ours, peers, r_peer, run
from benchmarks.measure import Trace
from benchmarks.objective import Case, Net, largest_score, objective
from benchmarks.part_networks import Contest
from benchmarks.report import Verdict

MAKERS: dict[str, Callable[[], Case]] = {
    "glm_binomial": lambda: cases.glm("binomial", 400, 5),
    "glm_poisson": lambda: cases.glm("poisson", 400, 5),
    "gaussian": lambda: cases.smooth(400),
    "deep": lambda: cases.deep(400),
    "adult": cases.adult,
    "pima": cases.pima,
    "rock": cases.rock,
}


def few(case: Case, rows: int = 400) -> Case:
    """Every so manieth row."""
    keep = slice(None, None, max(1, case.n // rows))
    offset = None if case.offset is None else case.offset[keep]
    return replace(case, X=np.ascontiguousarray(case.X[keep]), y=case.y[keep], offset=offset)


@pytest.fixture(scope="module", params=MAKERS)
def case(request: pytest.FixtureRequest) -> Case:
    return MAKERS[request.param]()


@pytest.fixture(scope="module")
def french() -> Case:
    return cases.french()


def nets(case: Case, count: int = 3) -> list[Net]:
    rng = np.random.default_rng(0)
    sizes = list(zip(case.widths[:-1], case.widths[1:], strict=True))
    return [
        Net([rng.normal(scale=0.4, size=s) for s in sizes], [rng.normal(size=s[1]) for s in sizes])
        for _ in range(count)
    ]


def check_case(case: Case) -> None:
    assert case.X.flags.c_contiguous and case.X.shape == (case.n, case.widths[0])
    assert np.isfinite(case.X).all() and np.isfinite(case.y).all()
    support = {"binomial": {0.0, 1.0}, "poisson": set(map(float, range(200)))}
    assert case.family == "gaussian" or set(np.unique(case.y)) <= support[case.family]
    assert np.linalg.matrix_rank(case.X[:: max(1, case.n // 100_000)]) == case.widths[0]


def test_case_can_be_built(case: Case) -> None:
    check_case(case)


@pytest.mark.slow
def test_french_case_is_the_published_learning_rows(french: Case) -> None:
    check_case(french)
    assert french.X.shape == (610_212, 40)
    numbers = np.isclose(french.X.std(axis=0), 1.0)
    dummies = french.X[:, ~numbers]
    assert numbers.sum() == 8
    assert np.allclose(np.ptp(dummies, axis=0), 2.0) and np.allclose(dummies.mean(axis=0), 0.0)


def test_sizes_are_those_of_the_issue() -> None:
    assert cases.adult().X.shape == (32_561, 44)
    assert cases.smooth().X.shape == (45_000, 9)
    assert cases.deep().widths == (10, 16, 8, 1)


def check_objective(case: Case) -> None:
    """Differences from one point to another: the constants of the response are nobody's concern."""
    model = ours.model(case)
    rng = np.random.default_rng(1)
    theta = rng.normal(scale=0.4, size=(3, model.predictor.size))
    theirs = [-model.penalized_loglike(t, ours.fixed_scale(case)) for t in theta]
    mine = [objective(case, ours.net(model, t)) for t in theta]
    assert np.ptp(theirs) > 1e-3
    assert np.allclose(np.diff(mine), np.diff(theirs), rtol=1e-9)


def test_objective_is_deepglms_up_to_a_constant(case: Case) -> None:
    check_objective(case)


@pytest.mark.slow
def test_objective_is_deepglms_with_an_exposure(french: Case) -> None:
    check_objective(few(french, 3000))


def test_score_is_deepglms() -> None:
    case = cases.glm("poisson", 400, 5)
    model = ours.model(case)
    theta = np.random.default_rng(2).normal(scale=0.1, size=model.predictor.size)
    expected = np.abs(model.score(theta)).max()
    assert largest_score(case, ours.net(model, theta)) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["gaussian", "pima", "rock", "deep"])
def test_scikit_learn_has_the_same_objective(name: str) -> None:
    pytest.importorskip("sklearn")
    from benchmarks import sklearn_peer

    case = few(MAKERS[name]())
    traces = [sklearn_peer.fit(case, 0, "lbfgs", steps=k) for k in (5, 15)]
    for trace in traces:  # its own loss at the end, and the shared objective: one constant
        own = [value for _, value in trace.curve]
        assert min(own) == pytest.approx(trace.objective, rel=1e-12)
    start = traces[0].curve[0][1]
    assert traces[1].curve[0][1] == pytest.approx(start, rel=1e-9)
    assert traces[1].objective < traces[0].objective < start


@pytest.mark.parametrize("name", ["gaussian", "adult", "deep", "rock"])
def test_pytorch_has_the_same_objective_and_gradient(name: str) -> None:
    torch = pytest.importorskip("torch")
    from benchmarks import torch_peer

    case = few(MAKERS[name]())
    posed = torch_peer.Posed(case, 0, torch.float64)
    losses, values = [], []
    for net in nets(case):
        posed.set_to(net)
        losses.append(case.n * posed.loss().item())
        values.append(objective(case, net))
    assert np.allclose(losses, values, rtol=1e-10)
    posed.loss().backward()
    W = nets(case)[-1].weights[0]
    moved = [np.zeros_like(W), np.zeros_like(W)]
    moved[0][0, 0], moved[1][0, 0] = 1e-5, -1e-5
    last = nets(case)[-1]
    up, down = (objective(case, Net([W + step, *last.weights[1:]], last.biases)) for step in moved)
    gradient = case.n * torch_peer.numpy_gradient(posed)[0]
    assert gradient == pytest.approx((up - down) / 2e-5, rel=1e-5)


@pytest.mark.parametrize("name", ["gaussian", "adult", "pima", "rock"])
def test_nnet_is_given_the_same_objective(name: str) -> None:
    case = few(MAKERS[name]())
    p, q = case.widths[0], case.hidden[0]
    rng = np.random.default_rng(3)
    decay = r_peer.decay(case) * np.r_[np.tile(np.r_[0.0, np.ones(p)], q), 0.0, np.ones(q)]

    def criterion(w: np.ndarray) -> float:
        """As nnet's manual defines it, with logistic units; least squares are not halved."""
        hidden = expit(np.column_stack((np.ones(case.n), case.X)) @ w[: -q - 1].reshape(q, -1).T)
        eta = w[-q - 1] + hidden @ w[-q:]
        if case.family == "gaussian":
            return float(((case.y - eta) ** 2).sum() + decay @ w**2) / 2.0
        return float((np.logaddexp(0.0, eta) - case.y * eta).sum() + decay @ w**2)

    for _ in range(3):
        w = rng.normal(size=len(decay))
        net = r_peer.network_net(case, w)
        assert objective(case, net) == pytest.approx(criterion(w), rel=1e-10)


def test_deepglm_ends_where_its_curve_ends() -> None:
    case = few(cases.smooth())
    trace = ours.fit(case, 0)
    assert trace.curve[-1] == (trace.seconds, trace.objective)
    assert all(value >= trace.objective - 1e-6 for _, value in trace.curve)


def test_values_of_a_sample_of_the_rows_are_left_out_of_the_curve() -> None:
    told = [(0.1, 50.0), (0.2, 10.0), (0.3, 12.0), (0.4, 11.0), (0.5, 11.0)]
    assert ours.on_all_rows(told) == told[2:]
    assert ours.on_all_rows([]) == []


def trace(seconds: float, end: float) -> Trace:
    return Trace(seconds, Net([], []), end, [(seconds / 2, end + 1.0), (seconds, end)])


def test_failures_count_in_the_expected_time() -> None:
    case = cases.rock()
    traces = {
        peers.ONE: [trace(1.0, 9.0), trace(3.0, 12.0), trace(2.0, 10.0)],
        "other": [trace(4.0, 11.0), trace(4.0, 11.0), trace(4.0, 11.0)],
    }
    contest = Contest(case, traces, {}, 10.0, "other")
    assert contest.hits(peers.ONE) == 2
    assert contest.expected(peers.ONE) == pytest.approx(6.0 / 2.0)
    assert contest.first(peers.ONE) == pytest.approx((0.5 + 3.0 + 2.0) / 2.0)
    assert contest.expected("other") == float("inf")


def test_a_verdict_knows_both_kinds_of_bound() -> None:
    assert Verdict("x", "", 2.0, least=2.5).row()[-1] == "NO"
    assert Verdict("x", "", 3.0, least=2.5).row()[-1] == "yes"
    assert Verdict("x", "", 2.0, most=1.5).row()[-1] == "NO"
    assert Verdict("x", "", None, most=1.5).row()[-1] == "-"


def test_a_package_that_is_not_here_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*_: Any) -> None:
        return None

    monkeypatch.setattr(peers, "find_spec", nothing)
    monkeypatch.setattr(r_peer.shutil, "which", nothing)
    named = " ".join(peers.absent())
    assert all(word in named for word in ("glum", "sklearn", "torch", "Rscript"))
    assert peers.networks() == []


def test_an_unknown_part_is_refused_with_the_list() -> None:
    with pytest.raises(SystemExit, match="gradient.*networks:adult"):
        run.chosen(["speed"])
