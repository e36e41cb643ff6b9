"""Linear constraints on coefficients, in words or as arrays."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import patsy
from patsy.constraint import linear_constraint

from deepglm.errors import FormulaError, SpecificationError
from deepglm.formula.columns import listed, nearest
from deepglm.formula.grammar import cannot_read

Array = npt.NDArray[np.float64]

_NUMBER = re.compile(r"(?<![\w.])[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?(?![\w.])")


def constraint(spec: Any, names: Sequence[str]) -> tuple[Array, Array]:
    """Read linear constraints ``R @ params = q``.

    Parameters
    ----------
    spec
        A text such as ``"a = b, c = 1"``, a list of such texts, a mapping of names to values, a
        matrix R of shape (k, p) or vector of shape (p,) for q = 0, or a tuple ``(R, q)``.
    names
        The p coefficients.

    Returns
    -------
    R : ndarray of shape (k, p)
    q : ndarray of shape (k,)

    Raises
    ------
    FormulaError
        If a text cannot be read, or names what is not a coefficient.
    SpecificationError
        If an array does not have a column for every coefficient.

    Examples
    --------
    >>> from deepglm.formula import constraint
    >>> R, q = constraint("2 * a = b + 1", ["a", "b"])
    >>> R.tolist(), q.tolist()
    ([[2.0, -1.0]], [1.0])
    """
    known = list(names)
    for key in spec if isinstance(spec, Mapping) else ():
        if isinstance(key, str) and key not in known:
            raise _unknown(key, known)
    try:
        read = linear_constraint(spec, known)
    except patsy.PatsyError as error:
        for text in [spec] if isinstance(spec, str) else spec:
            _check_known(str(text), known)
        raise cannot_read(error) from error
    except (ValueError, TypeError, IndexError) as error:
        raise SpecificationError(
            f"The constraint cannot be used: {error}. Pass a text, a mapping of names to values, a "
            f"matrix with {len(known)} columns, or a tuple of such a matrix and as many values as "
            "it has rows."
        ) from error
    return read.coefs, read.constants[:, 0]


def _check_known(text: str, names: list[str]) -> None:
    # Names of coefficients hold brackets, commas and operators: take them out, longest first, and
    # what is left may only be arithmetic.
    left = text
    for name in sorted(names, key=len, reverse=True):
        left = re.sub(rf"(?<![\w.]){re.escape(name)}(?![\w.\[:])", " ", left)
    words = [word for word in re.split(r"[\s=,+\-*/()]+", _NUMBER.sub(" ", left)) if word]
    if words:
        raise _unknown(words[0], names)


def _unknown(word: str, names: list[str]) -> FormulaError:
    return FormulaError(
        f"'{word}' is not a coefficient. The coefficients are {listed(names)}."
        f"{nearest(word, names)} Use these names as they are."
    )
