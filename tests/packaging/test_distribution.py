"""What is shipped, and that what several files say about the package agrees."""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Build wheel and sdist (pure Python, nothing is downloaded) and give the files in each."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(out)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (wheel,) = out.glob("*.whl")
    (sdist,) = out.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        in_wheel = archive.namelist()
    with tarfile.open(sdist) as archive:
        in_sdist = [name.partition("/")[2] for name in archive.getnames()]
    return {"wheel": in_wheel, "sdist": in_sdist}


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_no_data_of_another_licence_is_shipped(kind: str, shipped: dict[str, list[str]]) -> None:
    wrong = [
        name
        for name in shipped[kind]
        if name.startswith(("data/", "tests/")) or name.endswith(".parquet") or "freMTPL2" in name
    ]
    assert wrong == []


def test_the_wheel_holds_the_package_and_nothing_else(shipped: dict[str, list[str]]) -> None:
    assert {name.split("/")[0] for name in shipped["wheel"]} == {
        "deepglm",
        f"deepglm-{PROJECT['version']}.dist-info",
    }


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_what_the_package_needs_is_shipped(kind: str, shipped: dict[str, list[str]]) -> None:
    for name in ("deepglm/py.typed", "deepglm/errors.py", "deepglm/datasets/tables/budworm.csv"):
        assert name in shipped[kind]
    assert any(name.endswith("LICENSE") for name in shipped[kind])


def test_every_module_is_in_the_wheel(shipped: dict[str, list[str]]) -> None:
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "deepglm").rglob("*.py")}
    assert modules <= set(shipped["wheel"])


def test_one_version_everywhere() -> None:
    face = (ROOT / "deepglm" / "__init__.py").read_text(encoding="utf-8")
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    version = PROJECT["version"]
    assert re.search(rf'^__version__ = "{re.escape(version)}"$', face, flags=re.MULTILINE)
    assert f"\nversion: {version}\n" in citation
    assert f"\n## {version} " in changelog


def test_pyproject_leaves_pytest_to_setup_cfg() -> None:
    assert "pytest" not in PYPROJECT["tool"]
    assert "coverage" not in PYPROJECT["tool"]
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    assert "error" in setup["tool:pytest"]["filterwarnings"].split("\n")


def test_every_required_package_has_a_lowest_version() -> None:
    lines = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["plots"]]
    assert all(re.fullmatch(r"[a-z-]+>=[0-9.]+", line) for line in lines)


def test_the_extra_all_is_every_other_extra() -> None:
    extras = PROJECT["optional-dependencies"]
    (line,) = extras["all"]
    named = set(line.removeprefix("deepglm[").removesuffix("]").split(","))
    assert named == set(extras) - {"all"}


def test_make_lists_its_targets() -> None:
    listed = subprocess.run(["make"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for target in ("demo", "test", "quick", "lint", "calibration", "bench", "docs", "clean"):
        assert re.search(rf"^  {target} ", listed, flags=re.MULTILINE)


def test_ci_runs_the_tests_and_then_the_linters() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    commands = re.findall(r"^make (\w+)$", script.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert commands == ["test", "lint"]
