"""The language: patsy's, and ``deep(...)`` as a term that stands alone."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import patsy

from deepglm.errors import FormulaError
from deepglm.formula.scanning import Mark, caret, partner, scan, split_at

KEYWORDS = ("units", "activation")
"""What ``deep()`` accepts beside its inputs."""

_NEW_NAMES = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.NamedExpr)


@dataclass(frozen=True)
class DeepTerm:
    """One ``deep()`` term.

    Parameters
    ----------
    text
        What is inside, without the keywords: the right side of a formula of its own.
    units
        Hidden units by layer; None leaves them to the model.
    activation
        A name, a tuple of names (one for each layer), an object of the caller's, or None.
    source
        The term as it was written.
    """

    text: str
    units: tuple[int, ...] | None
    activation: Any
    source: str


@dataclass(frozen=True)
class Parsed:
    """A formula taken apart.

    Parameters
    ----------
    response
        Left side.
    terms
        Right side without its ``deep()`` terms; ``"1"`` if nothing else is there.
    deep
        The ``deep()`` terms, in their order.
    """

    response: str
    terms: str
    deep: tuple[DeepTerm, ...]


def parse(formula: str, env: Mapping[str, Any] | None = None) -> Parsed:
    """Take a formula apart into response, terms and ``deep()`` terms.

    Parameters
    ----------
    formula
        patsy's language, with terms ``deep(inputs, units=(8, 4), activation="tanh")``.
    env
        Where names in the keywords of ``deep()`` are looked up.

    Raises
    ------
    FormulaError
        If it cannot be read; the message shows where, and what to write instead.

    Examples
    --------
    >>> from deepglm.formula import parse
    >>> parsed = parse("y ~ C(g) + deep(a + b, units=(8, 4))")
    >>> parsed.response, parsed.terms, parsed.deep[0].text, parsed.deep[0].units
    ('y', 'C(g)', 'a + b', (8, 4))
    """
    if not isinstance(formula, str):
        raise FormulaError(
            f"The formula is of type {type(formula).__name__}. Write it as a text, such as "
            "'y ~ a + b'."
        )
    text = formula.replace("\n", " ").strip()
    marks = scan(text)
    left, right = _sides(text, marks)
    calls = _deep_calls(text, marks)
    for k in calls:
        if marks[k].start < right:
            raise FormulaError(
                "deep() stands on the left side of '~'. Write it on the right side: the response "
                "is modelled as it is." + caret(text, marks[k].start, marks[k].end)
            )
        _check_alone(text, marks, k)
    spans = [(marks[k].start, marks[partner(marks, k + 1)].end) for k in calls]
    terms, blanked = _without(text, right, marks, spans)
    describe(blanked, text)
    deep = tuple(_deep_term(text[lo:hi], {} if env is None else env) for lo, hi in spans)
    _check_different(deep)
    return Parsed(response=text[:left].strip(), terms=terms, deep=deep)


def _sides(text: str, marks: list[Mark]) -> tuple[int, int]:
    tildes = [mark for mark in marks if mark.text == "~" and mark.depth == 0]
    if not tildes:
        raise FormulaError(
            "The formula has no '~'. Write the response, '~', and the terms: 'y ~ a + b'."
            + caret(text, 0, len(text))
        )
    if len(tildes) > 1:
        raise FormulaError(
            "The formula has more than one '~'. Write one, between the response and the terms."
            + caret(text, tildes[1].start, tildes[1].end)
        )
    left, right = tildes[0].start, tildes[0].end
    if not text[:left].strip():
        raise FormulaError(
            "The formula has no response. Write it to the left of '~': 'y ~ a + b'."
            + caret(text, left, right)
        )
    if not text[right:].strip():
        raise FormulaError(
            "The right side of the formula is empty. Write its terms, or '1' for an intercept "
            "alone." + caret(text, left, right)
        )
    return left, right


def _deep_calls(text: str, marks: list[Mark]) -> list[int]:
    calls: list[int] = []
    inside = 0
    for k, mark in enumerate(marks[:-1]):
        after_dot = k > 0 and marks[k - 1].text == "."
        if mark.text != "deep" or marks[k + 1].text != "(" or after_dot:
            continue
        if mark.start < inside:
            raise FormulaError(
                "deep() stands inside another deep(). Write one deep() and give its layers in "
                "units, as in deep(a + b, units=(8, 4))." + caret(text, mark.start, mark.end)
            )
        calls.append(k)
        inside = marks[partner(marks, k + 1)].end
    return calls


def _check_alone(text: str, marks: list[Mark], k: int) -> None:
    mark, closing = marks[k], partner(marks, k + 1)
    span = (mark.start, marks[closing].end)
    if mark.depth:
        opening = max(j for j in range(k) if marks[j].kind == "open" and partner(marks, j) > k)
        function = opening > 0 and marks[opening - 1].kind == "name"
        where = f"inside {_dotted(marks, opening - 1)}()" if function else "inside brackets"
        raise FormulaError(
            f"deep() stands {where}. It is a term of its own: write 'y ~ a + deep(x)', and "
            "transform the inputs, as in deep(np.log(x))." + caret(text, *span)
        )
    before = marks[k - 1].text
    after = marks[closing + 1].text if closing + 1 < len(marks) else "+"
    if before == "-":
        raise FormulaError(
            "deep() is taken away by '-', but it is only there if it is written. Leave it out."
            + caret(text, *span)
        )
    for sign in (before, after):
        if sign in (":", "*", "/", "**"):
            raise FormulaError(
                f"deep() is part of an interaction or product ('{sign}'). It stands alone as a "
                "term; to let it interact with another variable, give it that variable as an "
                "input: deep(x + g) instead of deep(x):g." + caret(text, *span)
            )
    if before not in ("+", "~") or after not in ("+", "-"):
        raise FormulaError(
            "deep() is a term of its own. Join it to the other terms by '+': "
            "'y ~ a + deep(x)'." + caret(text, *span)
        )


def _dotted(marks: list[Mark], last: int) -> str:
    first = last
    while first > 1 and marks[first - 1].text == ".":
        first -= 2
    return "".join(mark.text for mark in marks[first : last + 1])


def _without(
    text: str, right: int, marks: list[Mark], spans: list[tuple[int, int]]
) -> tuple[str, str]:
    # Once without the deep() terms, and once with blanks for them, so that what patsy says about
    # a place is true of the user's text.
    cut = list(text)
    for lo, hi in spans:
        before = [mark for mark in marks if right <= mark.start < lo]
        while before and before[-1].text == "+" and cut[before[-1].start] == "+":
            cut[before.pop().start] = "\0"
        cut[lo:hi] = "\0" * (hi - lo)
    following = [mark for mark in marks if mark.start >= right and cut[mark.start] != "\0"]
    if following and following[0].text == "+" and spans:
        cut[following[0].start] = "\0"
    pieces = "".join(cut[right:]).split("\0")
    terms = " ".join(piece.strip() for piece in pieces if piece.strip()) or "1"
    blanked = "".join(cut).replace("\0", " ")
    return terms, blanked if blanked[right:].strip() else f"{text[:right]} 1"


def _deep_term(source: str, env: Mapping[str, Any]) -> DeepTerm:
    shift = source.index("(") + 1
    inside = source[shift:-1]
    marks = scan(inside)
    tilde = next((mark.start + shift for mark in marks if mark.text == "~"), None)
    if tilde is not None:
        raise FormulaError(
            "deep() has a '~' inside. Write its inputs alone, as in deep(a + b)."
            + caret(source, tilde, tilde + 1)
        )
    inputs: list[str] = []
    options: dict[str, Any] = {}
    for lo, hi in split_at(inside, marks, ","):
        equals = [m for m in marks if lo <= m.start < hi and m.text == "=" and m.depth == 0]
        if not inside[lo:hi].strip():
            continue
        if not equals:
            inputs.append(inside[lo:hi].strip())
            continue
        key = inside[lo : equals[0].start].strip()
        _check_keyword(key, options, source, shift + inside.index(key, lo))
        options[key] = _value(inside[equals[0].end : hi].strip(), key, source, env)
    if len(inputs) > 1:
        raise FormulaError(
            f"deep() has '{inputs[1]}' after a comma. Join inputs by '+', and give units and "
            "activation by name: deep(a + b, units=(8, 4))." + caret(source, 0, len(source))
        )
    text = inputs[0] if inputs else ""
    _check_inputs(text, source)
    return DeepTerm(
        text=text,
        units=_units(options["units"], source) if "units" in options else None,
        activation=_activation(options.get("activation"), source),
        source=source,
    )


def _check_keyword(key: str, options: dict[str, Any], source: str, start: int) -> None:
    place = caret(source, start, start + len(key))
    if key not in KEYWORDS:
        raise FormulaError(
            f"deep() has no keyword '{key}'. It accepts {' and '.join(KEYWORDS)}, as in "
            f'deep(a + b, units=(8, 4), activation="tanh").{place}'
        )
    if key in options:
        raise FormulaError(f"deep() has '{key}' twice. Give it once.{place}")


def _value(code: str, key: str, source: str, env: Mapping[str, Any]) -> Any:
    try:
        return ast.literal_eval(code)
    except (ValueError, SyntaxError):
        pass
    try:
        return eval(code, {}, dict(env))
    except Exception as error:
        raise FormulaError(
            f"'{key}={code}' in '{source}' cannot be read: {type(error).__name__}: {error}. Write "
            "the value itself, or a name that is defined where the formula is written."
        ) from error


def _units(value: Any, source: str) -> tuple[int, ...]:
    units = value if isinstance(value, tuple | list) else (value,)
    whole = (isinstance(u, int | np.integer) and not isinstance(u, bool) for u in units)
    if not units or not all(whole) or min(units) < 1:
        raise FormulaError(
            f"units={value!r} in '{source}' are not positive whole numbers. Give the hidden units "
            "of each layer, such as units=(8,) or units=(8, 4)."
        )
    return tuple(int(u) for u in units)


def _activation(value: Any, source: str) -> Any:
    value = tuple(value) if isinstance(value, list) else value
    if value == () or isinstance(value, int | float | bytes | dict | set):
        raise FormulaError(
            f"activation={value!r} in '{source}' is not an activation. Give a name, such as "
            'activation="tanh", one for each layer, or a link object.'
        )
    return value


def _check_inputs(text: str, source: str) -> None:
    # describe() finds an intercept where there is nothing, so an empty text goes first.
    shift = source.index("(") + 1
    shift = source.index(text, shift) - len("~ ")
    if not text or not any(
        term.factors for term in describe(f"~ {text}", source, shift).rhs_termlist
    ):
        raise FormulaError(
            f"'{source}' has no inputs. Name the variables that enter the hidden layers, as in "
            "deep(a + b)."
        )


def _check_different(deep: tuple[DeepTerm, ...]) -> None:
    seen: list[tuple[frozenset[str], Any, Any]] = []
    for term in deep:
        names = frozenset(t.name() for t in describe(f"~ {term.text}").rhs_termlist)
        key = (names, term.units, term.activation)
        if any(names == other[0] and repr(key[1:]) == repr(other[1:]) for other in seen):
            raise FormulaError(
                f"'{term.source}' is in the formula twice. Write it once, with more units: two "
                "equal terms are one term with the units of both."
            )
        seen.append(key)


def describe(formula: str, shown: str | None = None, shift: int = 0) -> Any:
    """Let patsy read a formula without ``deep()``, and check the Python inside it.

    Parameters
    ----------
    formula
        With '~'.
    shown
        What the user wrote, if it is not the same.
    shift
        How much further to the right things stand in it.

    Returns
    -------
    patsy.ModelDesc
        Terms of both sides.

    Raises
    ------
    FormulaError
        With the place and patsy's reason.
    """
    try:
        description = patsy.ModelDesc.from_formula(formula)
    except patsy.PatsyError as error:
        raise cannot_read(error, shown, shift) from error
    for term in (*description.lhs_termlist, *description.rhs_termlist):
        for factor in term.factors:
            _check_python(factor.name(), _place(factor.origin, shown, shift))
    return description


def cannot_read(error: Any, shown: str | None = None, shift: int = 0) -> FormulaError:
    """Say with patsy's words what is wrong with a formula, and where."""
    reason = f"The formula cannot be read: {error.message.rstrip('.')}."
    if error.origin is None:
        return FormulaError(reason)
    where = f" Look at character {error.origin.start + shift + 1}."
    return FormulaError(reason + where + _place(error.origin, shown, shift))


def _place(origin: Any, shown: str | None, shift: int) -> str:
    if origin is None:
        return ""
    text = origin.code if shown is None else shown
    return caret(text, max(0, origin.start + shift), origin.end + shift)


def _check_python(code: str, place: str) -> None:
    try:
        tree = ast.parse(code, mode="eval")
    except SyntaxError as error:
        raise FormulaError(
            f"'{code}' is neither terms of a formula nor Python ({error.msg}). Join terms by '+' "
            f'and use names that Python accepts, or Q("odd name").{place}'
        ) from error
    if any(isinstance(node, _NEW_NAMES) for node in ast.walk(tree)):
        raise FormulaError(
            f"'{code}' has a lambda or a comprehension. Give it a name with `def` before the "
            f"formula, and use the name.{place}"
        )
