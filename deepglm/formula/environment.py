"""Names that a formula takes from where it is written: functions, modules, constants."""

from __future__ import annotations

import importlib
import pickle
import sys
from collections.abc import Container, Iterator, Mapping
from types import ModuleType
from typing import Any

from deepglm.errors import FormulaError
from deepglm.formula.scanning import Mark, scan

Portable = tuple[str, Any]
"""How a value travels to another process: its manner, and what that manner needs."""


def names_used(formula: str) -> frozenset[str]:
    """Names that the Python in a formula may look up, those of columns among them.

    Examples
    --------
    >>> from deepglm.formula import names_used
    >>> sorted(names_used("y ~ np.log(x) + bs(age, df=4) + Q('odd name')"))
    ['Q', 'age', 'bs', 'np', 'odd name', 'x', 'y']
    """
    marks = scan(formula)
    found = set()
    for k, mark in enumerate(marks):
        if mark.kind == "name" and not _is_attribute(marks, k) and not _is_keyword(marks, k):
            found.add(mark.text)
        if mark.kind == "quote" and k >= 2 and [m.text for m in marks[k - 2 : k]] == ["Q", "("]:
            found.add(mark.text.strip("'\""))
    return frozenset(found)


def _is_attribute(marks: list[Mark], k: int) -> bool:
    return k > 0 and marks[k - 1].text == "."


def _is_keyword(marks: list[Mark], k: int) -> bool:
    return marks[k].depth > 0 and k + 1 < len(marks) and marks[k + 1].text == "="


def capture(formula: str, data: Container[str] = (), depth: int = 1) -> dict[str, Any]:
    """Values of the names of a formula, as the code sees them that called the caller.

    Only names that the formula uses and the data do not have are kept, so that no frame, and
    nothing else in it, stays alive.

    Parameters
    ----------
    formula
        The whole formula, ``deep()`` terms included.
    data
        Anything that says by ``in`` which names are columns.
    depth
        How many calls up: 1 is the code that called the function that calls this one.

    Returns
    -------
    dict
        Names to values. A name that is not found is left out; it may be a column, or a builtin.

    Examples
    --------
    >>> from deepglm.formula import capture
    >>> def door(formula, data):
    ...     return capture(formula, data)
    >>> half, other = 0.5, "not in the formula"
    >>> door("y ~ I(half * x)", {"y": [1.0], "x": [2.0]})
    {'half': 0.5}
    """
    # An unreadable formula is the business of `parse`, which says what is wrong with it.
    try:
        wanted = [name for name in names_used(formula) if name not in data]
    except FormulaError:
        return {}
    frame = sys._getframe(depth + 1)
    try:
        visible = (frame.f_locals, frame.f_globals)
        return {
            name: next(scope[name] for scope in visible if name in scope)
            for name in sorted(wanted)
            if any(name in scope for scope in visible)
        }
    finally:
        del frame


class Environment(Mapping[str, Any]):
    """Names with their values, which travel to another process where that is possible.

    Modules travel by name, functions and classes by module and qualified name, everything else by
    value. What can do neither (a lambda, a function inside a function) is named when it is pickled,
    and works until then.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Environment({', '.join(self._values)})"

    def __copy__(self) -> Environment:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Environment:
        # Nothing here is ever changed, and a copied function would be the same function.
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _arrive, ({name: pack(name, value) for name, value in self._values.items()},)


def _arrive(packed: dict[str, Portable]) -> Environment:
    return Environment({name: unpack(portable) for name, portable in packed.items()})


def pack(name: str, value: Any) -> Portable:
    """Make a value ready to travel.

    Raises
    ------
    FormulaError
        If it cannot; ``name`` is what the message calls it.
    """
    if isinstance(value, ModuleType):
        return "module", value.__name__
    # patsy forbids to pickle its objects; what they have learned is plain, and enough.
    if type(value).__module__.partition(".")[0] == "patsy":
        state = {key: pack(name, part) for key, part in vars(value).items()}
        return "learned", (type(value), state)
    try:
        pickle.dumps(value)
    except Exception as error:
        raise FormulaError(
            f"The formula uses '{name}', which cannot be taken to another process or file: "
            f"{type(error).__name__}: {error}. Define it with `def` or `class` at the top level of "
            "a module that can be imported."
        ) from error
    return "value", value


def unpack(portable: Portable) -> Any:
    """Undo :func:`pack`."""
    manner, content = portable
    if manner == "module":
        return importlib.import_module(content)
    if manner == "learned":
        kind, state = content
        value = kind.__new__(kind)
        vars(value).update({key: unpack(part) for key, part in state.items()})
        return value
    return content
