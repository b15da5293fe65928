"""The table of commands, errors and exit codes."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest

import hdfchk
from hdfchk import HDF5Checkpointer
from hdfchk.cli.program import COMMANDS, program, run
from tests.support import cli_page
from tests.support.command import ROOT, environment, invoke


@pytest.mark.parametrize("name", COMMANDS)
def test_table(name: str) -> None:
    """Each command is where the table says, with the same short help, and a help of its own."""
    command = program.get_command(click.Context(program), name)
    assert command is not None and command.name == name
    assert command.get_short_help_str(200) == COMMANDS[name][1]
    result = invoke(name, "--help")
    assert result.code == 0 and "--debug" in result.out
    assert max(map(len, result.out.splitlines())) <= 80


def test_page() -> None:
    """The help in the docs is that of the commands."""
    assert cli_page.PAGE.read_text(encoding="utf-8") == cli_page.page()


def test_help_is_light() -> None:
    """The help of all commands, and the names of commands, need click alone."""
    code = (
        "import sys; from hdfchk.cli.entry import main; code = main(sys.argv[1:])\n"
        "heavy = {'numpy', 'h5py', 'attrs', 'attr', 'rich', 'textual'} & set(sys.modules)\n"
        "assert code == 0 and not heavy, heavy"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "--help"],
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
    )
    assert done.returncode == 0, done.stderr
    for name, (_, text) in COMMANDS.items():
        assert f"  {name} " in done.stdout and text in done.stdout


def test_commands_use_the_public_names_alone() -> None:
    """Commands import hdfchk and its public names, and no other module but that of the viewer."""
    import ast

    for path in (ROOT / "hdfchk" / "cli").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                assert not node.module.startswith("hdfchk."), path
                if node.module == "hdfchk":
                    assert {alias.name for alias in node.names} <= set(hdfchk.__all__), path
            elif isinstance(node, ast.ImportFrom):
                names = {alias.name for alias in node.names}
                assert node.level == 1 or (node.module, names) == ("viewer", {"view"}), path
            elif isinstance(node, ast.Import):
                assert not any(alias.name.startswith("hdfchk.") for alias in node.names), path


def test_usage(tmp_path: Path) -> None:
    """Unknown commands and options, missing arguments: code 2, and a hint."""
    result = invoke("verfy")
    assert result.code == 2 and "did you mean 'verify'" in result.err
    for args in (["nonsense"], ["ls"], ["ls", "x.h5", "--what"], ["plot", "x.h5"]):
        result = invoke(*args)
        assert result.code == 2 and result.out == "" and result.err.count("\n") == 1
        assert result.err.startswith("hdfchk: ") and "--help" in result.err
    assert invoke("--version").out == f"hdfchk {hdfchk.__version__}\n"


def test_wrong_options(capsys: pytest.CaptureFixture[str]) -> None:
    """Of the program itself, too; without arguments it shows its help."""
    assert run(["--what"]) == 2
    assert capsys.readouterr().err == "hdfchk: No such option '--what'; see: hdfchk --help\n"
    assert run([]) == 2
    assert "Commands:" in capsys.readouterr().err


def test_unreadable(tmp_path: Path) -> None:
    """What is missing, a folder or no HDF5 file: code 3, one line, with the name of the file."""
    (tmp_path / "text.h5").write_text("no")
    for name in ("missing.h5", ".", "text.h5", "no/such/folder.h5"):
        for command in (["ls"], ["tree"], ["get", "x"], ["verify"], ["rm", "x"], ["export", "out"]):
            first, *rest = command
            path = tmp_path / name
            result = invoke(first, path, *rest)
            assert result.code == 3 and result.out == "", (command, name)
            assert result.err.count("\n") == 1 and str(path) in result.err, result.err
    assert not (tmp_path / "missing.h5").exists()


def test_locked(demo: Path) -> None:
    """Somebody else writes: code 4, and who; readers do not wait."""
    code = (
        "import sys; from hdfchk import HDF5Checkpointer\n"
        "with HDF5Checkpointer(sys.argv[1]) as chk:\n"
        "    chk['x'] = 1; print('ready', flush=True); sys.stdin.read()"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", code, demo], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(),
    )  # fmt: skip
    assert writer.stdin is not None and writer.stdout is not None
    with writer:
        assert writer.stdout.readline() == b"ready\n"
        for args in (
            ["set", demo, "y", "1"],
            ["rm", demo, "tol"],
            ["mv", demo, "tol", "t"],
            ["compact", demo],
        ):
            result = invoke(*args, "--wait", 0.05)
            assert (
                result.code == 4 and str(writer.pid) in result.err and result.err.count("\n") == 1
            )
        assert invoke("get", demo, "x").out == "1\n"
        assert invoke("verify", demo).code == 0
        assert str(writer.pid) in invoke("info", demo).out
        writer.stdin.close()
    assert "y" not in HDF5Checkpointer(demo)


def test_debug(demo: Path) -> None:
    """With --debug, an error keeps its traceback."""
    with pytest.raises(hdfchk.CheckpointerKeyError):
        invoke("get", demo, "nope", "--debug")


def test_interrupts(
    demo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C is 130, without a message."""

    def interrupt(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(HDF5Checkpointer, "describe", interrupt)
    assert run(["ls", str(demo)]) == 130
    assert capsys.readouterr() == ("", "")


def test_warnings(
    demo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A warning is one line on standard error."""
    import warnings

    def warn(*args: object, **kwargs: object) -> list[object]:
        warnings.warn("look\x1b out", hdfchk.CheckpointWarning)
        return []

    monkeypatch.setattr(HDF5Checkpointer, "describe", warn)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert run(["ls", str(demo)]) == 0
    assert capsys.readouterr() == ("", "hdfchk: warning: look\\x1b out\n")


def test_errors_cannot_control_the_terminal(demo: Path) -> None:
    """Keys and files in messages are escaped."""
    evil = "evil\x1b]0;x\x07\x9b"
    for args in (["get", demo, "\x07"], ["ls", "\x07\x9b.h5"], ["rm", demo, f"{evil}/x"]):
        result = invoke(*args)
        assert result.code in {1, 3} and result.err.rstrip("\n").isprintable() and not result.out


def test_modules_of_commands() -> None:
    """A module has what the table says, and names its commands in its list of names."""
    for name, (module, _) in COMMANDS.items():
        assert f"{name}_command" in import_module(f"hdfchk.cli.{module}").__all__
