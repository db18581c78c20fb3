"""The tables of the simulation, which words of the program quote."""

from pathlib import Path

TABLES = Path(__file__).parents[1] / "benchmarks" / "results" / "statistics.md"


def simulated(row: str, section: str) -> list:
    """Return the cells of a row of the table below a title, percentages as numbers."""
    (part,) = [part for part in TABLES.read_text().split("\n## ") if part.startswith(section)]
    (line,) = [line for line in part.splitlines() if line.startswith(f"| {row} |")]
    cells = [cell.strip(" *") for cell in line.strip("|").split("|")]
    return [float(cell[:-1]) if cell.endswith("%") else cell for cell in cells]
