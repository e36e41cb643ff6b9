"""Tables of a fit."""

from __future__ import annotations

from typing import Any


def summary(results: Any, yname: Any, xname: Any, title: Any, alpha: float) -> Any:
    """Stub until the tables are laid out."""
    raise NotImplementedError


def summary2(results: Any, yname: Any, xname: Any, title: Any, alpha: float, fmt: str) -> Any:
    """Stub until the tables are laid out."""
    raise NotImplementedError
