"""The results of a case: figures, medians, ratios, and whether the limits were met."""

from __future__ import annotations

import statistics

import attrs

from .adapters import BASELINE
from .cases import Case, Limit
from .measures import MEGABYTES

__all__ = ["Outcome", "Verdict"]


@attrs.frozen
class Verdict:
    """Whether a limit was met.

    Args:
        limit: the limit.
        value: the value in the limit's unit; None if there is no figure.
        without: why there is no figure of the other library.
    """

    limit: Limit
    value: float | None
    without: str = ""

    @property
    def missed(self) -> bool:
        """Whether it was missed, also if hdfchk has no figure."""
        if self.value is None:
            return not self.without
        return self.value > self.limit.most

    def __str__(self) -> str:
        limit = self.limit
        if self.value is None:
            return self.without or "no figure: MISSED"
        to = f" to {limit.to}" if limit.unit == "ratio" else ""
        verdict = "MISSED" if self.missed else "met"
        return f"{self.value:.3g} of {limit.most:.3g} {limit.unit}{to}: {verdict}"


@attrs.frozen
class Outcome:
    """The figures of one case.

    Args:
        case: the case.
        rounds: the number of rounds.
        figures: library -> figure -> one value per round.
        cannot: library -> why it failed.
        lacking: library -> what it does not support, so that it does not take part.
    """

    case: Case
    rounds: int
    figures: dict[str, dict[str, list[float]]] = attrs.Factory(dict)
    cannot: dict[str, str] = attrs.Factory(dict)
    lacking: dict[str, str] = attrs.Factory(dict)

    @property
    def names(self) -> list[str]:
        """The names of all figures that any library has, in order."""
        return list(dict.fromkeys(name for found in self.figures.values() for name in found))

    def rounds_of(self, library: str) -> int:
        """Return the number of rounds in which a library took part."""
        return max((len(values) for values in self.figures[library].values()), default=0)

    def median(self, library: str, figure: str) -> float | None:
        """Return the median in seconds or megabytes."""
        values = self.figures.get(library, {}).get(figure)
        return statistics.median(values) if values else None

    def ratio(self, library: str, figure: str, to: str = BASELINE) -> float | None:
        """Return a figure divided by that of another library."""
        value, base = self.median(library, figure), self.median(to, figure)
        return None if value is None or not base else value / base

    def shown(self, library: str, figure: str) -> str:
        """Return the median with its unit."""
        value = self.median(library, figure)
        if value is None:
            return ""
        return f"{value:.2f} MB" if figure in MEGABYTES else f"{_digits(value * 1e3)} ms"

    def shown_ratio(self, library: str, figure: str) -> str:
        """Return the ratio to plain h5py; none for memory, since some libraries take none."""
        ratio = None if figure == "memory" else self.ratio(library, figure)
        return "" if ratio is None else _ratio(ratio)

    @property
    def verdicts(self) -> list[Verdict]:
        """The verdicts on all limits."""
        return [self._verdict(limit) for limit in self.case.limits]

    def _verdict(self, limit: Limit) -> Verdict:
        if limit.unit == "ratio":
            if self.median(limit.to, limit.figure) is None:
                return Verdict(limit, None, f"no figure of {limit.to}")
            return Verdict(limit, self.ratio(limit.library, limit.figure, limit.to))
        value = self.median(limit.library, limit.figure)
        return Verdict(limit, value * 1e3 if limit.unit == "ms" and value is not None else value)


def _digits(value: float) -> str:
    """Return three significant digits, without an exponent."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _ratio(value: float) -> str:
    """Return two decimal places, or more for small ratios."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"
