"""Print the lowest supported versions, read from pyproject.toml, as constraints for pip."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

# Only what the package itself imports: the tools of a developer may be as new as they like.
EXTRAS = ("plots", "parquet")


def lowest(pyproject: Path) -> list[str]:
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    wanted = list(project["dependencies"])
    for extra in EXTRAS:
        wanted += project["optional-dependencies"][extra]
    return [re.sub(r"\[.*\]", "", line).replace(">=", "==") for line in wanted]


if __name__ == "__main__":
    print("\n".join(lowest(Path(__file__).parents[1] / "pyproject.toml")))
