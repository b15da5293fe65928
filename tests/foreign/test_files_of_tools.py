"""Files that pandas, PyTables, netCDF4, h5netcdf and MATLAB make are read as far as they go."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings

import h5netcdf
import h5py
import netCDF4
import numpy as np
import pandas as pd
import pytest
import tables
import xarray

from hdfchk import Group, HDF5Checkpointer, UnsafeFileError
from hdfchk import UnsupportedStoredError as Unsupported
from tests.foreign import fingerprint, read_all

FRAME = pd.DataFrame(
    {
        "a": [1, 2],
        "b": [1.5, np.nan],
        "s": ["x", "yé"],
        "d": pd.to_datetime(["2020-01-01", "2021-01-01"]),
    },
    index=["i", "j"],
)


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "foreign.h5")


def append(path):
    """Add keys of ours to a file, check that they are there, and that the rest is as it was."""
    before = fingerprint(path)
    chk = HDF5Checkpointer(path)
    chk["ours"] = {"array": np.arange(5.0), "list": [1, 2, 3], "text": "é", "steps": 3}
    chk["number"] = 2.5
    assert fingerprint(path, but=("ours", "number")) == before
    assert chk["ours"].load()["text"] == "é" and chk["number"] == 2.5


# -- pandas ------------------------------------------------------------------------------------


@pytest.fixture
def frames(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas on strings in the fixed form
        FRAME.to_hdf(path, key="fixed")
        FRAME.to_hdf(path, key="table", format="table", data_columns=True)
        FRAME["a"].to_hdf(path, key="series")
        FRAME[["a", "b"]].to_hdf(path, key="zipped", complevel=9, complib="zlib")
        categories = FRAME[["a"]].assign(c=pd.Categorical(["u", "v"]))
        categories.to_hdf(path, key="categories", format="table")
    return path


def test_pandas_tables(frames):
    """A frame in pandas' table form is a structured array, with its columns by name."""
    table = HDF5Checkpointer(frames)["table/table"]
    assert table.dtype.names == ("index", "a", "b", "s", "d")
    assert table["a"].tolist() == [1, 2] and table["b"][0] == 1.5
    assert [item.decode() for item in table["s"]] == ["x", "yé"]
    dates = table["d"].astype(f"M8[{FRAME['d'].dt.unit}]")
    assert dates.astype("M8[us]").tolist() == FRAME["d"].tolist()


def test_pandas_fixed(frames):
    """A frame in pandas' fixed form is a group of its axes and blocks."""
    fixed = HDF5Checkpointer(frames)["fixed"]
    assert isinstance(fixed, Group)
    assert fixed["axis0"].tolist() == [b"a", b"b", b"s", b"d"] and "block0_items" in fixed
    assert fixed["block0_values"].tolist() == [[1], [2]]
    assert HDF5Checkpointer(frames)["zipped/block0_values"].tolist() == [[1], [2]]
    assert HDF5Checkpointer(frames)["series/values"].tolist() == [1, 2]


def test_pandas_files_are_read_whole(frames):
    """Every key of a pandas file is read, its attributes too; nothing is refused."""
    values, errors = read_all(HDF5Checkpointer(frames))
    assert not errors and len(values) > 50
    assert HDF5Checkpointer(frames)["table"].attrs["pandas_type"] == "frame_table"


@pytest.mark.slow
def test_appending_to_pandas_files(frames):
    """Keys of ours in a pandas file leave it readable by pandas."""
    append(frames)
    pd.testing.assert_frame_equal(pd.read_hdf(frames, "table"), FRAME)
    pd.testing.assert_frame_equal(pd.read_hdf(frames, "fixed"), FRAME)
    with pd.HDFStore(frames, "r") as store:
        assert "/series" in store.keys()


def test_filters_of_pytables(path):
    """Data in a filter that only PyTables brings are an error that names it."""
    with tables.open_file(path, "w") as file:
        file.create_carray("/", "x", obj=np.zeros(10_000), filters=tables.Filters(9, "blosc"))
    assert not HDF5Checkpointer(path)["x"].any()  # PyTables is there, and its filter with it
    code = """
import sys, hdfchk
try:
    hdfchk.HDF5Checkpointer(sys.argv[1])["x"]
except hdfchk.UnsupportedStoredError as error:
    print(error.key, "blosc" in str(error))
"""
    # Where libraries of this process find their filters, the other one must not look.
    env = {name: value for name, value in os.environ.items() if name != "HDF5_PLUGIN_PATH"}
    command = [sys.executable, "-c", code, path]
    out = subprocess.run(command, capture_output=True, check=True, encoding="utf-8", env=env)
    assert out.stdout.split() == ["x", "True"], out.stderr


# -- PyTables ----------------------------------------------------------------------------------


class Row(tables.IsDescription):
    x = tables.Int32Col()
    y = tables.Float64Col(shape=(2,))
    s = tables.StringCol(5)
    e = tables.EnumCol(["a", "b"], "a", "int8")

    class inner(tables.IsDescription):
        z = tables.BoolCol()


@pytest.fixture
def pytables(path):
    with tables.open_file(path, "w") as file:
        group = file.create_group("/", "g")
        file.create_array(group, "array", np.arange(3))
        file.create_array(group, "scalar", 5)
        file.create_array(group, "strings", [b"a", b"bc"])
        file.create_array(group, "complex", np.ones(2, "c8"))
        file.create_array(group, "bools", np.array([True, False]))
        file.create_carray(group, "chunked", obj=np.arange(10.0), filters=tables.Filters(5, "zlib"))
        growing = file.create_earray(group, "growing", tables.Float64Atom(shape=(3,)), (0,))
        growing.append(np.arange(6.0).reshape(2, 3))
        ragged = file.create_vlarray(group, "ragged", tables.Int32Atom())
        ragged.append([1, 2])
        ragged.append([3])
        file.create_vlarray(group, "objects", tables.ObjectAtom()).append({"a": 1})
        file.create_vlarray(group, "texts", tables.VLUnicodeAtom()).append("hé")
        table = file.create_table(group, "table", Row)
        table.row["x"], table.row["s"], table.row["y"] = 1, b"ab", (1.0, 2.0)
        table.row.append()
        table.flush()
        file.create_carray(group, "times", tables.Time64Atom(), (2,))
        file.create_hard_link("/", "hard", "/g/array")
        file.create_soft_link("/", "soft", "/g/array")
        file.create_external_link("/", "external", "other.h5:/x")
    return path


def test_pytables(pytables):
    """Arrays, chunked, growing and ragged ones, and tables of PyTables are arrays."""
    chk = HDF5Checkpointer(pytables)
    group = chk["g"]
    assert group["array"].tolist() == [0, 1, 2] and group["scalar"] == 5
    assert group["strings"].tolist() == [b"a", b"bc"] and group["complex"].dtype == np.complex64
    assert group["bools"].tolist() == [1, 0]  # a bitfield: PyTables' own attribute says bool
    assert group["growing"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert [item.tolist() for item in group["ragged"]] == [[1, 2], [3]]
    row = group["table"][0]
    assert row["x"] == 1 and row["s"] == b"ab" and row["y"].tolist() == [1, 2]
    assert chk["hard"].tolist() == [0, 1, 2] == chk["soft"].tolist()


def test_pickles_of_pytables_stay_bytes(pytables):
    """Python objects that PyTables pickled are the bytes of the pickle: nothing is unpickled."""
    found = HDF5Checkpointer(pytables, allow_pickle=True)["g/objects"][0]
    assert found.dtype == np.uint8 and b"a" in found.tobytes()


def test_what_pytables_has_and_numpy_has_not(pytables):
    """HDF5's own time type and external links are refused, with file and key; all else is read."""
    _, errors = read_all(HDF5Checkpointer(pytables))
    assert {key: type(error) for key, error in errors.items()} == {
        "g/times": Unsupported,
        "external": UnsafeFileError,
    }
    for key, error in errors.items():
        assert error.key == key and error.file == pytables and key in str(error)


def test_appending_to_pytables_files(pytables):
    """Keys of ours in a PyTables file leave it readable by PyTables."""
    append(pytables)
    with tables.open_file(pytables) as file:
        assert file.root.g.growing.nrows == 2 and file.root.g.objects[0] == {"a": 1}
        assert file.root.ours.array[:].tolist() == [0, 1, 2, 3, 4]


# -- netCDF ------------------------------------------------------------------------------------


@pytest.fixture(params=["netCDF4", "h5netcdf"])
def netcdf(path, request):
    (write_netcdf4 if request.param == "netCDF4" else write_h5netcdf)(path)
    return path


def write_netcdf4(path):
    with netCDF4.Dataset(path, "w") as file:
        file.title = "hé"
        file.createDimension("t", None)
        file.createDimension("x", 3)
        x = file.createVariable("x", "f8", ("x",))
        x[:] = [1, 2, 3]
        x.units = "m"
        temperature = file.createVariable("temp", "f4", ("t", "x"), zlib=True, fill_value=-9)
        temperature[0] = [1, 2, 3]
        temperature[1] = [4, 5, 6]
        name = file.createVariable("name", str, ("x",))
        name[0], name[1], name[2] = "aé", "b", ""
        group = file.createGroup("g")
        group.createDimension("y", 2)
        group.createVariable("q", "u1", ("y",))[:] = [1, 2]
        file.createVariable("scalar", "i4")[...] = 4
        file.createVariable("chars", "S1", ("x",))[:] = np.array([b"a", b"b", b"c"])
        enum = file.createEnumType("u1", "colour", {"A": 0, "B": 1})
        file.createVariable("enum", enum, ("x",))[:] = [0, 1, 0]
        ragged = file.createVariable("ragged", file.createVLType("i4", "list"), ("x",))
        ragged[0] = np.array([1, 2], "i4")
        pair = file.createCompoundType(np.dtype([("a", "i4"), ("b", "f8")]), "pair")
        file.createVariable("pairs", pair, ("x",))


def write_h5netcdf(path):
    with h5netcdf.File(path, "w") as file:
        file.dimensions = {"x": 3, "t": None}
        file.attrs["title"] = "hé"
        x = file.create_variable("x", ("x",), float)
        x[:] = [1, 2, 3]
        x.attrs["units"] = "m"
        file.create_variable("temp", ("t", "x"), "f4", fillvalue=-9)
        file.resize_dimension("t", 2)
        file["temp"][:] = np.arange(1, 7).reshape(2, 3)
        file.create_variable("name", ("x",), h5py.string_dtype())[:] = ["aé", "b", ""]
        group = file.create_group("g")
        group.dimensions = {"y": 2}
        group.create_variable("q", ("y",), "u1")[:] = [1, 2]


def test_netcdf(netcdf):
    """Variables with limited and unlimited dimensions, strings and groups are read."""
    chk = HDF5Checkpointer(netcdf)
    assert chk["x"].tolist() == [1, 2, 3] and chk["name"].tolist() == ["aé", "b", ""]
    assert chk["temp"].tolist() == [[1, 2, 3], [4, 5, 6]] and chk["temp"].dtype == np.float32
    assert chk["g/q"].tolist() == [1, 2] and chk.attrs["title"] == "hé"
    assert chk.array("x").attrs["units"] == "m"
    _, errors = read_all(chk)
    assert not errors and len(chk.load()) == len(chk)


def test_netcdf_scales(netcdf):
    """The references by which dimension scales hang together are refused, by name and place."""
    attributes = HDF5Checkpointer(netcdf).array("temp").attrs
    assert "DIMENSION_LIST" in attributes
    with pytest.raises(Unsupported, match="'DIMENSION_LIST'") as caught:
        attributes["DIMENSION_LIST"]
    assert caught.value.key == "temp" and caught.value.file == netcdf


def test_netcdf_types(path):
    """Scalars, characters, enumerations, ragged and compound variables of netCDF are read."""
    write_netcdf4(path)
    chk = HDF5Checkpointer(path)
    assert chk["scalar"] == np.int32(4) and chk["chars"].tolist() == [b"a", b"b", b"c"]
    assert chk["enum"].tolist() == [0, 1, 0] and chk["pairs"].dtype.names == ("a", "b")
    assert [item.tolist() for item in chk["ragged"]] == [[1, 2], [], []]
    assert chk["colour"] == np.uint8 and chk["pair"].names == ("a", "b")  # named datatypes


def test_growing_a_netcdf_variable(netcdf):
    """A variable of an unlimited dimension grows by `append`."""
    chk = HDF5Checkpointer(netcdf)
    chk.array("temp").append(np.array([[7, 8, 9]], "f4"))
    assert chk["temp"][2].tolist() == [7, 8, 9]


def test_appending_to_netcdf_files(netcdf):
    """Keys of ours in a netCDF file leave it readable by both libraries."""
    append(netcdf)
    with netCDF4.Dataset(netcdf) as file:
        assert file["temp"][1].tolist() == [4, 5, 6] and file["g/q"][:].tolist() == [1, 2]
        assert file["ours/array"][:].tolist() == [0, 1, 2, 3, 4]
    with h5netcdf.File(netcdf, phony_dims="sort") as file:
        assert file["temp"][1].tolist() == [4, 5, 6]


# -- MATLAB ------------------------------------------------------------------------------------


@pytest.fixture
def matlab(path):
    """A file laid out as MATLAB 7.3 does: a user block, classes as attributes, ``#refs#``."""

    def put(parent, name, data, kind, **options):
        item = parent.create_dataset(name, data=data, **options)
        item.attrs["MATLAB_class"] = np.bytes_(kind)
        return item

    with h5py.File(path, "w", userblock_size=512) as file:
        put(file, "x", np.array([[1.0, 3.0], [2.0, 4.0]]), "double")
        text = np.array([[ord(letter)] for letter in "hello"], "u2")
        put(file, "name", text, "char").attrs["MATLAB_int_decode"] = np.int32(2)
        put(file, "flag", np.array([[1]], "u1"), "logical")
        first = put(file.create_group("#refs#"), "a", np.array([[7.0]]), "double")
        put(file, "cell", [[first.ref]], "cell", dtype=h5py.ref_dtype)
        put(file, "empty", np.zeros(2, "u8"), "double").attrs["MATLAB_empty"] = np.uint8(1)
        put(file, "cx", np.array([[(1.0, 2.0)]], [("real", "f8"), ("imag", "f8")]), "double")
        struct = file.create_group("st")
        struct.attrs["MATLAB_class"] = np.bytes_("struct")
        fields = np.empty(1, object)
        fields[0] = np.array([b"f"], "S1")
        struct.attrs.create("MATLAB_fields", fields, dtype=h5py.vlen_dtype(np.dtype("S1")))
        put(struct, "f", np.array([[5.0]]), "double")
    with open(path, "r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(512, b" "))
    return path


def test_matlab(matlab):
    """Numbers, characters, logicals, structs and complex numbers of MATLAB are arrays and dicts."""
    chk = HDF5Checkpointer(matlab)
    assert chk["x"].T.tolist() == [[1, 2], [3, 4]] and chk["flag"].tolist() == [[1]]
    assert "".join(map(chr, chk["name"].ravel())) == "hello" and chk["name"].dtype == np.uint16
    assert chk["st"].load()["f"].tolist() == [[5]] and chk["#refs#/a"].tolist() == [[7]]
    assert chk["cx"]["imag"].tolist() == [[2]] and chk["empty"].tolist() == [0, 0]
    assert chk.array("x").attrs["MATLAB_class"] == "double"
    assert chk["st"].attrs["MATLAB_class"] == "struct"


def test_matlab_cells(matlab):
    """Cells are references: they are refused, with file and key; what they hold is in ``#refs#``."""
    _, errors = read_all(HDF5Checkpointer(matlab))
    assert set(errors) == {"cell"}
    assert isinstance(errors["cell"], Unsupported) and errors["cell"].file == matlab
    rest = HDF5Checkpointer(matlab, omitted_keys="cell").load()
    assert len(rest) == 7


def test_appending_to_matlab_files(matlab):
    """Keys of ours in a MATLAB file leave its user block and all else as they were."""
    append(matlab)
    with open(matlab, "rb") as stream:
        assert stream.read(10) == b"MATLAB 7.3"
    big = np.arange(10_000.0)
    chk = HDF5Checkpointer(matlab)
    chk["big"] = big
    assert np.array_equal(chk["big"], big)


def test_mapping_an_array_behind_a_user_block(matlab):
    """A memory map of an array finds it behind the user block."""
    chk = HDF5Checkpointer(matlab)
    chk["big"] = np.arange(10_000.0)
    assert chk.array("big").map()[9_999] == 9_999.0


# -- after our edits ----------------------------------------------------------------------------


def test_replaced_keys_are_read_by_netcdf(path):
    """The note of the order of replaced keys is none that netCDF cannot read."""
    with HDF5Checkpointer(path) as chk:
        chk.update({"a": 1.0, "b": 2, "g": {f"k{i}": i for i in range(200)}})
        chk["a"] = "text"
        chk["g"].update({f"k{i}": "text" for i in range(150)})
    with netCDF4.Dataset(path) as file:
        assert set(file.variables) == {"a", "b"} and file["a"][...] == "text"
        assert len(file["g"].variables) == 200
        assert {"hdfchk:order", "hdfchk:order:3"} < set(file["g"].ncattrs())
    with xarray.open_dataset(path) as dataset:
        assert dataset["b"] == 2


def test_netcdf_attributes_after_an_overwrite(netcdf):
    """The texts of attributes that netCDF writes, without room for a NUL, stay whole."""
    days = "days since 2000-01-01 00:00:00"
    with netCDF4.Dataset(netcdf, "a") as file:
        file["x"].calendar, file["x"].units = "proleptic_gregorian", days
    chk = HDF5Checkpointer(netcdf)
    chk["x"] = np.array([4.0, 5, 6])
    chk.array("temp").append(np.array([[7, 8, 9]], "f4"))
    chk.put("g/q", np.array([3, 4], "u1"), compression="gzip")
    with netCDF4.Dataset(netcdf) as file:
        assert file["x"].calendar == "proleptic_gregorian" and file["x"].units == days
        assert file["x"][:].tolist() == [4, 5, 6] and file["g/q"][:].tolist() == [3, 4]


def test_string_variables_after_an_overwrite(netcdf):
    """Strings that go into a variable of strings leave it one, with its dimension."""
    chk = HDF5Checkpointer(netcdf)
    for names in (chk["name"], np.array(["é", "bb", ""], object), ["x", "yy", "z"]):
        chk["name"] = names
        with netCDF4.Dataset(netcdf) as file:
            assert file["name"].dimensions == ("x",) and file["name"][:].tolist() == list(names)
        with h5netcdf.File(netcdf, decode_vlen_strings=True) as file:
            assert file["name"].dimensions == ("x",) and file["name"][:].tolist() == list(names)
        with xarray.open_dataset(netcdf, drop_variables=["enum", "ragged", "pairs"]) as dataset:
            assert dataset["name"].values.tolist() == list(names)


def test_none_is_read_by_netcdf(path):
    """None, and what has one inside, keeps no library of netCDF from a file."""
    with HDF5Checkpointer(path) as chk:
        chk.update({"none": None, "g": {"none": None, "x": 1.5}, "frame": FRAME})
        chk.update({"stamp": pd.Timestamp("2024-02-29"), "dtype": np.dtype("f4")})
        chk["names"] = np.array(["a", "é"], object)
        chk["g"].attrs["none"] = chk.attrs["none"] = None
    with netCDF4.Dataset(path) as file:
        assert np.isnan(file["none"][...]) and np.isnan(file["g/none"][...])
        assert np.isnan(file.getncattr("none")) and file["g/x"][...] == 1.5
        assert file["names"][:].tolist() == ["a", "é"]
    with h5netcdf.File(path, phony_dims="sort") as file:
        assert np.isnan(file["none"][...]) and np.isnan(file["g"].attrs["none"])
        assert set(file.groups) == {"g", "frame", "stamp"}
    for engine, options in (("netcdf4", {}), ("h5netcdf", {"phony_dims": "sort"})):
        with xarray.open_dataset(path, engine=engine, **options) as dataset:
            assert np.isnan(dataset["none"]) and dataset["names"].values.tolist() == ["a", "é"]
        with xarray.open_dataset(path, engine=engine, group="g", **options) as dataset:
            assert np.isnan(dataset["none"]) and dataset["x"] == 1.5


def test_pandas_stores_after_compact(path):
    """A file of pandas and PyTables is read by both after `compact`, append and overwrite."""
    frame = pd.DataFrame({"n": [1, 2, 3], "x": [0.5, 1.5, 2.5], "t": ["a", "bb", "ccc"]})
    with pd.HDFStore(path) as store:
        store.put("fixed", frame, track_times=False)
        store.put("table", frame, format="table", data_columns=True, track_times=False)
    chk = HDF5Checkpointer(path)
    chk["ours"] = {"a": 1}
    chk.compact()
    with pd.HDFStore(path) as store:
        pd.testing.assert_frame_equal(store["fixed"], frame)
        pd.testing.assert_frame_equal(store["table"], frame)
    chk["fixed/block0_values"] = chk["fixed/block0_values"] * 2
    table = chk["table/table"]
    table["n"] += 1
    chk["table/table"] = table
    with pd.HDFStore(path) as store:
        assert store["table"]["n"].tolist() == [2, 3, 4]
        assert store["fixed"].select_dtypes("number").shape == (3, 2)
    with tables.open_file(path) as file:
        assert file.root._v_attrs.VERSION == "1.0" and file.root.table.table.nrows == 3
