"""The readers that are programs: h5dump, h5repack with h5diff, ncdump. What they print is parsed."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile

from .batches import ending, environment
from .leaves import Leaf, Number, Text
from .reports import Job, Report

TIME_LIMIT = 20.0
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s,{}()[\];"]+', re.DOTALL)
_OPAQUE = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2})*")
_ESCAPE = re.compile(rb"\\(37777777[0-7]{3}|[0-7]{3}|x[0-9a-fA-F]{2}|.)", re.DOTALL)
_LETTERS = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"b": b"\b", b"f": b"\f"}


class ProgramError(Exception):
    """A program that failed: how, and what it said."""


def run(*command: str) -> str:
    """What a program prints; one that fails, or complains, is a `ProgramError`."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIME_LIMIT,
            check=False,
            env={**environment(), "MALLOC_PERTURB_": "165"},  # what is not initialised shows
        )
    except subprocess.TimeoutExpired as error:
        raise ProgramError(f"no end within {TIME_LIMIT:g} s") from error
    said = " ".join(done.stderr.decode(errors="replace").split())
    if done.returncode:
        raise ProgramError(f"{command[0]}: {ending(done.returncode)} {said}".strip()[:300])
    if said:
        raise ProgramError(said[:300])
    return done.stdout.decode("utf-8", "surrogateescape")


def parse_tokens(text: str) -> list[Leaf]:
    """The numbers and quoted texts of what h5dump or ncdump prints of data."""
    found: list[Leaf] = []
    for token in _TOKEN.findall(text):
        if token.startswith('"'):
            found.append(Text(_unescape(token[1:-1])))
        elif token.startswith(("0X", "0x")):
            found += [Number(str(byte)) for byte in bytes.fromhex(token[2:])]
        elif ":" in token and _OPAQUE.fullmatch(token):
            found += [Number(str(byte)) for byte in bytes.fromhex(token.replace(":", ""))]
        else:
            found.append(Number(re.sub(r"(Infinity|NaN)f$", r"\1", token)))
    return found


def _unescape(text: str) -> str:
    """A text without its escapes, and without the NULs that pad it."""

    def letter(match: re.Match[bytes]) -> bytes:
        code = match[1]
        if len(code) >= 3:  # h5dump writes bytes from 128 up as negative numbers
            return bytes([(int(code, 8) if code[:1] != b"x" else int(code[1:], 16)) & 255])
        return _LETTERS.get(code, code)

    raw = _ESCAPE.sub(letter, text.encode("utf-8", "surrogateescape"))
    return raw.rstrip(b"\0").decode("utf-8", "surrogateescape")


class Program:
    """A program that reads a key of a file in a process of its own."""

    needs: tuple[str, ...]
    """What has to be on the PATH."""

    def reports(self, jobs: list[Job]) -> dict[int, Report]:
        """Read all jobs."""
        return {job.number: self.report(job) for job in jobs}

    def report(self, job: Job) -> Report:
        """Read one job."""
        report = Report(ended=True)
        try:
            self.open(job.path)
        except ProgramError as error:
            report.file_error = str(error)
            return report
        for key in job.keys:
            for name, look in ((key, self.read), (f"{key}@", self.attributes)):
                try:
                    report.found[name] = look(job.path, key)
                except ProgramError as error:
                    report.errors[name] = str(error)
        return report

    def open(self, path: str) -> None:
        """Look at the file as a whole."""

    def read(self, path: str, key: str) -> list[Leaf]:
        """The data of a key."""
        raise NotImplementedError

    def attributes(self, path: str, key: str) -> list[Leaf]:
        """Its attributes, which are only to be read without an error."""
        return []


class H5dump(Program):
    """HDF5's own program: the header of the whole file, data and attributes key by key."""

    needs = ("h5dump",)

    def open(self, path: str) -> None:
        run("h5dump", "--enable-error-stack", "-H", path)

    def read(self, path: str, key: str) -> list[Leaf]:
        command = ("h5dump", "--enable-error-stack", "-y", "-w", "0", "-m", "%.17g")
        printed = run(*command, "-d", f"/{key}", path).partition("\n   ATTRIBUTE ")[0]
        data = re.search(r"\n   DATA \{\n(.*)   \}", printed, re.DOTALL)
        text = data[1].strip() if data else ""
        if text.startswith('"'):  # quotes inside are not escaped
            items = re.split(r'",\s+"', text.removeprefix('"').removesuffix('"'))
            return [Text(_unescape(item)) for item in items]
        return parse_tokens(text)


class H5repack(Program):
    """HDF5's own copy of a file, compared with the file by h5diff."""

    needs = ("h5repack", "h5diff", "h5stat")

    def open(self, path: str) -> None:
        run("h5stat", path)
        with tempfile.TemporaryDirectory() as folder:
            copy = os.path.join(folder, "copy.h5")
            run("h5repack", path, copy)
            run("h5diff", "-c", path, copy)

    def report(self, job: Job) -> Report:
        return super().report(Job(job.number, job.path, ()))


class Ncdump(Program):
    """netCDF-C: the header of the whole file, and the data variable by variable."""

    needs = ("ncdump",)

    def open(self, path: str) -> None:
        run("ncdump", "-h", path)

    def read(self, path: str, key: str) -> list[Leaf]:
        printed = run("ncdump", "-p", "9,17", "-v", f"/{key}" if "/" in key else key, path)
        for part in printed.split("data:")[1:]:
            own = re.split(r"^\s*group: ", part, flags=re.MULTILINE)[0]  # but for those inside
            data = re.search(r"^[^\n]*? =(.*?) ;$", own, re.DOTALL | re.MULTILINE)
            if data:
                return parse_tokens(data[1])
        return []
