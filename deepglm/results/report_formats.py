"""statsmodels' summary with what it leaves out: names are escaped in HTML and LaTeX."""

from __future__ import annotations

import copy
import html
import textwrap
from collections.abc import Callable, Iterable

from statsmodels.iolib.summary import Summary
from statsmodels.iolib.table import SimpleTable
from statsmodels.iolib.tableformatting import fmt_params

__all__ = ["TableReport", "facts_report", "latex_escape"]

_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "#": r"\#",
    "$": r"\$",
    "%": r"\%",
    "&": r"\&",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\ensuremath{<}",
    ">": r"\ensuremath{>}",
    "|": r"\ensuremath{|}",
}


def latex_escape(text: str) -> str:
    r"""Write text so that LaTeX prints it as it is.

    Examples
    --------
    >>> latex_escape("bs(x_1, df=3)[0] & 5%")
    'bs(x\\_1, df=3)[0] \\& 5\\%'
    """
    return "".join(_LATEX.get(character, character) for character in text)


class TableReport(Summary):  # type: ignore[misc,unused-ignore]
    """Tables and notes, as text, HTML, LaTeX and CSV."""

    def as_text(self) -> str:
        """Tables and notes as text."""
        text = ""
        for table, after in zip(self.tables, [*self.tables[1:], None], strict=True):
            lines = table.as_text()
            if after is not None and not after.title:
                # the rule below one table is the rule above the next
                lines = lines.rsplit("\n", 1)[0]
            text += f"{lines}\n" if after is None or not after.title else f"{lines}\n\n"
        return text + (f"\n{self.extra_txt}" if self.extra_txt else "")

    def as_html(self) -> str:
        """Tables and notes as HTML."""
        parts = [_escaped(table, html.escape).as_html() for table in self.tables]
        if self.extra_txt:
            lines = html.escape(self.extra_txt).replace("\n", "<br/>\n")
            parts.append(f"<p>{lines}</p>")
        return "\n".join(parts)

    def as_latex(self) -> str:
        """Tables and notes as LaTeX; the booktabs package is needed."""
        parts = [_latex_table(table) for table in self.tables]
        if self.extra_txt:
            parts.append(latex_escape(self.extra_txt).replace("\n", " \\newline\n"))
        return "\n\n".join(parts)


_WIDTH = 78
_LABELS = 22
"""Width of a table of facts, and of its first column with the space after it."""

_FACTS = {
    **fmt_params,
    "data_fmts": ["%s"],
    "data_aligns": "l",
    "stubs_align": "l",
    "colsep": "  ",
}


def facts_report(title: str, facts: Iterable[tuple[str, str]], note: str = "") -> TableReport:
    """A table of facts in words, a label before each, and a note below.

    Parameters
    ----------
    title
        Title of the table.
    facts
        Labels and facts; long ones go over several lines.
    note
        A sentence, or none.
    """
    cells: list[list[str]] = []
    labels: list[str] = []
    for label, value in facts:
        lines = textwrap.wrap(value, _WIDTH - _LABELS) or [""]
        labels += [label] + [""] * (len(lines) - 1)
        cells += [[line] for line in lines]
    report = TableReport()
    report.tables.append(SimpleTable(cells, None, labels, title=title, txt_fmt=_FACTS))
    if note:
        report.add_extra_txt(textwrap.wrap(note[0].upper() + note[1:], _WIDTH))
    return report


def _latex_table(table: SimpleTable) -> str:
    escaped = _escaped(table, latex_escape)
    title, escaped.title = escaped.title, None
    tabular = escaped.as_latex_tabular(center=False, replacements={})
    heading = f"\\textbf{{{title}}}\n\n" if title else ""
    return f"\\begin{{center}}\n{heading}{tabular}\n\\end{{center}}"


def _escaped(table: SimpleTable, escape: Callable[[str], str]) -> SimpleTable:
    table = copy.deepcopy(table)
    if table.title:
        table.title = escape(table.title)
    for row in table:
        for cell in row:
            if isinstance(cell.data, str):
                cell.data = escape(cell.data)
    return table
