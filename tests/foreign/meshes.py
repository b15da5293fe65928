"""Files of meshes and images in space: DREAM.3D, XDMF, MOAB, CGNS, VTKHDF, ITK, Imaris, BigDataViewer."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
from h5py import h5t

from .making import attribute, compound, creation, dataset, enum, objects, string, text, texts
from .registry import foreign


@foreign("dream3d/containers")
def dream3d(file: Any) -> None:
    text(file, "FileVersion", "7.0", room=1)
    container = file.create_group("DataContainers/Small IN100")
    cells = container.create_group("Cell Data")
    dataset(cells, "AttributeMatrixType", h5t.STD_U32LE, (1,), bytes(4))
    cells.attrs["TupleDimensions"] = np.array([2, 3, 4], "u8")
    for name, shape, code in (("Euler Angles", (4, 3, 2, 3), "f4"), ("Mask", (4, 3, 2, 1), "u1")):
        made = cells.create_dataset(name, data=np.ones(shape, code))
        text(made, "ObjectType", f"DataArray<{code}>", room=1)
        made.attrs["ComponentDimensions"] = np.array([shape[-1]], "u8")
        text(made, "Tuple Axis Dimensions", "x=2,y=3,z=4", room=1)
    names = container.create_dataset("Phase Names", data=objects(["", "Nickel"]), dtype=h5py.string_dtype("ascii"))  # fmt: skip
    text(names, "ObjectType", "StringDataArray", room=1)
    dataset(
        file.create_group("Pipeline"),
        "Pipeline",
        string(30, "term"),
        (),
        b'{"0": {}}'.ljust(30, b"\0"),
    )
    bundle = np.dtype([("a", "<i4"), ("b", "<f4", (3,))])
    container["Bundle"] = np.ones(2, bundle)


@foreign("xdmf/time series")
def xdmf(file: Any) -> None:
    mesh = file.create_group("Mesh/mesh")
    mesh["topology"] = np.arange(12, dtype="i8").reshape(3, 4)
    mesh["geometry"] = np.ones((5, 3))
    mesh["topology"].attrs["cell_type"] = np.bytes_("tetrahedron")
    for step in range(5):
        group = file.create_group(f"Function/u/{step}")
        group["values"] = np.full((5, 1), step, "f8")
        group["mesh"] = mesh
    mesh["topology"].attrs["partition"] = np.array([0], "u8")
    mesh["geometry"].attrs["empty"] = np.array([], "u8")


@foreign("moab/mesh")
def moab(file: Any) -> None:
    """Committed enumerations, tables that know each other by number, texts of HDF5's own kind."""
    tstt = file.create_group("tstt")
    tstt.attrs["max_id"] = np.uint64(10)
    kinds = enum(h5t.STD_U8LE, {"Edge": 1, "Tri": 2, "Hex": 9})
    kinds.commit(tstt.id, b"elemtypes")
    dataset(tstt, "nodes", h5t.IEEE_F64LE, (4, 3), np.arange(12.0).view("V8"))
    file.create_group("tstt/elements/Hex8").attrs.create("element_type", 9, dtype=tstt["elemtypes"])
    cells = dataset(file["tstt/elements/Hex8"], "connectivity", h5t.STD_U64LE, (2, 8), bytes(128))
    cells.attrs["start_id"] = np.uint64(5)
    tags = file.create_group("tstt/tags/MATERIAL")
    bits = h5t.STD_B8LE.copy()
    bits.commit(tags.id, b"type")
    tags.attrs["class"] = np.int32(2)
    dataset(tags, "id_list", h5t.STD_U64LE, (2,), bytes(16))
    dataset(tags, "values", bits, (2,), b"\1\3")
    vector = h5t.array_create(h5t.IEEE_F64LE, (3,))
    vector.commit(file.create_group("tstt/tags/DIR").id, b"type")
    dataset(file["tstt/tags/DIR"], "values", vector, (2,), np.arange(6.0).view("V24"))
    attribute(file["tstt/tags/DIR/type"], "default", vector, bytes(24))
    dataset(tstt, "history", string(None, "term"), (2,))
    file["tstt/history"][:] = ["iMesh", "2020"]


@foreign("cgns/base")
def cgns(file: Any) -> None:
    """ADF's nodes: a group each, with its label in an attribute and its data below ``" data"``."""

    def node(parent: Any, name: str, label: str, data: Any = None) -> Any:
        group = file if parent is None else parent.create_group(name, track_order=True)
        kind = {"f": "R8", "i": "I4", "u": "C1"}[data.dtype.kind] if data is not None else "MT"
        for key, value, size in (("name", name, 33), ("label", label, 33), ("type", kind, 3)):
            attribute(group, key, string(size, "term"), value.encode().ljust(size, b"\0"))
        attribute(group, "flags", h5t.STD_I32LE, b"\1\0\0\0", (1,))
        if data is not None:
            group.create_dataset(" data", data=data)
        return group

    root = node(None, "HDF5 MotherNode", "Root Node of HDF5 File")
    dataset(file, " format", string(15, "term"), (), b"IEEE_LITTLE_32\0")
    dataset(file, " hdf5version", string(33, "term"), (), b"HDF5 Version 1.8.17".ljust(33, b"\0"))
    node(root, "CGNSLibraryVersion", "CGNSLibraryVersion_t", np.array([3.4], "f4"))
    base = node(root, "Base", "CGNSBase_t", np.array([3, 3], "i4"))
    zone = node(base, "Zone  1", "Zone_t", np.array([[9], [4], [0]], "i4"))
    grid = node(zone, "GridCoordinates", "GridCoordinates_t")
    for axis in "XYZ":
        node(grid, f"Coordinate{axis}", "DataArray_t", np.arange(9.0))
    node(zone, "ZoneType", "ZoneType_t", np.frombuffer(b"Unstructured", "u1"))
    link = node(base, "Linked", "", np.frombuffer(b"/Base/Zone  1\0", "u1"))
    link[" link"] = h5py.SoftLink("/Base/Zone  1")


@foreign("vtkhdf/grid", libver=("earliest", "v110"))
def vtkhdf(file: Any) -> None:
    root = file.create_group("VTKHDF")
    root.attrs["Version"] = np.array([2, 1])
    text(root, "Type", "UnstructuredGrid", "null")
    for name in ("NumberOfPoints", "NumberOfCells", "NumberOfConnectivityIds"):
        root.create_dataset(name, data=np.array([4]), maxshape=(None,), chunks=(25,))
    root.create_dataset("Points", data=np.ones((4, 3), "f4"), maxshape=(None, 3), chunks=(100, 3))
    root["Types"] = np.array([10], "u1")
    steps = root.create_group("Steps")
    steps.attrs["NSteps"] = 2
    steps.create_dataset("Values", data=np.arange(2.0), maxshape=(None,))
    root.create_dataset("PointData/u", data=np.ones((8, 3)), maxshape=(None, 3), chunks=(4, 3))
    root["FieldData/name"] = np.array(["é"], h5py.string_dtype())
    assembly = file.create_group("blocks/Assembly", track_order=True)
    assembly["zone"] = h5py.SoftLink("/VTKHDF")


@foreign("itk/transform")
def itk(file: Any) -> None:
    for name, value in (("HDFVersion", b"1.8.15"), ("ITKVersion", b"5.3.0"), ("OSName", b"Linux")):
        dataset(file, name, string(len(value) + 1, "term"), (1,), value + b"\0")
    group = file.create_group("TransformGroup/0")
    kind = b"AffineTransform_double_3_3"
    dataset(group, "TransformType", string(len(kind)), (1,), kind)
    group["TransformParameters"], group["TransformFixedParameters"] = np.arange(12.0), np.zeros(3)
    image = file.create_group("ITKImage/0")
    image["Dimension"], image["Origin"] = np.array([3, 2], "u8"), np.zeros(2)
    image.create_dataset("VoxelData", data=np.ones((2, 3), "i2"), chunks=(1, 3), compression="gzip")
    dataset(image, "VoxelType", string(6), (1,), b"USHORT")
    meta = image.create_group("MetaData")
    flag = dataset(meta, "isThere", h5t.STD_U8LE, (1,), b"\1")
    attribute(flag, "isBool", h5t.STD_I8LE, b"\1")


@foreign("imaris/volume")
def imaris(file: Any) -> None:
    """Each attribute a text of single characters, as arrays of them."""

    def letters(item: Any, name: str, value: str) -> None:
        attribute(item, name, string(1, "term"), value.encode(), (len(value),))

    letters(file, "ImarisVersion", "5.5.0")
    letters(file, "DataSetDirectoryName", "DataSet")
    attribute(file, "NumberOfDataSets", h5t.STD_U32LE, b"\1\0\0\0", (1,))
    for level in range(2):
        channel = file.create_group(f"DataSet/ResolutionLevel {level}/TimePoint 0/Channel 0")
        letters(channel, "HistogramMax", "255.000")
        channel.create_dataset("Data", data=np.ones((4, 8, 8), "u1"), chunks=(2, 8, 8), compression="gzip",
                               compression_opts=2)  # fmt: skip
        channel["Histogram"] = np.arange(256, dtype="u8")
    info = file.create_group("DataSetInfo/Image")
    letters(info, "Unit", "um")
    letters(info, "Description", "(description not specified)")
    thumbnail = file.create_dataset("Thumbnail/Data", data=np.ones((4, 16), "u1"))
    letters(thumbnail, "CLASS", "IMAGE")
    times = compound(16, ("ID", 0, h5t.STD_I64LE), ("Time", 8, h5t.IEEE_F64LE))
    plist = creation(chunk=((4,),))
    dataset(file["DataSetInfo"], "Times", times, (3,), bytes(48), maxshape=(None,), plist=plist)


@foreign("bdv/volume")
def bdv(file: Any) -> None:
    for setup in range(2):
        group = file.create_group(f"s{setup:02}")
        group["resolutions"] = np.array([[1.0, 1, 1], [2, 2, 2]])
        group["subdivisions"] = np.array([[4, 4, 4], [2, 2, 2]], "i4")
        for level, size in ((0, 8), (1, 4)):
            data = np.arange(size**3, dtype="i2").reshape((size,) * 3)
            file.create_dataset(f"t00000/s{setup:02}/{level}/cells", data=data, chunks=(2, 4, 4),
                                compression="gzip")  # fmt: skip
    file["__DATA_TYPES__/boolean"] = h5py.enum_dtype({"FALSE": 0, "TRUE": 1}, "i1")
    file.attrs["axes"] = "zyx"
    file.create_dataset("ilastik/labels", data=np.zeros((2, 2), "u1"), chunks=(2, 2)).attrs["blockSlice"] = "[0:2,0:2]"  # fmt: skip
    file["ilastik"].attrs["names"] = objects(["a", "é"])
    texts(file["ilastik"], ilastikVersion="1.4.0")
