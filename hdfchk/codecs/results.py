"""Codec of the results of NumPy and SciPy functions: their fields are the children of a group.

The table of classes is closed: a file names one of them by a name of this table, and nothing else
is imported. Results with private state, which only their version of SciPy understands, are
rejected.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any, NamedTuple

from .. import keys
from ..errors import CorruptFileError, UnknownTypeError
from ..tree import Branch, Mark, Node, params_of
from .codec import Codec, Decoder, Encoder
from .optional import need

__all__ = ["CODECS", "class_of", "name_of"]


class _Home(NamedTuple):
    """Where classes are defined, which depends on the version: the first module that has one."""

    modules: tuple[str, ...]
    classes: str


_STATS = tuple(
    f"scipy.stats.{name}"
    for name in (
        *("_stats_py", "_stats_mstats_common", "_morestats", "_hypotests", "_mannwhitneyu"),
        *("_resampling", "_binned_statistic", "_page_trend_test", "_survival", "_binomtest"),
        *("_relative_risk", "_crosstab", "_mgc", "_stats", "contingency", "_sensitivity_analysis"),
    )
)
_HOMES = {
    "numpy": _Home(
        ("numpy.lib._arraysetops_impl", "numpy.lib.arraysetops"),
        "UniqueAllResult UniqueCountsResult UniqueInverseResult",
    ),
    "numpy.linalg": _Home(
        ("numpy.linalg._linalg", "numpy.linalg.linalg"),
        "EigResult EighResult QRResult SlogdetResult SVDResult",
    ),
    "scipy.optimize": _Home(("scipy.optimize",), "OptimizeResult RootResults"),
    "scipy.integrate": _Home(
        ("scipy.integrate._ivp.ivp", "scipy.integrate._bvp", "scipy.integrate._quadrature"),
        "OdeResult BVPResult QMCQuadResult",
    ),
    "scipy.stats": _Home(
        _STATS,
        "AlexanderGovernResult Anderson_ksampResult AndersonResult AnsariResult "
        "BarnardExactResult BartlettResult BinnedStatistic2dResult BinnedStatisticResult "
        "BinnedStatisticddResult BinomTestResult BootstrapResult BoschlooExactResult "
        "BrunnerMunzelResult Chi2ContingencyResult CramerVonMisesResult CrosstabResult "
        "CumfreqResult DescribeResult Epps_Singleton_2sampResult F_onewayResult FlignerResult "
        "FriedmanchisquareResult HistogramResult KruskalResult KstestResult "
        "KurtosistestResult LeveneResult LinregressResult LogRankResult MGCResult "
        "MannwhitneyuResult Mean MedianTestResult ModeResult MonteCarloTestResult "
        "NormaltestResult PageTrendTestResult PearsonRResult PermutationTestResult "
        "Power_divergenceResult PowerResult QuantileTestResult RanksumsResult "
        "RelativeRiskResult RelfreqResult ShapiroResult SiegelslopesResult SigmaclipResult "
        "SignificanceResult SkewtestResult SomersDResult Std_dev TheilslopesResult "
        "TtestResult TukeyHSDResult Variance WilcoxonResult",
    ),
    "scipy.stats.common": _Home(("scipy.stats._common",), "ConfidenceInterval"),
    "scipy.stats.pearsonr": _Home(("scipy.stats._stats_py",), "ConfidenceInterval"),
    "scipy.stats.mstats": _Home(
        ("scipy.stats._mstats_basic",),
        "BrunnerMunzelResult DescribeResult F_onewayResult FriedmanchisquareResult KruskalResult "
        "KurtosistestResult MannwhitneyuResult ModeResult NormaltestResult PointbiserialrResult "
        "SenSeasonalSlopesResult SkewtestResult Ttest_1sampResult Ttest_indResult Ttest_relResult",
    ),
    "scipy.stats.fit": _Home(("scipy.stats._fit",), "FitResult GoodnessOfFitResult"),
    "scipy.stats.comparison": _Home(("scipy.stats._multicomp",), "DunnettResult"),
    "scipy.stats.odds": _Home(("scipy.stats._odds_ratio",), "OddsRatioResult"),
}
_NAMES = tuple(f"{home}.{name}" for home, found in _HOMES.items() for name in found.classes.split())


def name_of(cls: type) -> str | None:
    """Return the name of a class in the table, or None."""
    for home, found in _HOMES.items():
        if cls.__name__ in found.classes.split():
            loaded = (sys.modules[module] for module in found.modules if module in sys.modules)
            # Not by getattr: NumPy 2.0 warns of each attribute of a module that it has renamed.
            if any(vars(module).get(cls.__name__) is cls for module in loaded):
                return f"{home}.{cls.__name__}"
    return None


def class_of(name: str) -> Any:
    """Return the class of a name in the table.

    Raises:
        MissingExtraError: its library is not installed.
        UnknownTypeError: it is not in the table, or this version of the library lacks it.
    """
    if name not in _NAMES:
        raise UnknownTypeError(f"an unknown result {name!r}", hint="update hdfchk")
    home, _, cls_name = name.rpartition(".")
    library = need(home.partition(".")[0], f"a {cls_name}")
    for module in _HOMES[home].modules:
        try:
            found = getattr(importlib.import_module(module), cls_name, None)
        except ImportError:
            continue  # of another version
        if found is not None:
            return found
    raise UnknownTypeError(
        f"{library.__name__} {library.__version__} does not have a {cls_name}",
        hint="read its fields with chk.group(key), or with the version that made it",
    )


def _encode(value: Any, encoder: Encoder) -> Node:
    cls = type(value)
    name = name_of(cls)
    if name is None:
        encoder.refuse(value, "is not a known result", "store its fields in a dict")
    attributes = dict(getattr(value, "__dict__", {}))
    if isinstance(value, dict):
        encoder.refuse_attributes(value)
        fields = dict(value)
    elif isinstance(value, tuple):
        fields = {field: getattr(value, field) for field in _fields_of(cls)} | attributes
    else:
        fields = attributes
    private = [field for field in fields if isinstance(field, str) and field.startswith("_")]
    if private:
        named = ", ".join(f"{name}=r.{name}" for name in fields if name not in private)
        encoder.refuse(
            value,
            f"has private state ({', '.join(private)}), which belongs to a version of SciPy",
            f"store dict({named}) of the result r, and what its methods return",
        )
    odd = [f for f in fields if type(f) is not str or keys.problem_of_name(f) is not None]
    if odd:
        encoder.refuse(value, f"has a field {odd[0]!r}", "store it as dict(result)")
    return encoder.branch(value, fields, Mark("result", 1, {"class": name}))


def _fields_of(cls: Any) -> tuple[str, ...]:
    return tuple(cls._fields)


def _decode(node: Branch, decoder: Decoder) -> Any:
    name = params_of(node)["class"]
    cls = class_of(name)
    fields = decoder.fields(node)
    if any(field.startswith("_") for field in fields):
        raise CorruptFileError(f"a {name} with private state", hint="read it with chk.group(key)")
    if issubclass(cls, dict):
        value = cls.__new__(cls)  # some of them have arguments, and make their fields of these
        dict.update(value, fields)
        return value
    if not issubclass(cls, tuple):
        value = object.__new__(cls)
        vars(value).update(fields)
        return value
    missing = [field for field in _fields_of(cls) if field not in fields]
    value = None
    if not missing:
        value = tuple.__new__(cls, [fields.pop(field) for field in _fields_of(cls)])
    if value is None or (fields and not hasattr(value, "__dict__")):
        raise UnknownTypeError(
            f"a {name} with other fields than that of the installed version",
            hint="read its fields with chk.group(key)",
        )
    if fields:
        vars(value).update(fields)
    return value


CODECS = (
    Codec(
        "result",
        tuple(dict.fromkeys(f"{n.partition('.')[0]}.{n.rpartition('.')[2]}" for n in _NAMES)),
        _encode,
        _decode,
    ),
)
