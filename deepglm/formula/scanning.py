"""Marks of a formula's text: names, quotes, brackets, each with its place."""

from __future__ import annotations

import re
from typing import NamedTuple

from deepglm.errors import FormulaError

_MARK = re.compile(
    r"""
      (?P<quote>[rRbBuUfF]{0,2}(?:'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"))
    | (?P<number>\d[\w.]*|\.\d[\w.]*)
    | (?P<name>[^\W\d]\w*)
    | (?P<open>[(\[{])
    | (?P<close>[)\]}])
    | (?P<operator>\*\*|//|==|!=|<=|>=|<<|>>|[^\w\s])
    """,
    re.VERBOSE,
)
_PARTNER = {")": "(", "]": "[", "}": "{"}


class Mark(NamedTuple):
    """One mark: its kind, its characters, where it stands and how many brackets are around it."""

    kind: str
    text: str
    start: int
    depth: int

    @property
    def end(self) -> int:
        """Position after the last character."""
        return self.start + len(self.text)


def caret(text: str, start: int, end: int) -> str:
    """Show the text with the characters from ``start`` to ``end`` underlined."""
    return f"\n    {text}\n    {' ' * start}{'^' * max(1, end - start)}"


def scan(text: str) -> list[Mark]:
    """Cut a text into marks; quotes have to be closed and brackets to match.

    Raises
    ------
    FormulaError
        At the first quote or bracket without a partner.
    """
    marks: list[Mark] = []
    opened: list[Mark] = []
    for match in _MARK.finditer(text):
        mark = Mark(str(match.lastgroup), match.group(), match.start(), len(opened))
        if mark.kind == "operator" and mark.text in "'\"":
            raise FormulaError(
                f"The quote that opens at character {mark.start + 1} is never closed. Close it."
                + caret(text, mark.start, mark.end)
            )
        if mark.kind == "close":
            mark = mark._replace(depth=len(opened) - 1)
            if not opened or opened.pop().text != _PARTNER[mark.text]:
                raise FormulaError(
                    f"Unbalanced brackets: the '{mark.text}' at character {mark.start + 1} closes "
                    "nothing. Remove it, or write the bracket that it closes."
                    + caret(text, mark.start, mark.end)
                )
        elif mark.kind == "open":
            opened.append(mark)
        marks.append(mark)
    if opened:
        mark = opened[-1]
        raise FormulaError(
            f"Unbalanced brackets: the '{mark.text}' at character {mark.start + 1} is never "
            "closed. Close it." + caret(text, mark.start, mark.end)
        )
    return marks


def partner(marks: list[Mark], k: int) -> int:
    """Number of the mark that closes the bracket opened by mark ``k``."""
    return next(
        j
        for j in range(k + 1, len(marks))
        if marks[j].kind == "close" and marks[j].depth == marks[k].depth
    )


def split_at(text: str, marks: list[Mark], separator: str) -> list[tuple[int, int]]:
    """Spans of the text between the separators that stand outside all brackets."""
    cuts = [mark for mark in marks if mark.depth == 0 and mark.text == separator]
    starts = [0, *(mark.end for mark in cuts)]
    ends = [*(mark.start for mark in cuts), len(text)]
    return list(zip(starts, ends, strict=True))
