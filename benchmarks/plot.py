"""A plot of all ratios to plain h5py."""

from __future__ import annotations

import attrs
import matplotlib as mpl
from matplotlib.figure import Figure

from .adapters import ADAPTERS, BASELINE
from .outcome import Outcome

__all__ = ["write"]

OWN = {"hdfchk": "#d62728", "hdfchk, no fsync": "#ff9896"}
COLOURS = (
    *("#1f77b4", "#2ca02c", "#9467bd", "#8c564b", "#17becf", "#7f7f7f", "#bcbd22", "#e377c2"),
    *("#ff7f0e", "#000080", "#006400", "#c49c00", "#5f9ea0", "#4b0082", "#000000", "#b0005e"),
)
MARKERS = "osD^v<>"
LEFT_OUT = {"memory", "save + load"}


@attrs.frozen
class Row:
    """One line of the plot: the ratios of one figure."""

    label: str
    ratios: dict[str, float]


def _rows(outcomes: list[Outcome]) -> list[Row]:
    made = []
    for outcome in outcomes:
        for figure in outcome.names:
            ratios = {
                library: ratio
                for library in outcome.figures
                if library != BASELINE and (ratio := outcome.ratio(library, figure))
            }
            if ratios and figure not in LEFT_OUT:
                made.append(Row(f"{outcome.case.name}: {figure}", ratios))
    return made


def write(path: str, outcomes: list[Outcome], *, quick: bool) -> None:
    """Write the plot in the format of the file's extension."""
    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "hdfchk"  # the same plot is the same file
    rows = _rows(outcomes)
    figure = Figure(figsize=(12, 1.8 + 0.36 * len(rows)), layout="constrained")
    axes = figure.subplots()
    others = [name for name in ADAPTERS if name not in {*OWN, BASELINE}]
    for number, name in enumerate([*others, *reversed(OWN)]):
        places = [at for at, row in enumerate(rows) if name in row.ratios]
        if places:
            own = name in OWN
            axes.scatter(
                [rows[at].ratios[name] for at in places],
                places,
                label=name,
                color=OWN.get(name, COLOURS[number % len(COLOURS)]),
                marker="*" if own else MARKERS[number % len(MARKERS)],
                s=150 if own else 32,
                edgecolors="black" if own else "none",
                linewidths=0.6,
                zorder=4 if own else 3,
            )
    axes.axvline(1, color="black", linewidth=1, label=BASELINE)
    axes.set_xscale("log")
    axes.set_yticks(range(len(rows)), [row.label for row in rows], fontsize=9)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(axis="both", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel("ratio to plain h5py in the same run: left is faster, or smaller")
    if quick:
        axes.set_title("a quick look, with less data than the names say", fontsize=9)
    figure.legend(loc="outside right upper", fontsize=9, frameon=False)
    figure.savefig(path, dpi=130, metadata={"Date": None} if path.endswith(".svg") else None)
