"""Report: the table of `make parity`, and the same as figures.

The one idea: a row for everything the libraries have, compared or not; nothing is left out.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from parity.compare import Row

HEAD = ("library", "call", "draws", "by hand", "refused", "largest difference", "allowed", "")


def print_table(rows: list[Row], missing: list[tuple[str, str, str]]) -> str:
    """The rows as text, aligned.

    Args:
        rows: what was compared.
        missing: library, call and reason of what was not.
    """
    lines = [HEAD, *(_cells(row) for row in rows)]
    lines += [(library, name, "-", "-", "-", "-", "-", why) for library, name, why in missing]
    widths = [max(len(line[place]) for line in lines) for place in range(len(HEAD))]
    return "\n".join(_align(line, widths) for line in lines)


def figures(rows: list[Row], peers: dict[str, str]) -> list[dict[str, Any]]:
    """The rows as figures."""
    return [_figure(row, peers[row.library]) for row in rows]


def write(path: Path, figures: list[dict[str, Any]]) -> None:
    """Write the figures as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def _cells(row: Row) -> tuple[str, ...]:
    drawn = sum(each.is_drawn for each in row.judgements)
    largest = f"{max(row.differences):.1e}" if row.differences else "-"
    verdict = f"{len(row.faults)} FAIL" if row.faults else "ok"
    return (
        row.library,
        row.name,
        str(drawn),
        str(len(row.judgements) - drawn),
        str(_refused(row)),
        largest,
        f"{row.tolerance:.0e}",
        f"{verdict}{_remark(row)}",
    )


def _refused(row: Row) -> int:
    return sum(each.difference is None and not each.fault for each in row.judgements)


def _remark(row: Row) -> str:
    undecided = sum(each.undecided for each in row.judgements)
    doubt = f"; {undecided} updates on which the library contradicts itself" if undecided else ""
    kinds = Counter(each.family for each in row.judgements if each.family)
    return "; " + ", ".join(f"{kind} {count}" for kind, count in kinds.most_common()) + doubt


def _align(cells: tuple[str, ...], widths: list[int]) -> str:
    texts = [
        cell.ljust(width) if place < 2 or place == len(cells) - 1 else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(texts).rstrip()


def _figure(row: Row, peer: str) -> dict[str, Any]:
    differences = row.differences
    return {
        "name": f"{row.library} {row.name}",
        "value": max(differences, default=None),
        "unit": "of the largest rate",
        "better": "lower",
        "target": row.tolerance,
        "met": not row.faults,
        "spread": [min(differences), max(differences)] if differences else None,
        "repeats": len(row.judgements),
        "peer": peer,
        "note": f"{_refused(row)} refused by both{_remark(row)}",
    }
