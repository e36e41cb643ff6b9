"""The notebook runs from top to bottom, and shows what it talks about."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "examples" / "first_steps.ipynb"


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """Run a copy in a new kernel of this very Python, and give every output."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    home = tmp_path_factory.mktemp("jupyter")
    spec = home / "kernels" / "this"
    spec.mkdir(parents=True)
    command = f'["{sys.executable}", "-m", "ipykernel_launcher", "-f", "{{connection_file}}"]'
    (spec / "kernel.json").write_text(
        f'{{"argv": {command}, "display_name": "this", "language": "python"}}'
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(home))
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
        patch.delenv("MPLBACKEND", raising=False)  # the kernel draws into the notebook
        client = NotebookClient(notebook, timeout=300, kernel_name="this")
        client.execute(cwd=str(home))
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def _of_kind(outputs: list[Any], kind: str) -> list[str]:
    return [str(output["data"][kind]) for output in outputs if kind in output.get("data", {})]


def test_committed_without_outputs() -> None:
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    assert all(not cell.get("outputs") and not cell.get("execution_count") for cell in cells)


def test_it_warns_of_nothing(outputs: list[Any]) -> None:
    spoken = [output["text"] for output in outputs if output.get("name") == "stderr"]
    assert spoken == []


def test_summaries_are_html(outputs: list[Any]) -> None:
    glm, deep = [page for page in _of_kind(outputs, "text/html") if "Certificate" in page]
    assert "Generalised Linear Model" in glm and "P&gt;|z|" in glm
    assert "Nested" in deep and "certified maximum" in deep.lower()
    effects, layers = deep.split("Hidden layer 1")
    assert "Linear part" in effects and "std err" in effects
    assert "std err" not in layers and "P&gt;|z|" not in layers


def test_pictures(outputs: list[Any]) -> None:
    assert len(_of_kind(outputs, "image/png")) == 2


def test_where_standard_errors_come_from_is_said(outputs: list[Any]) -> None:
    text = "".join(output["text"] for output in outputs if output.get("name") == "stdout")
    assert "Standard errors by the" in text
