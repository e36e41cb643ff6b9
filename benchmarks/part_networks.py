"""(c) Expected time to target, restarts counted, and (d) the objective against time."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from benchmarks import cases, figure, ours, peers
from benchmarks.measure import Trace, best_threads, rotated, spread, threads
from benchmarks.objective import Case
from benchmarks.report import Report, Table, Verdict, geometric_mean, percent_done

CLOSE = 1e-3
"""Log-likelihood units by which an end may miss the target and still count."""


class Contest(NamedTuple):
    """All fits of one case."""

    case: Case
    traces: dict[str, list[Trace]]
    threads: dict[str, int]
    target: float
    setter: str
    """The package whose median end is the target."""

    def hits(self, name: str) -> int:
        """Fits that end at or below the target."""
        return sum(trace.objective <= self.bar for trace in self.traces[name])

    @property
    def bar(self) -> float:
        """The target, with room for what no statistician could see."""
        return self.target + CLOSE

    def expected(self, name: str) -> float:
        """Seconds of all fits for every one that ends at or below the target."""
        total = sum(trace.seconds for trace in self.traces[name])
        return total / self.hits(name) if self.hits(name) else float("inf")

    def first(self, name: str) -> float:
        """The same if every fit that passes the target were stopped there."""
        total, hits = 0.0, 0
        for trace in self.traces[name]:
            passed = [when for when, value in trace.curve if value <= self.bar]
            total += min(passed, default=trace.seconds)
            hits += bool(passed)
        return total / hits if hits else float("inf")

    def fastest(self) -> str:
        """The other package that reaches the target soonest."""
        return min(others(self.traces), key=self.expected)


def others(traces: dict[str, list[Trace]]) -> list[str]:
    """Names that are not ours."""
    return [name for name in traces if not name.startswith("DeepGLM")]


def run(report: Report, names: Sequence[str] = tuple(cases.NETWORKS)) -> None:
    """Every case whose data are here."""
    report.section("c. Networks: expected time to target")
    report.say(HOW)
    peers.warm_up(cases.pima())
    contests = []
    for name in names:
        try:
            case = cases.NETWORKS[name]()
        except FileNotFoundError as missing:
            report.say(f"**Left out: {name}**, whose data are not here ({missing.filename}).")
            continue
        contest = compete(case)
        if not others(contest.traces):
            report.say("**No other package that fits networks is installed.**")
            return
        report.say(table(contest))
        report.say(_what_deepglm_did(contest))
        contests.append(contest)
    if contests:
        _judge(report, contests)
        report.say(
            "Below: the objective against time, five seeds; the dots are the ends.\n\n"
            "![objective against time](../docs/benchmarks.png)"
        )
        report.figures.append(lambda: figure.draw(contests))


HOW = """\
The objective is minus the log-likelihood (dispersion one) plus half the ridge times the squares of
all slopes, the same for every package: targets and ends are judged by one function of slopes and
intercepts. The packages take turns, seed by seed, from random starting values of their own, each on
one thread or two, whichever is faster on the case; DeepGLM uses all cores by itself. Minibatch
methods are judged by the best of their epochs.

The target is the median end of the other package that ends lowest. "Expected seconds" are those of
all fits, divided by the number of fits that end at or below the target (or miss it by less than
0.001 log-likelihood units). "If stopped there": the same, had every fit been stopped when it first
passed the target, which nobody can know to do."""


def compete(case: Case) -> Contest:
    """Fit the case with every package and every seed, in turns."""
    field = [peer for peer in peers.deepglm() + peers.networks() if peer.fits(case)]
    fits = {peer.name: peer.fit for peer in field}
    use = {peer.name: _threads(peer, case) for peer in field}
    traces: dict[str, list[Trace]] = {name: [] for name in fits}
    for seed in range(case.seeds):
        for name in rotated(list(fits), seed):
            with threads(use[name]):
                trace = fits[name](case, seed)
            traces[name].append(trace)
            told = f"{case.name}, seed {seed}, {name}: {trace.seconds:.2f} s, {trace.objective:.4f}"
            percent_done(f"{told} {trace.remark}")
    ends = {
        name: median(trace.objective for trace in traces[name]) for name in others(traces)
    }  # fmt: skip
    setter = min(ends, key=lambda name: ends[name], default="")
    return Contest(case, traces, use, ends.get(setter, float("nan")), setter)


def _threads(peer: peers.Peer, case: Case) -> int:
    """One thread or two for the others; DeepGLM uses every core by itself."""
    if peer.name in (peers.ONE, peers.DEFAULT):
        return ours.cores()
    if peer.trial is None:
        return 1
    return best_threads(lambda: peer.fit(case, 0, steps=peer.trial))


def table(contest: Contest) -> Table:
    """One line per package."""
    case, traces = contest.case, contest.traces
    note = (
        f"**{case.title}**, {case.activation} units, ridge {case.ridge:g}, {case.seeds} seeds; "
        f"target {contest.target:.4f} ({contest.setter}); others cut off after {case.seconds:g} s."
    )
    columns = ["package", "threads", "seconds per fit", "objective at the end", "at target"]
    columns += ["expected seconds", "if stopped there", "times DeepGLM"]
    rows: list[Sequence[str]] = []
    for name, fits in traces.items():
        cut = sum(trace.remark == "cut off" for trace in fits)
        taken = f"{spread([trace.seconds for trace in fits]):.3g}"
        expected, own = contest.expected(name), contest.expected(peers.ONE)
        rows.append(
            [
                name,
                str(contest.threads[name]),
                f"{taken}, {cut} cut" if cut else taken,
                _ends([trace.objective for trace in fits]),
                f"{contest.hits(name)} of {len(fits)}",
                _or_never(expected),
                _or_never(contest.first(name)),
                _or_never(expected / own) if own < float("inf") else "-",
            ]
        )
    return Table(columns, rows, note)


def _or_never(seconds: float) -> str:
    return "never" if seconds == float("inf") else f"{seconds:.3g}"


def _ends(values: Sequence[float]) -> str:
    middle, low, high = spread(values)
    return f"{middle:.3f} ({low:.3f}-{high:.3f})"


def _what_deepglm_did(contest: Contest) -> str:
    lines = [f"DeepGLM's fits of {contest.case.name}, one start each:", ""]
    for seed, trace in enumerate(contest.traces[peers.ONE][:5]):
        lines.append(f"* seed {seed}: {trace.seconds:.3g} s; {trace.remark}")
    return "\n".join(lines)


def _judge(report: Report, contests: Sequence[Contest]) -> None:
    found: list[float] = []
    stopped: list[float] = []
    for contest in contests:
        rival = contest.fastest()
        own = contest.expected(peers.ONE)
        found.append(contest.expected(rival) / own if own < float("inf") else 0.0)
        quickest = min(contest.first(name) for name in others(contest.traces))
        stopped.append(quickest / contest.first(peers.ONE) if own < float("inf") else 0.0)
        what = f"{contest.case.name}: fastest other ({rival}) / DeepGLM"
        report.judge(Verdict("c", what, found[-1], least=1.0))
    if min(found) > 0:
        what = f"geometric mean of {len(found)} cases (aim: 20x)"
        report.judge(Verdict("c", what, geometric_mean(found), least=8.0))
        mean = geometric_mean(stopped)
        report.say(f"Had every fit been stopped at the target, the geometric mean were {mean:.2f}.")
    else:
        what, why = "geometric mean over cases", "DeepGLM misses a target"
        report.judge(Verdict("c", what, None, least=8.0, why_not=why))
