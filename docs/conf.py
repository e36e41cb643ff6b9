"""Sphinx: `make docs` builds these pages offline, and a warning is an error."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import deepglm

sys.path.insert(0, str(Path(__file__).parent))
import responses_table  # noqa: E402

project = "DeepGLM"
author = "The DeepGLM developers"
version = release = deepglm.__version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.mathjax", "numpydoc"]
exclude_patterns = ["_build", "README.md"]
default_role = "code"

# Annotations say the types; the signature lists them once.
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

html_theme = "pydata_sphinx_theme"
html_title = f"DeepGLM {version}"
html_show_sourcelink = False
html_theme_options = {"show_prev_next": False, "secondary_sidebar_items": ["page-toc"]}


def setup(app: Any) -> None:
    """Write what the registries say before the pages are read."""
    app.connect("builder-inited", responses_table.write)
