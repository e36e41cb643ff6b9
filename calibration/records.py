"""Records: lines of JSON, one per sample, after a heading for every run that added to them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Record = dict[str, Any]

RECORDS = Path(__file__).parent / "records"


def path_of(name: str, folder: Path) -> Path:
    """Where the records of a cell are."""
    return folder / f"{name}.jsonl"


def read(path: Path) -> tuple[dict[str, Any], list[Record]]:
    """Heading and records, in the order of the samples.

    A last line that was not finished is left out, and the fingerprints of the code of all runs that
    added records are in the heading.
    """
    heading: dict[str, Any] = {}
    found: dict[int, Record] = {}
    for text in path.read_text().splitlines() if path.exists() else []:
        try:
            line = json.loads(text)
        except json.JSONDecodeError:
            continue
        if "definition" in line:
            heading = {**line, "code": [*heading.get("code", []), *line["code"]]}
        else:
            found[line["sample"]] = line
    return heading, [found[k] for k in sorted(found)]
