"""The package keeps the rules of the house, and each rule fails on a planted violation."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.architecture import rules

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "deepglm"

Rule = Callable[[Path], list[str]]
RULES: tuple[Rule, ...] = (
    rules.order_of_imports,
    rules.patsy_behind_formula,
    rules.core_without_labels,
    rules.names_that_say_something,
)

ORDER, PATSY, CORE, NAMES = RULES

# rule, file, its text, what the rule has to say
VIOLATIONS = [
    (ORDER, "links.py", "from deepglm.model import DeepGLM\n", "links imports deepglm.model"),
    (ORDER, "links.py", "from deepglm import model\n", "links imports deepglm.model"),
    (ORDER, "links.py", "import deepglm.model as m\n", "links imports deepglm.model"),
    (ORDER, "links.py", "from . import model\n", "links imports deepglm.model"),
    (ORDER, "links.py", "from .model import DeepGLM\n", "links imports deepglm.model"),
    (ORDER, "solvers/lbfgs.py", "from ..results import x\n", "solvers imports deepglm.results"),
    (ORDER, "solvers/__init__.py", "from .. import results\n", "imports deepglm.results"),
    (ORDER, "solvers/a/b.py", "from ...results import x\n", "solvers imports deepglm.results"),
    (ORDER, "links.py", "def f():\n    from deepglm import model\n", "links imports deepglm.model"),
    (
        ORDER,
        "data.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from deepglm.model import M\n",
        "data imports deepglm.model",
    ),
    (
        ORDER,
        "data.py",
        "import importlib\nm = importlib.import_module('deepglm.model')\n",
        "data imports deepglm.model",
    ),
    (ORDER, "model.py", "import deepglm\n", "model imports deepglm,"),
    (ORDER, "model.py", "from deepglm import DeepGLM\n", "model imports deepglm.DeepGLM"),
    (ORDER, "__main__.py", "from deepglm import DeepGLM\n", "__main__ imports deepglm.DeepGLM"),
    (ORDER, "results/table.py", "from deepglm.plots import draw\n", "only inside a function"),
    (ORDER, "results/table.py", "from deepglm import report\n", "only inside a function"),
    (
        ORDER,
        "results/table.py",
        "class A:\n    from deepglm.report import page\n",
        "only inside a function",
    ),
    (
        ORDER,
        "results/table.py",
        "def f():\n    from deepglm.model import M\n",
        "results imports deepglm.model",
    ),
    (
        ORDER,
        "inference/tests.py",
        "def f():\n    from deepglm.plots import draw\n",
        "inference imports deepglm.plots",
    ),
    (ORDER, "attic.py", "", "attic is not in the list of rooms"),
    (ORDER, "attic/box.py", "", "attic is not in the list of rooms"),
    (PATSY, "data.py", "import patsy\n", "data imports patsy"),
    (PATSY, "data.py", "from patsy import dmatrix\n", "data imports patsy.dmatrix"),
    (PATSY, "model.py", "def f():\n    import patsy.builtins\n", "model imports patsy.builtins"),
    (PATSY, "results/a.py", "from formulaic import model_matrix\n", "results imports formulaic"),
    (PATSY, "model.py", "import statsmodels.formula.api as f\n", "imports statsmodels.formula"),
    (CORE, "links.py", "import pandas as pd\n", "links imports pandas"),
    (CORE, "families/gamma.py", "from pandas import Series\n", "families imports pandas.Series"),
    (CORE, "inference/effects.py", "def f():\n    import pandas\n", "inference imports pandas"),
    (CORE, "penalties.py", "import pandas.api.types\n", "penalties imports pandas.api"),
    (CORE, "predictor/layers.py", "from deepglm.formula import Design\n", "deepglm.formula"),
    (CORE, "likelihood.py", "from . import formula\n", "likelihood imports deepglm.formula"),
    (NAMES, "utils.py", "", "utils.py"),
    (NAMES, "solvers/helpers.py", "", "helpers.py"),
    (NAMES, "results/common/a.py", "", "common: a name"),
    (NAMES, "families/base.py", "", "base.py"),
    (NAMES, "families/_base.py", "", "_base.py"),
    (NAMES, "families/base_family.py", "", "base_family.py"),
    (NAMES, "solvers/linalg_utils.py", "", "linalg_utils.py"),
]

ALLOWED = {
    "__init__.py": "from deepglm.model import DeepGLM\nfrom . import links\n__version__ = '0'\n",
    "errors.py": "import statsmodels\n",
    "links.py": "import numpy as np\nfrom deepglm.errors import DeepGLMError\n",
    "formula.py": "import patsy\nimport pandas\nfrom .errors import FormulaError\n",
    "data.py": "import pandas\nfrom deepglm.formula import parse\n",
    "solvers/__init__.py": "from .irls import solve\n",
    "solvers/irls.py": "from . import lbfgs\nfrom deepglm.solvers.lbfgs import x\n",
    "solvers/lbfgs.py": "from ..likelihood import f\nfrom statsmodels.genmod import families\n",
    "likelihood.py": "import numpy\n",
    "plots/__init__.py": "",
    "report.py": "",
    "results/__init__.py": (
        "import pandas\n"
        "class Results:\n"
        "    def plot(self):\n"
        "        from deepglm.plots import draw\n"
        "    def page(self):\n"
        "        from deepglm import report\n"
    ),
    "model.py": "from deepglm import errors, results\nfrom deepglm.results import Results\n",
    "interop/tables.py": "from deepglm.model import DeepGLM\n",
    "__main__.py": "from deepglm import model\n",
}


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """Give a small package, of the same name, that keeps every rule."""
    package = tmp_path / "deepglm"
    for name, text in ALLOWED.items():
        _write(package / name, text)
    return package


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_package_keeps_the_rule(rule: Rule) -> None:
    assert rule(PACKAGE) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_what_is_allowed_passes(rule: Rule, house: Path) -> None:
    assert rule(house) == []


@pytest.mark.parametrize(("rule", "file", "text", "sentence"), VIOLATIONS)
def test_a_planted_violation_is_found(
    rule: Rule, file: str, text: str, sentence: str, house: Path
) -> None:
    _write(house / file, text)
    found = rule(house)
    assert len(found) == 1
    assert sentence in found[0]


@pytest.mark.parametrize(
    ("rule", "file", "text"),
    [
        (ORDER, "links.py", "from deepglm.results import Results\n"),
        (PATSY, "likelihood.py", "import patsy\n"),
        (CORE, "likelihood.py", "import pandas\n"),
        (NAMES, "inference/utils.py", ""),
    ],
)
def test_a_violation_planted_in_a_copy_of_the_package_is_found(
    rule: Rule, file: str, text: str, tmp_path: Path
) -> None:
    copy = tmp_path / "deepglm"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    old = (copy / file).read_text(encoding="utf-8") if (copy / file).is_file() else ""
    _write(copy / file, text + old.replace("from __future__ import annotations\n", ""))
    assert len(rule(copy)) == 1


def test_contributing_gives_the_same_order() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    block = re.search(r"```text\n(.*?)```", text, flags=re.DOTALL)
    assert block is not None
    rooms = [line.split()[0].rstrip("/").removesuffix(".py") for line in block[1].splitlines()]
    assert tuple(rooms) == rules.ROOMS


def test_the_core_is_made_of_rooms() -> None:
    assert set(rules.ROOMS) > rules.CORE
