"""``python -m calibration.tables``: from records to gates and the pages of ``docs/calibration``."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from calibration.cell import Cell, Gate
from calibration.cells import CELLS
from calibration.numbers import Line, lines_of
from calibration.records import RECORDS, Record, path_of, read

PAGES = Path(__file__).parents[1] / "docs" / "calibration"

EACH = {"AME, each": "AME, ", "auxiliary, each": "auxiliary, ", "size of each": "size "}
"""Gates for every line whose name begins so."""
SUMMARIES = ("AME, mean", "AME, worst input")


# -- gates ----------------------------------------------------------------------------------------


def judged(gate: Gate, lines: dict[str, Line]) -> list[str]:
    """What does not satisfy a gate; empty where everything does."""
    names = [gate.quantity]
    if gate.quantity in EACH:
        start = EACH[gate.quantity]
        names = [one for one in lines if one.startswith(start) and one not in SUMMARIES]
    return [text for name in names for text in _against(name, lines.get(name), gate)] or (
        [] if names else [f"{gate.quantity}: not measured"]
    )


def _against(name: str, line: Line | None, gate: Gate) -> list[str]:
    if line is None or np.isnan(line.value):
        return [] if gate.if_any else [f"{name}: not measured"]
    for limit, sign, short in ((gate.low, 1.0, "<"), (gate.high, -1.0, ">")):
        if limit is not None and sign * (line.value - limit) < 0:
            near = sign * (line.value - limit) + 2.0 * line.error >= 0
            inside = " (within two errors)" if near else ""
            return [f"{name} {line.value:.3f} {short} {limit:g}{inside}"]
    return []


def verdict(cell: Cell, lines: dict[str, Line]) -> str:
    """ "pass", or what fails; "no gate" where none was set."""
    if not cell.gates:
        return "no gate"
    failures = [text for gate in cell.gates for text in judged(gate, lines)]
    return "pass" if not failures else "fails: " + "; ".join(failures)


# -- pages ----------------------------------------------------------------------------------------

INTRODUCTION = """\
Every number is over all samples of the cell, with its Monte Carlo error in brackets. An interval
that was withheld counts as a miss. ``skip`` cells have the terms of the GLM in the final layer,
``plain`` cells do not. Designs, coefficients, seeds and gates are in ``calibration/`` of the
repository; ``make calibration`` runs everything again. Of a cell with fewer samples than its
full number this is a first look: its Monte Carlo errors say how much it can decide.
"""


def page(group: str, cells: Iterable[tuple[Cell, list[Record]]]) -> str:
    """A page of reStructuredText: a table of gates, and one of numbers per cell."""
    measured = [(cell, records, lines_of(records, cell)) for cell, records in cells]
    title = group[0].upper() + group[1:]
    parts = [f"{title}\n{'=' * len(title)}\n", INTRODUCTION]
    rows = [
        (cell.name, f"{len(records)} of {cell.runs}", _gates(cell), verdict(cell, lines))
        for cell, records, lines in measured
    ]
    parts.append(table("Gates", ("cell", "samples", "gates", "verdict"), rows))
    names = list(dict.fromkeys(name for _, _, lines in measured for name in lines))
    body = [
        (name, *(str(lines[name]) if name in lines else "" for _, _, lines in measured))
        for name in names
    ]
    for start in range(0, len(measured), 4):
        some = measured[start : start + 4]
        heads = ("", *(cell.name for cell, _, _ in some))
        parts.append(
            table("Numbers", heads, [(one[0], *one[1 + start : 5 + start]) for one in body])
        )
    return "\n".join(parts)


def _gates(cell: Cell) -> str:
    texts = []
    for gate in cell.gates:
        low = "" if gate.low is None else f"{gate.low:g} <= "
        high = "" if gate.high is None else f" <= {gate.high:g}"
        texts.append(f"{low}{gate.quantity}{high}")
    return "; ".join(texts)


def table(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A list-table."""
    text = [f".. list-table:: {title}", "   :header-rows: 1", ""]
    for row in (heads, *rows):
        for k, entry in enumerate(row):
            text.append(f"   {'* -' if k == 0 else '  -'} {entry}".rstrip())
    return "\n".join(text) + "\n"


def slug(group: str) -> str:
    """Name of a group's page."""
    return "".join(c if c.isalnum() else "-" for c in group.lower()).replace("--", "-")


def write(records: Path = RECORDS, pages: Path = PAGES) -> list[str]:
    """Write the page of every group that has records, and their contents; return the verdicts."""
    groups: dict[str, list[tuple[Cell, list[Record]]]] = {}
    for cell in CELLS.values():
        found = read(path_of(cell.name, records))[1]
        if found:
            groups.setdefault(cell.group, []).append((cell, found))
    pages.mkdir(parents=True, exist_ok=True)
    for group, cells in groups.items():
        (pages / f"{slug(group)}.rst").write_text(page(group, cells))
    names = [slug(group) for group in groups]
    names += [name for name in ("real_data",) if (pages / f"{name}.rst").exists()]
    listed = "\n".join(f"   {name}" for name in names)
    waiting = sorted({cell.group for cell in CELLS.values()} - set(groups))
    (pages / "index.rst").write_text(
        "Calibration\n===========\n\n"
        "What the package prints is simulated against truths that are known.\n\n"
        f".. toctree::\n   :maxdepth: 1\n\n{listed}\n"
        + (f"\nNot run yet: {', '.join(waiting)}.\n" if waiting else "")
    )
    return [
        f"{cell.name} ({len(found)}): {verdict(cell, lines_of(found, cell))}"
        for cells in groups.values()
        for cell, found in cells
    ]


if __name__ == "__main__":
    print("\n".join(write(*map(Path, sys.argv[1:]))))
