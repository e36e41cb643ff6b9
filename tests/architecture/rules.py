"""The rules of the house as programs: each takes the path of a package and returns violations.

The imports are read from the source, so a module is judged without being run. An import for
annotations only counts like any other: what a module names, it depends on.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# The walk of the data: a module imports only what stands before its own room.
ROOMS = (
    "errors",
    "links",
    "formula",
    "data",
    "predictor",
    "families",
    "penalties",
    "likelihood",
    "execution",
    "solvers",
    "inference",
    "results",
    "plots",
    "report",
    "model",
    "selection",
    "datasets",
    "interop",
    "__main__",
    "__init__",  # the face: it may import from every room, and none from it
)

# A result draws and reports, but only inside the method that does.
LATE_IMPORTS = {"results": {"plots", "report"}}

CORE = {"links", "predictor", "families", "penalties", "likelihood", "solvers", "inference"}

# A name of one of these words says that a function has not found its room.
HOMELESS = {"util", "utils", "helper", "helpers", "common", "base", "misc"}


@dataclass(frozen=True)
class Import:
    """One imported module, where it was imported, and whether inside a function."""

    file: str
    line: int
    room: str
    target: str
    inside_function: bool

    def top(self) -> str:
        """First name of the target."""
        return self.target.partition(".")[0]

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.room} imports {self.target}"


def order_of_imports(package: Path) -> list[str]:
    """Imports of a room by one that does not stand after it, and rooms that are on no list."""
    found = [
        f"{path.relative_to(package)}: {room} is not in the list of rooms"
        for path, room in _modules(package)
        if room not in ROOMS
    ]
    for item in _imports(package):
        if item.top() != package.name or item.room not in ROOMS:
            continue
        target = _room_of_target(item.target, package)
        late = target in LATE_IMPORTS.get(item.room, set())
        if target == item.room or (late and item.inside_function):
            continue
        if late:
            found.append(f"{item}, which it may only inside a function")
        elif target not in ROOMS or ROOMS.index(target) > ROOMS.index(item.room):
            found.append(f"{item}, which does not stand before it")
    return found


def patsy_behind_formula(package: Path) -> list[str]:
    """Imports of a formula engine anywhere but in the room of formulas."""
    return [
        f"{item}, which only formula may"
        for item in _imports(package)
        if item.room != "formula" and _is_formula_engine(item.target)
    ]


def core_without_labels(package: Path) -> list[str]:
    """Imports of pandas or of formulas by the numerical core."""
    return [
        f"{item}, which the numerical core may not"
        for item in _imports(package)
        if item.room in CORE
        and (item.top() == "pandas" or _room_of_target(item.target, package) == "formula")
    ]


def names_that_say_something(package: Path) -> list[str]:
    """Modules and packages whose name is a word like utils, helpers, common or base."""
    paths = [path for path in package.rglob("*") if path.suffix == ".py" or _is_package(path)]
    return sorted(
        f"{path.relative_to(package)}: a name that says nothing"
        for path in paths
        if HOMELESS & set(re.split(r"_+", path.stem.lower()))
    )


def _is_formula_engine(target: str) -> bool:
    return bool(re.match(r"(patsy|formulaic|statsmodels\.formula)(\.|$)", target))


def _is_package(path: Path) -> bool:
    return path.is_dir() and any(path.glob("*.py"))


def _modules(package: Path) -> Iterator[tuple[Path, str]]:
    """Every module with the room that it belongs to."""
    for path in sorted(package.rglob("*.py")):
        yield path, path.relative_to(package).parts[0].removesuffix(".py")


def _room_of_target(target: str, package: Path) -> str | None:
    """Room of an imported module: the face if it is the package itself, None if it is foreign."""
    top, _, rest = target.partition(".")
    if top != package.name:
        return None
    first = rest.partition(".")[0]
    inside = (package / first).is_dir() or (package / f"{first}.py").is_file()
    return first if first and (inside or first in ROOMS) else "__init__"


def _imports(package: Path) -> Iterator[Import]:
    """Every import of every module."""
    for path, room in _modules(package):
        tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
        for node, inside_function in _walk(tree, inside_function=False):
            for target in _targets(node, path, package):
                name = str(path.relative_to(package.parent))
                line = getattr(node, "lineno", 0)
                yield Import(name, line, room, target, inside_function)


def _walk(node: ast.AST, *, inside_function: bool) -> Iterator[tuple[ast.AST, bool]]:
    """Every node below, and whether it is inside a function."""
    for child in ast.iter_child_nodes(node):
        yield child, inside_function
        is_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from _walk(child, inside_function=inside_function or is_function)


def _targets(node: ast.AST, path: Path, package: Path) -> list[str]:
    """Full names of the modules, or of the names in them, that a node imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        source = _source(node, path, package)
        return [f"{source}.{alias.name}" for alias in node.names]
    if isinstance(node, ast.Call) and _is_import_call(node):
        return [node.args[0].value]  # type: ignore[attr-defined]
    return []


def _source(node: ast.ImportFrom, path: Path, package: Path) -> str:
    """Module after `from`, its leading dots resolved."""
    if not node.level:
        return node.module or ""
    parts = path.relative_to(package.parent).parts[: -node.level]
    return ".".join([*parts, node.module] if node.module else parts)


def _is_import_call(node: ast.Call) -> bool:
    """Whether a call is `import_module("...")` or `__import__("...")`."""
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    literal = bool(node.args) and isinstance(node.args[0], ast.Constant)
    return name in {"import_module", "__import__"} and literal
