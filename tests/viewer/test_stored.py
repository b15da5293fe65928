"""What the page shows of each stored form: meta, elements and attributes as H5Web reads them."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdfchk import HDF5Checkpointer
from hdfchk.viewer import stored, values

from ..support.viewer_page import Failed, Page


def page_of(folder: Path, **content: Any) -> Page:
    path = folder / "run.h5"
    HDF5Checkpointer(path).update(content)
    return Page(path)


def test_scalars(tmp_path: Path) -> None:
    """Numbers stay numbers; everything else that is one value is one text."""
    page = page_of(
        tmp_path, i=3, f=0.5, b=True, s="a\nb", n=None, big=2**100, raw=b"\x00\xff",
        day=dt.date(2026, 1, 2), single=np.float32(0.1), z=1 + 2j,
    )  # fmt: skip
    assert page.value("/i") == 3 and page.value("/f") == 0.5 and page.value("/b") == 1
    assert page.value("/single").dtype == np.float32 and page.value("/z") == 1 + 2j
    assert page.value("/s") == "a\nb" and page.value("/n") == "None"
    assert page.value("/big") == str(2**100) and page.value("/raw") == "2 bytes: 00 ff"
    assert page.value("/day") == "2026-01-02"
    assert page.attributes("/day") == {"type": "date"}


@pytest.mark.parametrize(
    "dtype",
    ["?", "i1", "u1", ">i2", "u4", ">i8", "u8", "f2", "f4", ">f8", "longdouble", "c8", "c16"],
)
def test_arrays_of_numbers(tmp_path: Path, dtype: str) -> None:
    """Every dtype of numbers comes over with its values, whatever the order of its bytes."""
    array = (np.arange(24).reshape(2, 3, 4) % 5).astype(dtype)
    page = page_of(tmp_path, x=array)
    assert page.meta("/x")["shape"] == [2, 3, 4]
    assert np.array_equal(page.value("/x").reshape(array.shape), array)
    assert np.array_equal(page.value("/x", "1,:,::2"), array[1, :, ::2].reshape(-1))


def test_times(tmp_path: Path) -> None:
    """Dates are text in ISO 8601; durations are numbers in their unit, NaT is a gap."""
    page = page_of(
        tmp_path,
        days=np.array(["2026-01-01", "NaT"], "M8[D]"),
        gaps=np.array([5, "NaT"], "m8[ms]"),
    )
    assert page.value("/days") == ["2026-01-01", "NaT"]
    assert np.array_equal(page.value("/gaps"), [5.0, np.nan], equal_nan=True)
    assert page.attributes("/gaps")["units"] == "ms"


def test_gaps(tmp_path: Path) -> None:
    """Masked elements are NaN, also among integers."""
    mask = [False, True, False]
    page = page_of(
        tmp_path,
        f=np.ma.masked_array([1.0, 2.0, 3.0], mask),
        i=np.ma.masked_array([1, 2, 3], mask),
        whole=np.ma.masked_array([1, 2, 3]),
    )
    for key in ("f", "i"):
        assert np.array_equal(page.value(f"/{key}"), [1.0, np.nan, 3.0], equal_nan=True)
    assert page.value("/whole").tolist() == [1, 2, 3]


def test_texts(tmp_path: Path) -> None:
    """Strings of every dtype are text, also those that are no Unicode."""
    page = page_of(
        tmp_path,
        fixed=np.array([["a", "bc"]]),
        raw=np.array([b"\xff", b"a"]),
        free=np.array(["x", "yy"], np.dtypes.StringDType()),
        odd="\udcff",
    )
    assert page.value("/fixed") == ["a", "bc"] and page.meta("/fixed")["shape"] == [1, 2]
    assert page.value("/raw") == ["1 bytes: ff", "1 bytes: 61"]
    assert page.value("/free") == ["x", "yy"] and page.value("/odd") == "\udcff"


def test_lists(tmp_path: Path) -> None:
    """A list of numbers is a curve, a rectangle of them an image; of others each item is a row."""
    page = page_of(
        tmp_path,
        numbers=[1, 2.5, 3],
        long=list(range(1000)),
        square=[[1, 2], [3, 4]],
        mixed=[1, "a", None, {"b": 2}, np.arange(3), dt.date(2026, 1, 2)],
        arrays=[np.arange(float(n)) for n in range(1, 12)],
        keys={0: "zero", 2.5: None},
        names=["x" * n for n in range(300)],
        chosen={3},
    )
    assert page.value("/numbers").tolist() == [1.0, 2.5, 3.0]
    assert page.meta("/long")["kind"] == "dataset" and page.value("/long")[-1] == 999
    assert page.value("/long", "10:12").tolist() == [10, 11]
    assert page.shown("/square").tolist() == [[1, 2], [3, 4]]
    assert page.shown("/mixed") == ["1", "a", "None", "{'b': 2}", "[0, 1, 2]", "2026-01-02"]
    assert page.shown("/arrays")[:2] == ["[0.]", "[0., 1.]"]
    assert page.shown("/keys") == [["0", "zero"], ["2.5", "None"]]
    assert page.meta("/names")["shape"] == [300] and page.value("/names", "2") == ["xx"]
    assert page.shown("/chosen").tolist() == [3]


def test_a_group_shows_its_keys(tmp_path: Path) -> None:
    """A dict of parameters is a table of keys, values and types."""
    page = page_of(tmp_path, p={"steps": 5, "tol": 1e-8, "x": np.zeros((2, 3)), "in": {"a": 1}})
    assert page.shown("/p") == [
        ["steps", "5", "int"],
        ["tol", "1e-08", "float"],
        ["x", "float64 (2, 3)", "ndarray"],
        ["in", "1 key", "dict"],
    ]
    assert page.shown("/") == [["p", "4 keys", "dict"]]
    assert page.names("/p") == ["steps", "tol", "x", "in"]


@dataclasses.dataclass
class Molecule:
    name: str
    xyz: np.ndarray


def test_a_record_shows_its_fields(tmp_path: Path) -> None:
    """A registered class is shown field by field, also where the class is unknown."""
    from hdfchk import CodecRegistry

    registry = CodecRegistry()
    registry.register(Molecule)
    path = tmp_path / "run.h5"
    HDF5Checkpointer(path, registry)["m"] = Molecule("H2", np.ones((2, 3)))
    page = Page(path)
    assert page.shown("/m") == [["name", "H2", "str"], ["xyz", "float64 (2, 3)", "ndarray"]]
    assert page.value("/m/xyz").shape == (2, 3) and page.attributes("/m")["type"] == "Molecule"


def test_structured_arrays(tmp_path: Path) -> None:
    """An array of records is a table."""
    rows = np.array(
        [(1, 2.5, [1, 2]), (8, 16.0, [3, 4])], [("z", "i4"), ("m", "f8"), ("a", "i1", 2)]
    )
    page = page_of(tmp_path, rows=rows, grid=rows.reshape(1, 2))
    assert [m["name"] for m in page.meta("/rows")["type"]["members"]] == ["z", "m", "a"]
    assert page.value("/rows") == [["1", "2.5", "[1, 2]"], ["8", "16.0", "[3, 4]"]]
    assert page.value("/rows", "1:2") == [["8", "16.0", "[3, 4]"]]
    assert page.meta("/grid")["shape"] == [1, 2] and "2.5" in page.value("/grid")[0]


def test_attributes(tmp_path: Path) -> None:
    """Attributes of keys and of the file are there; those of the user's come before ours."""
    path = tmp_path / "run.h5"
    chk = HDF5Checkpointer(path)
    chk["x"] = np.arange(3.0)
    chk.array("x").attrs.update({"units": "eV", "shape of": [1, 2], "bad": np.nan})
    chk.attrs["title"] = "a run"
    page = Page(path)
    assert page.attributes("/x") == {"units": "eV", "shape of": [1, 2], "bad": None}
    assert page.attributes("/")["title"] == "a run"
    chk["n"], chk["list"] = 1, [1, "a"]
    chk.attrs_of("n")["units"] = chk.attrs_of("list")["note"] = "m"
    assert page.attributes("/n") == {"units": "m"}
    assert page.attributes("/list") == {"type": "list", "note": "m"}
    assert {a["name"] for a in page.meta("/x")["attributes"]} == {"units", "shape of", "bad"}


def test_files_with_a_default_plot_keep_it(tmp_path: Path) -> None:
    """A group of NeXus is left to H5Web."""
    path = tmp_path / "run.h5"
    chk = HDF5Checkpointer(path)
    chk["entry"] = {"data": {"y": np.arange(5.0), "x": np.arange(5.0)}}
    chk.group("entry/data").attrs.update({"NX_class": "NXdata", "signal": "y", "axes": ["x"]})
    chk.attrs["default"] = "entry/data"
    page = Page(path)
    assert page.attributes("/") == {"default": "entry/data"}
    assert page.attributes("/entry/data") == {"NX_class": "NXdata", "signal": "y", "axes": ["x"]}


# -- limits ------------------------------------------------------------------------------------


def test_children_are_capped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many keys the first are listed, and an entry says how many there are; each can be read."""
    monkeypatch.setattr(stored, "MOST_CHILDREN", 10)
    page = page_of(tmp_path, many={f"k{n}": n for n in range(25)})
    names = page.names("/many")
    assert names == [*(f"k{n}" for n in range(10)), "… 15 more keys"]
    assert len(page.shown("/many")) == 10 and page.value("/many/k24") == 24


def test_long_curves_are_thinned(tmp_path: Path) -> None:
    """A long curve is shown over the places of its points, with its peak, and says so."""
    curve = np.zeros(250_000, "f4")
    curve[77_777] = 5
    page = page_of(tmp_path, curve=curve, dates=np.arange(150_000).astype("M8[s]"))
    shown, places = page.shown("/curve"), page.value("/curve/row")
    assert shown.dtype == np.float32 and len(shown) == len(places) <= 100_000
    assert places[shown.argmax()] == 77_777
    attributes = page.attributes("/curve")
    assert attributes["axes"] == ["row"] and attributes["shown"].startswith("250,000 points")
    assert page.value("/curve/title") == attributes["shown"]
    assert page.meta("/dates")["shape"] == [100_000]
    assert page.attributes("/dates")["shown"] == "the first 100,000 of 150,000 elements"


def test_a_thinned_curve_is_read_once_a_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has been thinned is kept until the file changes."""
    page = page_of(tmp_path, curve=np.arange(200_000.0))
    page.shown("/curve")
    with monkeypatch.context() as patch:
        patch.setattr(stored, "extremes", None)
        assert page.value("/curve/row")[-1] == 199_999
    HDF5Checkpointer(tmp_path / "run.h5").append("curve", np.array([-1.0]))
    assert page.shown("/curve").min() == -1


def test_large_images_are_coarse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a large image each n-th row and column is shown, over their numbers."""
    from hdfchk.viewer import thinning

    monkeypatch.setattr(stored, "steps_of", lambda shape: thinning.steps_of(shape, 200))
    image = np.arange(2 * 40 * 60).reshape(2, 40, 60)
    page = page_of(tmp_path, image=image)
    rows, columns = page.value("/image/row"), page.value("/image/column")
    assert np.array_equal(page.shown("/image"), image[:, rows][:, :, columns])
    assert np.array_equal(
        page.value("/image/values", "1,:,2:4"), image[1][rows][:, columns][:, 2:4].reshape(-1)
    )
    assert page.attributes("/image")["axes"] == [".", "row", "column"]


def test_what_one_request_reads_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request for more is refused, with what to do; parts can be had."""
    monkeypatch.setattr(stored, "MOST_BYTES", 4000)
    monkeypatch.setattr(stored, "MOST_VALUE_BYTES", 4000)
    page = page_of(
        tmp_path, x=np.zeros((10, 100)), words=["a" * 100] * 99, arrays=[np.arange(999.0)] * 9
    )
    with pytest.raises(
        Failed, match="8,000 bytes are more than the viewer reads at once.*chk.array"
    ):
        page.value("/x")
    assert page.value("/x", "3,:").shape == (100,)
    for path in ("/words", "/arrays"):
        with pytest.raises(Failed, match="reads at once"):
            page.shown(path)


def test_long_texts_and_tables_are_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A very long text is cut, and a table of many rows says how many there are."""
    monkeypatch.setattr(values, "MOST_ROWS", 7)
    rows = np.zeros(20, [("a", "i4"), ("b", "f8")])
    page = page_of(tmp_path, text="x" * 50_000, rows=rows)
    assert page.shown("/text").endswith("x …") and len(page.shown("/text")) < 11_000
    assert page.meta("/rows")["shape"] == [7]
    assert page.attributes("/rows")["shown"] == "the first 7 of 20 rows"


# -- what is not there, or cannot be read --------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/nothing", "/p/nothing", "/p/steps/more", "/p/..", "/../p", "/p/./x"]
)
def test_nothing_there(tmp_path: Path, path: str) -> None:
    """A path that leads nowhere is a 404, with its key."""
    page = page_of(tmp_path, p={"steps": 5})
    with pytest.raises(Failed) as caught:
        page.meta(path)
    assert caught.value.args[0] in {404, 422}


def test_a_damaged_value_hides_no_other(tmp_path: Path) -> None:
    """A type that cannot be read is a text that says so; all else is shown."""
    import h5py

    path = tmp_path / "run.h5"
    HDF5Checkpointer(path)["good"] = 1
    with h5py.File(path, "r+") as file:
        file["odd"] = h5py.Empty("f4")
        file["soft"] = h5py.SoftLink("/good")
        file["loose"] = h5py.SoftLink("/nowhere")
        file["outside"] = h5py.ExternalLink("other.h5", "/x")
        file["reference"] = file["good"].ref
    page = Page(path)
    for name in page.names("/"):
        page.shown(f"/{name}")
    assert page.value("/good") == 1 and len(page.shown("/")) == len(page.names("/"))


def test_the_file_is_gone(tmp_path: Path) -> None:
    """A file that is removed while it is shown is an error, and not an empty file."""
    page = page_of(tmp_path, a=1)
    (tmp_path / "run.h5").unlink()
    for name in ("info", "meta", "data"):
        with pytest.raises(Failed, match="No such file"):
            page.ask(name, path="/")
