"""`DumpCheckpointer`: a dict in memory that is written as a whole, once, and takes its place."""

from __future__ import annotations

import os
import stat

import pytest

from hdfchk.mcutils import Checkpointer, DumpCheckpointer, JSONCheckpointer, NumPyCheckpointer


@pytest.fixture(params=[".json", ".npz"])
def path(request, tmp_path):
    return str(tmp_path / f"run{request.param}")


class Repr(DumpCheckpointer):
    """A class of a script's own, as the older toolbox wants it."""

    dumps = 0

    def dump(self):
        self.dumps += 1
        self.stream.write(repr(self.convert()))


def test_a_class_of_a_script(tmp_path):
    """`dump` writes `backend` to `stream`, once a block."""
    path = str(tmp_path / "x.txt")
    chk = Repr(path)
    with chk:
        chk["a"] = 1
        chk["b", "c"] = 2
        assert not os.path.exists(path) and chk.backend == {"a": 1, "b": {"c": 2}}
    with open(path) as file:
        assert file.read() == "{'a': 1, 'b': {'c': 2}}"
    assert chk.dumps == 1 and chk["b", "c"] == 2 and chk.dumps == 1
    chk["a"] = 3
    assert chk.dumps == 2 and os.listdir(tmp_path) == ["x.txt"]
    with pytest.raises(TypeError):
        DumpCheckpointer(path)


def test_a_cache_is_used_in_place(path):
    """What is given as `cache` is `backend`, and the file is not read."""
    Checkpointer.from_file(path)["old"] = 1
    cache = {"a": 1}
    chk = Checkpointer.from_file(path, cache=cache)
    chk["b"] = 2
    assert chk.backend is cache == {"a": 1, "b": 2}
    assert Checkpointer.from_file(path).keys() == ["a", "b"]


def test_the_file_is_written_once(path):
    """Inside of a block nothing is written; at its end all of it, in one step."""
    with Checkpointer.from_file(path) as chk:
        chk["a"] = 1
        assert not os.path.exists(path)
        chk["b"] = 2
    assert Checkpointer.from_file(path).keys() == ["a", "b"]
    assert os.listdir(os.path.dirname(path)) == [os.path.basename(path)]


def test_reading_writes_nothing(path):
    """What only reads does not touch the file, and makes none."""
    chk = Checkpointer.from_file(path)
    with chk:
        assert "a" not in chk and chk.keys() == [] and chk.get("a") is None
    assert not os.path.exists(path)
    chk["a"] = [1, 2]
    before = os.stat(path)
    with Checkpointer.from_file(path) as reader:
        assert list(reader["a"]) == [1, 2] and "b" not in reader
    assert list(Checkpointer.from_file(path)["a"]) == [1, 2]
    after = os.stat(path)
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_values_that_were_read_may_be_changed(path):
    """In a block, a value that was read and changed is written, as every part of `backend`."""
    Checkpointer.from_file(path)["a"] = {"b": [1.0, 2.0]}
    with Checkpointer.from_file(path) as chk:
        chk["a"]["b"][0] = 5.0
    assert list(Checkpointer.from_file(path)["a", "b"]) == [5, 2]
    with Checkpointer.from_file(path) as chk:
        chk.backend["c"] = 1
    assert Checkpointer.from_file(path).keys() == ["a", "c"]


def test_others_write_the_file(path):
    """A checkpointer sees what another one has written between its blocks, and loses nothing."""
    one, two = Checkpointer.from_file(path), Checkpointer.from_file(path)
    one["a"] = 1
    two["b"] = 2
    one["c"] = 3
    assert one.keys() == two.keys() == ["a", "b", "c"]
    os.unlink(path)
    assert one.keys() == []


def test_paths(path):
    """A tuple is a path; what goes through a value is an error."""
    chk = Checkpointer.from_file(path)
    chk["a", "b", "c"] = 1
    assert chk["a", "b"] == {"c": 1} and ("a", "b", "c") in chk and ("a", "x", "c") not in chk
    del chk["a", "b", "c"]
    assert chk["a", "b"] == {} == Checkpointer.from_file(path)["a", "b"]
    chk["n"] = 1
    with pytest.raises(KeyError, match="it holds a value"):
        chk["n", "m"] = 1
    for key in (("n", "m"), ("x", "y"), "x"):
        for call in (chk.__getitem__, chk.__delitem__):
            with pytest.raises(KeyError, match="no such key"):
                call(key)


@pytest.mark.parametrize("bad", [object(), {"x": [1, {"y": object()}]}, {1: {2: 3}, (1, 2): 4}])
def test_what_the_file_cannot_hold(path, bad):
    """It is refused before anything is set, with its place; the block goes on."""
    chk = Checkpointer.from_file(path)
    with chk:
        chk["a"] = 1
        with pytest.raises(TypeError, match="run") as caught:
            chk["b"] = bad
        assert caught.value.key.startswith("b") and caught.value.file == path
        with pytest.raises(TypeError):
            chk.update({"c": 2, "d": bad})
    assert Checkpointer.from_file(path).keys() == ["a"]


def test_a_value_that_changes_later(path):
    """If what was set can no longer be written, the old file stays, whole."""
    chk = Checkpointer.from_file(path)
    chk["a"] = 1
    items = [1]
    with pytest.raises(TypeError), chk:
        chk["b"] = items
        items.append(object())
    assert not chk.is_open
    assert Checkpointer.from_file(path).keys() == ["a"]
    assert os.listdir(os.path.dirname(path)) == [os.path.basename(path)]


def test_the_mode_of_the_file_and_links(path, tmp_path):
    """The new file has the mode of the old one, and a link leads to it as before."""
    chk = Checkpointer.from_file(path)
    chk["a"] = 1
    os.chmod(path, 0o640)
    link = f"{tmp_path}/link{os.path.splitext(path)[1]}"
    os.symlink(path, link)
    Checkpointer.from_file(link)["b"] = 2
    assert os.path.islink(link) and stat.S_IMODE(os.stat(path).st_mode) == 0o640
    assert Checkpointer.from_file(path).keys() == ["a", "b"]


def test_open_files(path):
    """An open file is read, and written from its beginning; it stays open."""
    kind, mode = (JSONCheckpointer, "w+") if path.endswith("json") else (NumPyCheckpointer, "w+b")
    with open(path, mode) as file:
        chk = kind(file)
        chk["a"] = [1, 2, 3]
        chk["a"] = 5
        assert not file.closed and kind(file)["a"] == 5
        with kind(file) as again:
            again["b"] = 6
        assert kind(file).keys() == ["a", "b"]
    assert kind(path).keys() == ["a", "b"]


def test_damaged_files(path):
    """A file of something else is an error that names it, and is not written over."""
    with open(path, "w") as file:
        file.write("[1, 2")
    for call in (lambda c: c["a"], lambda c: c.keys(), lambda c: c.update({"a": 1})):
        with pytest.raises(OSError, match=path):
            call(Checkpointer.from_file(path))
    with open(path) as file:
        assert file.read() == "[1, 2"


def test_an_own_serializer(path):
    """`serializer` writes and reads the file in place of the class's own."""

    class Upper:
        def serialize(self, file, data):
            text = ",".join(f"{key}={value}" for key, value in data.items())
            file.write(text.upper())

        def deserialize(self, file):
            return dict(pair.split("=") for pair in file.read().split(","))

    chk = JSONCheckpointer(path, serializer=Upper())
    chk["a"] = 1
    with open(path) as file:
        assert file.read() == "A=1"
    assert JSONCheckpointer(path, None, Upper())["A"] == "1"
