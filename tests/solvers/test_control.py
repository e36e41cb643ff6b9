"""Progress, Ctrl-C and the clock; what a fit keeps of its way, its starts and its optima."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize_scalar

import deepglm as dg
from deepglm.errors import ConvergenceWarning, SingleStartWarning, StoppedWarning
from deepglm.solvers import GradientDescent, Progress, Status

ROOT = Path(__file__).parents[2]
quiet = pytest.mark.filterwarnings("ignore::deepglm.errors.SingleStartWarning")


def table(n: int = 250) -> pd.DataFrame:
    rng = np.random.default_rng(7)
    x, z = rng.standard_normal(n), rng.uniform(-1.7, 1.7, n)
    eta = 0.3 + 0.4 * z + np.tanh(2.0 * x - z)
    return pd.DataFrame(
        {
            "x": x,
            "z": z,
            "count": rng.poisson(np.exp(eta)),
            "real": eta + 0.5 * rng.standard_normal(n),
            "amount": rng.gamma(3.0, np.exp(eta) / 3.0),
        }
    )


DATA = table()
FAMILIES = {
    "count": dg.Poisson(),
    "real": dg.Gaussian(),
    "amount": dg.Gamma(dg.families.links.Log()),
}


def model(response: str = "count", hidden: tuple[int, ...] = (3,), **options: Any) -> dg.DeepGLM:
    return dg.DeepGLM(f"{response} ~ x + z", DATA, FAMILIES[response], hidden=hidden, **options)


class Press:
    """A reader of progress who presses Ctrl-C at some news, once or several times."""

    def __init__(self, at: int, times: int = 1, stage: str = "") -> None:
        self.at, self.times, self.stage = at, times, stage
        self.told: list[Progress] = []

    def __call__(self, news: Progress) -> None:
        if news.stage.startswith(self.stage):
            self.told.append(news)
            if len(self.told) == self.at:
                for _ in range(self.times):
                    signal.raise_signal(signal.SIGINT)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Whatever a fit does to the keyboard, it gives it back."""
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    yield
    kept = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    assert kept is signal.default_int_handler


# -- Ctrl-C ---------------------------------------------------------------------------------------

FITS: dict[str, tuple[dict[str, Any], dict[str, Any], int]] = {
    "glm": ({"hidden": ()}, {}, 1),
    "glm by a solver": ({"hidden": ()}, {"method": GradientDescent()}, 2),
    "one start": ({}, {"starts": 1}, 3),
    "many starts": ({}, {"starts": 12}, 4),
    "whitened": ({}, {"method": "whitened", "starts": 3}, 2),
    "gradient": ({}, {"method": "gradient", "starts": 2}, 5),
    "evidence": ({"penalty": "evidence"}, {"starts": 3}, 3),
    "validation": ({"penalty": "validation", "hidden": (3, 2)}, {"starts": 3}, 3),
    "estimated scale": ({"response": "amount"}, {"starts": 3}, 4),
}


@pytest.mark.parametrize("name", FITS)
def test_ctrl_c_keeps_the_best_point(name: str) -> None:
    options, how, at = FITS[name]
    with pytest.warns(ConvergenceWarning, match="keyboard.*start_params=results.params"):
        results = model(**options).fit(inference=None, progress=Press(at), **how)
    assert results.certificate.status is Status.INTERRUPTED
    assert not results.converged
    assert np.isfinite(results.params).all() and np.isfinite(results.penalized_llf)
    assert np.isfinite(results.predict()).all()
    assert results.bse.isna().all()
    assert 1 <= len(results.starts) <= how.get("starts", 1)
    assert "keyboard" in str(results.summary())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SingleStartWarning)
        again = model(**options).fit(inference=None, start_params=results.params)
    assert again.converged
    if results.penalty == again.penalty:
        assert again.penalized_llf > results.penalized_llf


def test_finished_starts_are_kept() -> None:
    """A certified maximum stays one; that the search is not complete is said."""
    press = Press(9, stage="start")
    seen = []

    def at_the_ninth_start(news: Progress) -> None:
        if np.isnan(news.value):  # a new start, or one taken to its end
            seen.append(news.done)
            press(news)

    with pytest.warns(StoppedWarning, match=r"Ctrl-C ended the search after \d+ starts"):
        results = model().fit(inference=None, starts=30, progress=at_the_ninth_start)
    assert results.converged and results.bse.notna().all()
    starts = results.starts
    assert 4 <= len(starts) <= max(seen) < 30
    assert (starts.status == "finished").any()
    assert "Ctrl-C ended the search" in " ".join(str(results.summary()).split())
    # a start that was stopped on its way is at no optimum, unless it is the best
    on_the_way = starts[(starts.status == "stopped") & (starts.optimum != 1)]
    assert (on_the_way.optimum == 0).all() and (on_the_way.hits == 0).all()


@pytest.mark.parametrize("hidden", [(), (3,)])
def test_a_second_ctrl_c_interrupts_at_once(hidden: tuple[int, ...]) -> None:
    with pytest.raises(KeyboardInterrupt):
        model(hidden=hidden).fit(inference=None, progress=Press(1, times=2))


def test_the_keyboard_is_given_back_after_an_error() -> None:
    def fail(news: Progress) -> None:
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
        raise LookupError(news.stage)

    with pytest.raises(LookupError, match="start"):
        model().fit(inference=None, progress=fail)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with pytest.raises(dg.errors.SpecificationError):
        model().fit(inference=None, method="bfgs")


@quiet
def test_a_fit_in_a_thread_leaves_the_keyboard_alone() -> None:
    seen: list[Any] = []
    done: list[dg.DeepGLMResults] = []

    def look(news: Progress) -> None:
        seen.append(signal.getsignal(signal.SIGINT))

    def fit() -> None:
        done.append(model().fit(inference=None, starts=2, progress=look))

    thread = threading.Thread(target=fit)
    thread.start()
    thread.join()
    assert done[0].converged
    assert set(seen) == {signal.default_int_handler}


@quiet
def test_a_handler_of_the_users_own_is_left_alone() -> None:
    pressed: list[int] = []
    signal.signal(signal.SIGINT, lambda number, frame: pressed.append(number))
    try:
        results = model().fit(inference=None, starts=2, progress=Press(2))
        assert results.converged
        assert pressed == [signal.SIGINT]
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def test_a_handler_that_is_set_during_a_fit_stays() -> None:
    def mine(number: int, frame: Any) -> None: ...

    def put(news: Progress) -> None:
        signal.signal(signal.SIGINT, mine)

    model(hidden=()).fit(progress=put)
    assert signal.getsignal(signal.SIGINT) is mine
    signal.signal(signal.SIGINT, signal.default_int_handler)


SCRIPT = """
    import sys
    import numpy as np
    import pandas as pd
    import deepglm as dg

    rng = np.random.default_rng(0)
    data = pd.DataFrame(rng.standard_normal((20_000, 4)), columns=list("abcy"))
    model = dg.DeepGLM("y ~ a + b + c", data, hidden=(8,))
    results = model.fit(inference=None, starts=400, progress=lambda news: print(news, flush=True))
    print("ended", results.certificate.status.name, len(results.starts), flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("presses", [1, 2])
def test_the_keyboard_of_a_terminal(presses: int) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SCRIPT)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert child.stdout is not None and child.stderr is not None
    for line in child.stdout:
        if line.startswith("start 3"):
            break
    for _ in range(presses):
        child.send_signal(signal.SIGINT)
        if presses > 1:
            child.stdout.readline()  # the handler has run before the next news
    out, err = child.communicate(timeout=120)
    if presses == 2:
        assert "KeyboardInterrupt" in err and "ended" not in out
    else:
        assert child.returncode == 0, err
        assert out.splitlines()[-1].split()[:2] in (
            ["ended", "INTERRUPTED"],
            ["ended", "CERTIFIED"],
        )
        assert int(out.split()[-1]) < 400
        assert "keyboard" in err or "Ctrl-C" in err


# -- the clock ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FITS)
def test_no_time_at_all(name: str) -> None:
    options, how, _ = FITS[name]
    with pytest.warns(ConvergenceWarning, match="max_seconds"):
        results = model(**options).fit(inference=None, max_seconds=1e-9, **how)
    assert results.certificate.status is Status.OUT_OF_TIME
    assert np.isfinite(results.params).all() and np.isfinite(results.penalized_llf)
    assert np.isfinite(results.predict()).all()
    assert len(results.starts) == 1


def test_time_for_some_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("deepglm.solvers.watch.time.monotonic", lambda: clock[0])

    def tick(news: Progress) -> None:
        clock[0] += float(np.isnan(news.value))

    with pytest.warns(StoppedWarning, match="max_seconds ended the search after"):
        results = model().fit(inference=None, starts=30, max_seconds=9.5, progress=tick)
    assert results.converged
    assert 4 <= len(results.starts) < 12


# -- progress -------------------------------------------------------------------------------------


@quiet
@pytest.mark.parametrize("name", FITS)
def test_a_function_is_told_how_far_the_fit_is(name: str) -> None:
    options, how, _ = FITS[name]
    told: list[Progress] = []
    results = model(**options).fit(inference=None, progress=told.append, **how)
    stages = list(dict.fromkeys(news.stage for news in told))
    first = {"glm": "GLM", "evidence": "evidence", "validation": "validation"}
    if options.get("hidden") == ():
        assert stages == ["GLM"]
    else:
        expected = [first[name]] if name in first else []
        assert stages == [*expected, "start", "certificate"]
    assert all(0 <= news.done <= news.total or news.total == 0 for news in told)
    assert {news.total for news in told if news.stage == "start"} <= {0, how.get("starts")}
    reached = [news.value for news in told if np.isfinite(news.value)]
    assert max(reached[-20:]) <= results.penalized_llf + 1e-6 * abs(results.penalized_llf)
    assert all("nan" not in str(news) and str(news).startswith(news.stage) for news in told)


@quiet
@pytest.mark.parametrize("hidden", [(), (3,)])
def test_a_bar_is_drawn_and_wiped_off(
    hidden: tuple[int, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    results = model(hidden=hidden).fit(
        inference=None, progress=True, **({"starts": 3} if hidden else {})
    )
    out, err = capsys.readouterr()
    assert results.converged
    assert out == ""
    pictures = [picture.rstrip() for picture in err.split("\r")]
    assert "\n" not in err
    assert pictures[-1] == "" and pictures[-2] == ""
    assert any(picture.startswith("start 2 of 3 |" if hidden else "GLM |") for picture in pictures)
    assert len(pictures) < 60  # not one for every step


@quiet
@pytest.mark.parametrize("progress", [None, False, np.False_])
def test_silence(progress: Any, capsys: pytest.CaptureFixture[str]) -> None:
    model().fit(inference=None, starts=2, progress=progress)
    assert capsys.readouterr() == ("", "")


def test_a_bar_is_wiped_off_after_ctrl_c(capsys: pytest.CaptureFixture[str]) -> None:
    """In a subprocess nobody could press in time; a bar that presses is pressed by its own draw."""
    from deepglm.model import progress

    drawn = progress._Shown.__call__

    def pressing(self: Any, news: Progress) -> None:
        drawn(self, news)
        if news.done == 2:
            signal.raise_signal(signal.SIGINT)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(progress._Shown, "__call__", pressing)
        with pytest.warns(ConvergenceWarning, match="keyboard"):
            model(hidden=(6, 4)).fit(inference=None, starts=5, progress=True)
    assert capsys.readouterr().err.split("\r")[-1] == ""


@pytest.mark.slow
def test_a_bar_in_a_notebook(tmp_path: Path) -> None:
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    spec = tmp_path / "kernels" / "this"
    spec.mkdir(parents=True)
    command = f'["{sys.executable}", "-m", "ipykernel_launcher", "-f", "{{connection_file}}"]'
    (spec / "kernel.json").write_text(
        f'{{"argv": {command}, "display_name": "this", "language": "python"}}'
    )
    code = """
        import deepglm as dg
        data = dg.datasets.load("mcycle")
        model = dg.DeepGLM("accel ~ times", data, hidden=(3,))
        results = model.fit(inference=None, starts=6, progress=True)
        print(results.converged)
    """
    cells = [nbformat.v4.new_code_cell(textwrap.dedent(code))]
    notebook = nbformat.v4.new_notebook(cells=cells)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(tmp_path))
        patch.setenv("PYTHONPATH", str(ROOT))
        client = nbclient.NotebookClient(notebook, timeout=300, kernel_name="this")
        client.execute(cwd=str(tmp_path))
    outputs = notebook.cells[0]["outputs"]
    said = "".join(output["text"] for output in outputs if output.get("name") == "stdout")
    drawn = "".join(output["text"] for output in outputs if output.get("name") == "stderr")
    assert said.strip() == "True"
    assert "Warning" not in drawn and "start" in drawn


# -- what is kept ---------------------------------------------------------------------------------


@quiet
@pytest.mark.parametrize("response", FAMILIES)
@pytest.mark.parametrize("method", ["scoring", "whitened", "fisher", "newton", "gradient"])
def test_the_history_leads_to_the_estimate(response: str, method: str) -> None:
    results = model(response).fit(inference=None, method=method, starts=3)
    history = results.history
    assert list(history.columns) == ["phase", "penalized_llf", "decrement"]
    assert history.index.name == "step" and list(history.index) == list(range(len(history)))
    assert (history.decrement.dropna() >= 0).all()
    best = results.starts.penalized_llf.max()
    assert history.penalized_llf.iloc[-1] == pytest.approx(best, abs=1e-9)
    # the last Newton steps come after it
    assert -1e-8 < results.penalized_llf - best < 0.01
    if method != "gradient":  # which may go up for a few steps
        within = history[~history.phase.isin(["start"])].penalized_llf
        assert (np.diff(within) > -1e-7 * abs(best)).all()
    assert results.fit_history["objective"] == (-history.penalized_llf).tolist()
    # steps that were tried, those of the first rounds included
    accepted = (history.phase != "start").sum()
    assert results.fit_history["iteration"] >= accepted
    if method == "gradient":
        assert results.fit_history["iteration"] == accepted
    assert (history.phase[1:] != "start").all()
    assert results.mle_settings["starts"] == len(results.starts)


@pytest.mark.parametrize("response", FAMILIES)
@pytest.mark.parametrize("scale", [None, 0.7])
def test_the_history_of_a_glm(response: str, scale: float | None) -> None:
    results = model(response, hidden=()).fit(scale=scale)
    end = results.history.penalized_llf.iloc[-1]
    assert end == pytest.approx(results.penalized_llf, abs=1e-8)
    assert results.starts[["origin", "optimum", "hits"]].to_numpy().tolist() == [
        ["least squares", 1, 1]
    ]
    assert results.starts.iterations.iloc[0] == results.fit_history["iteration"]
    given = model(response, hidden=()).fit(start_params=results.params)
    assert given.starts.origin.tolist() == ["given"]


@quiet
def test_the_table_of_starts() -> None:
    results = model(hidden=(4,)).fit(inference=None, starts=25, seed=3)
    starts = results.starts
    assert list(starts.columns) == [
        "origin",
        "penalized_llf",
        "iterations",
        "status",
        "optimum",
        "hits",
    ]
    assert starts.index.name == "start" and starts.index.is_monotonic_increasing
    assert starts.index.is_unique and starts.index.min() >= 1 and starts.index.max() <= 25
    assert set(starts.status) <= {"finished", "stopped", "dropped"}
    dropped = starts.status == "dropped"
    assert (starts.optimum[dropped] == 0).all() and (starts.hits[dropped] == 0).all()
    arrived = starts[starts.optimum > 0].sort_values("penalized_llf", ascending=False)
    # one number for every level, counted from the best
    assert arrived.optimum.iloc[0] == 1 and arrived.optimum.is_monotonic_increasing
    assert sorted(set(arrived.optimum)) == list(range(1, arrived.optimum.max() + 1))
    levels = arrived.groupby("optimum").penalized_llf.agg(["max", "min", "size"])
    assert (levels["max"] - levels["min"] < 0.01).all()
    assert (-levels["max"].diff().dropna() >= 0.01 - 1e-12).all()
    assert (levels["size"].loc[arrived.optimum].to_numpy() == arrived.hits.to_numpy()).all()
    assert results.mle_settings["hits"] == levels["size"].loc[1]
    assert results.penalized_llf >= starts.penalized_llf.max() - 1e-8
    assert not starts.isna().any().any()


@quiet
@pytest.mark.parametrize("response", FAMILIES)
@pytest.mark.parametrize("penalty", ["weak", "evidence", dg.L2(1.0, intercepts="hidden")])
def test_modes_have_the_likelihood_that_they_say(response: str, penalty: Any) -> None:
    posed = model(response, hidden=(3,), penalty=penalty)
    results = posed.fit(inference=None, starts=20, seed=1)
    modes = results.modes
    assert list(modes.index) == posed.exog_names and list(modes.columns)[0] == 1
    said, hits = modes.attrs["penalized_llf"], modes.attrs["hits"]
    assert len(said) == len(hits) == modes.shape[1]
    assert (np.diff(said) < 0).all() and said[0] - said[-1] <= 4.0
    found = results.starts.optimum.value_counts()
    assert hits == [found[number] for number in modes.columns]
    fixed = model(response, hidden=(3,), penalty=results.penalty)
    for number, value in zip(modes.columns, said, strict=True):
        params = modes[number]
        reached = fixed.penalized_loglike(params)
        if response != "count":
            # each optimum has a dispersion of its own, estimated with it
            scale = minimize_scalar(
                lambda log_scale, at=params: -fixed.penalized_loglike(at, np.exp(log_scale)),
                bracket=(-3.0, 0.0),
                options={"xtol": 1e-10},
            )
            reached = -scale.fun
        assert reached == pytest.approx(value, abs=1e-4)
    np.testing.assert_allclose(results.penalized_llf, said[0], atol=0.01)


@quiet
def test_what_is_kept_is_small() -> None:
    """Some hundred starts and their histories, but no matrix of the coefficients' size."""
    results = model(hidden=(6,)).fit(inference=None, starts=60)
    size = len(results.params)
    kept = results._estimate
    floats = sum(mode.params.size for mode in kept.modes)
    assert floats == len(kept.modes) * size
    assert len(pickle.dumps((kept.starts, kept.history, kept.modes))) < 100_000
