"""Results as tables: printed as they come, and written to ``results.md``."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_info

from benchmarks import ours
from benchmarks.measure import Spread

RESULTS = Path(__file__).with_name("results.md")
RESPONSES = Path(__file__).with_name("responses.md")
PACKAGES = (
    "deepglm", "numpy", "scipy", "pandas", "statsmodels", "glum", "scikit-learn", "torch"
)  # fmt: skip


@dataclass(frozen=True)
class Table:
    """A table with a sentence about it."""

    columns: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    note: str = ""

    def __str__(self) -> str:
        cells = [list(self.columns), *[list(row) for row in self.rows]]
        widths = [max(3, *(len(row[j]) for row in cells)) for j in range(len(self.columns))]
        lines = [_line(row, widths) for row in cells]
        lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
        return "\n".join([*([self.note, ""] if self.note else []), *lines])


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
    return "| " + " | ".join(cells) + " |"


@dataclass(frozen=True)
class Verdict:
    """What was wanted of one ratio, and what was measured."""

    part: str
    what: str
    measured: Spread | float | None
    """None where it could not be measured."""
    least: float | None = None
    most: float | None = None
    unit: str = "x"
    why_not: str = "not available"

    def row(self) -> list[str]:
        """For the table at the top."""
        bound = f">= {self.least:g}" if self.most is None else f"<= {self.most:g}"
        wanted = bound + self.unit
        if self.measured is None:
            return [self.part, self.what, self.why_not, wanted, "-"]
        value = self.measured.median if isinstance(self.measured, Spread) else self.measured
        met = value >= self.least if self.least is not None else value <= (self.most or 0.0)
        shown = f"{self.measured:.3g}" if isinstance(self.measured, Spread) else f"{value:.3g}"
        return [self.part, self.what, shown + self.unit, wanted, "yes" if met else "NO"]


@dataclass
class Report:
    """What the parts have found so far."""

    verdicts: list[Verdict] = field(default_factory=list)
    sections: list[tuple[str, list[str]]] = field(default_factory=list)
    figures: list[Callable[[], None]] = field(default_factory=list)
    """Drawn when results are written."""

    def section(self, title: str) -> None:
        """Begin a section."""
        print(f"\n## {title}", flush=True)
        self.sections.append((title, []))

    def say(self, what: object) -> None:
        """Print a table or a paragraph, and keep it."""
        print(f"\n{what}", flush=True)
        self.sections[-1][1].append(str(what))

    def judge(self, verdict: Verdict) -> None:
        """Print a ratio beside the one that is wanted, and keep it."""
        self.verdicts.append(verdict)
        part, what, measured, wanted, met = verdict.row()
        print(f"\n({part}) {what}: {measured}, wanted {wanted}: {met}", flush=True)

    def summary(self) -> Table:
        """Every wanted ratio."""
        rows = [verdict.row() for verdict in self.verdicts]
        return Table(["part", "ratio", "measured: median (range)", "wanted", "met"], rows)

    def write(self, head: str) -> None:
        """Write ``results.md``, the page of ``responses.py`` at its end, and the figures."""
        text = [head, str(self.summary())]
        for title, paragraphs in self.sections:
            text += [f"## {title}", *paragraphs]
        RESULTS.write_text("\n\n".join([*text, responses()]) + "\n", encoding="utf-8")
        for draw in self.figures:
            draw()


def responses() -> str:
    """The page of ``responses.py`` as a section."""
    return "#" + RESPONSES.read_text(encoding="utf-8").strip()


def machine() -> str:
    """Processor, cores and versions."""
    blas = {
        f"{lib['internal_api']} {lib['version']}" for lib in threadpool_info() if lib["version"]
    }
    found = [f"{name} {_version(name)}" for name in PACKAGES if _version(name)]
    return (
        f"{_processor()}, {ours.cores()} cores; {platform.system()}; "
        f"Python {platform.python_version()}; {', '.join(found)}; {', '.join(sorted(blas))}."
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def load() -> float:
    """Processes that want a core: above one, something else is running."""
    return os.getloadavg()[0]


def geometric_mean(values: Sequence[float]) -> float:
    """Mean on the scale of logarithms."""
    return float(np.exp(np.mean(np.log(values))))


def percent_done(text: str) -> None:
    """Say on the screen, and not in the results, what is being done."""
    print(f"  {text}", file=sys.stderr, flush=True)
