"""Curves and pictures as text for the terminal (plotext), or as a file (matplotlib)."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from .escapes import escaped
from .exits import USAGE, Failure
from .series import Curve, Picture

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["draw", "save_picture", "sparkline"]

_BLOCKS = "▁▂▃▄▅▆▇█"
_SHADES = " ░▒▓█"


def draw(
    parts: Sequence[Curve | Picture],
    width: int,
    height: int,
    *,
    colours: bool,
    logarithmic: bool = False,
    title: str = "",
) -> str:
    """Return curves, or the first picture, as text.

    Args:
        parts: the curves and pictures to draw.
        width: the width in columns.
        height: the height in lines.
        colours: whether to write colours.
        logarithmic: whether the axis of values is logarithmic.
        title: the title above the plot.
    """
    pictures = [part for part in parts if isinstance(part, Picture)]
    if len(pictures) == len(parts):
        return "\n".join([escaped(title), *_shades(pictures[0].values, width, height - 1)])
    plot = _plotext()
    import numpy as np

    plot.clear_figure()
    plot.plot_size(width, height)
    plot.theme("clear" if not colours else "pro")
    if title:
        plot.title(escaped(title))
    curves = [part for part in parts if isinstance(part, Curve)]
    shown = 0
    for curve in curves:
        seen = np.isfinite(curve.x) & np.isfinite(curve.y)
        if logarithmic:
            seen &= curve.y > 0
        if seen.any():
            shown += 1
            label = escaped(curve.name) if len(curves) > 1 else None
            plot.plot(curve.x[seen].tolist(), curve.y[seen].tolist(), label=label, marker="braille")
    if not shown:
        return f"{escaped(title)}\nthere is no finite value to show".lstrip()
    if logarithmic:
        plot.yscale("log")
    try:
        text: str = plot.build()
    except (ArithmeticError, ValueError) as error:
        names = ", ".join(curve.name for curve in curves)
        raise Failure(
            f"the values of {names} are too large, or too close together, for a plot in the "
            "terminal; write a picture with -o plot.png",
            USAGE,
        ) from error
    finally:
        plot.clear_figure()
    return text if colours else plot.uncolorize(text)


def _levels(values: Any, top: int) -> tuple[Any, float, float]:
    """Return values scaled from 0 for the least to `top` for the largest, and these two.

    Values that are not finite stay so.
    """
    import numpy as np

    seen = values[np.isfinite(values)]
    low, high = (float(seen.min()), float(seen.max())) if len(seen) else (0.0, 0.0)
    span = (high / 2 - low / 2) or 1.0  # halves do not overflow
    return (values / 2 - low / 2) / span * top, low, high


def _shades(values: Any, width: int, height: int) -> list[str]:
    """Return a two-dimensional array as lines of shades, and a line with its value range."""
    import numpy as np

    rows, columns = values.shape
    rows_to = [int(i * rows / min(rows, height - 1)) for i in range(min(rows, height - 1))]
    wide = max(1, min(4, width // columns))
    columns_to = [int(i * columns / min(columns, width)) for i in range(min(columns, width))]
    values = values[np.ix_(rows_to, columns_to)]
    levels, low, high = _levels(values, len(_SHADES) - 1)
    index = np.nan_to_num(levels, posinf=len(_SHADES) - 1, neginf=0.0)
    lines = ["".join(_SHADES[int(i)] * wide for i in row) for row in index.round()]
    return [*lines, f"{_SHADES[1]} {low:.6g} … {_SHADES[-1]} {high:.6g}"]


def _plotext() -> Any:
    try:
        import plotext
    except ImportError as error:
        raise Failure(
            "plots in the terminal need plotext, which is not installed; install it with: "
            "pip install 'hdfchk[tui]', or write a picture with -o plot.png",
            USAGE,
        ) from error
    return plotext


def save_picture(
    parts: Sequence[Curve | Picture], path: str, *, logarithmic: bool, title: str
) -> None:
    """Draw to a file whose extension selects the format: .png, .svg, .pdf."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise Failure(
            "pictures need matplotlib, which is not installed; install it with: "
            "pip install 'hdfchk[plot]'",
            USAGE,
        ) from error
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    curves = [part for part in parts if isinstance(part, Curve)]
    for curve in curves:
        axes.plot(curve.x, curve.y, label=_literal(curve.name), linewidth=1)
    if not curves:
        picture = axes.imshow(parts[0].values, aspect="auto", interpolation="nearest")  # type: ignore[union-attr]
        figure.colorbar(picture)
    if logarithmic:
        axes.set_yscale("log")
    if len(curves) > 1:
        axes.legend()
    axes.set_title(_literal(title))
    try:
        figure.savefig(path)
    except ValueError as error:
        raise Failure(f"{error} (in {path})", USAGE) from error


def _literal(text: str) -> str:
    """Return a text that matplotlib does not take as a formula."""
    return escaped(text).replace("$", r"\$")


def sparkline(values: Any, width: int = 24) -> str:
    """Return numbers as a line of blocks; the means of equal parts if there are many.

    Example:
        >>> sparkline([0.0, 1.0, 2.0, 3.0])
        '▁▃▆█'
    """
    import numpy as np

    values = np.asarray(values, dtype=float)
    if len(values) > width:
        edges = np.linspace(0, len(values), width + 1).astype(int)
        with np.errstate(over="ignore", invalid="ignore"):  # such a mean is not finite: a gap
            values = np.array([values[a:b].mean() for a, b in itertools.pairwise(edges)])
    if not np.isfinite(values).any():
        return ""
    levels, _, _ = _levels(values, len(_BLOCKS) - 1)
    return "".join(_BLOCKS[round(level)] if np.isfinite(level) else " " for level in levels)
