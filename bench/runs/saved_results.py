"""Read the arrays that a worker's check saved, whatever the worker wrote instead.

The file comes from a process that runs another's engine: nothing in it is trusted. Only plain
arrays of numbers are read, and no more bytes than the case's results can have.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import IO, Any
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import numpy as np

from gradmeter.bench import workloads
from gradmeter.bench.cases.plan import Group
from gradmeter.bench.errors import WorkerError

_ITEM = 16  # bytes of the largest number, a long double
_OVERHEAD = 2**20  # the headers of the file and of its arrays, and arrays of a few elements
_NUMBERS = "biuf"


def most_arrays(group: Group) -> int:
    """The most arrays that a case saves: two for each input, and two forms of the result."""
    generator = np.random.default_rng(0)
    workload = group.workload
    return 2 * len(workload.inputs(workload.small(group.size), generator)) + 2


def most_bytes(group: Group) -> int:
    """The most bytes of the file with a case's results, all of which are alive at its peak.

    Our arrays have no more elements than the size says; of a user's, the estimate tells.
    """
    arrays = group.workload.estimate
    if not group.workload.source:
        arrays = min(arrays, most_arrays(group))
    return arrays * group.size * _ITEM + _OVERHEAD


def read(path: Path, group: Group) -> dict[str, workloads.Array]:
    """Read a case's results by name from the file that ``numpy.savez`` made.

    Raises:
        WorkerError: of kind "rubbish", if the file is anything else, or larger than the
            results can be.
    """
    try:
        with _open(path, most_bytes(group)) as file, ZipFile(file) as archive:
            members = archive.infolist()
            if len(members) > most_arrays(group):
                raise ValueError(f"it holds {len(members)} arrays")
            return {m.filename.removesuffix(".npy"): _array(archive, m) for m in members}
    # A damaged file raises errors of the system, of the zip format, of NumPy's, of memory, ...
    except Exception as error:
        raise WorkerError(
            "rubbish", f"its saved results cannot be read: {type(error).__name__}: {error}"
        ) from None


def _open(path: Path, most: int) -> IO[bytes]:
    """Open a regular file of at most so many bytes; neither wait for it nor follow a link.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is something else.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    file = os.fdopen(os.open(path, flags | getattr(os, "O_BINARY", 0)), "rb")
    try:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is no regular file")
        if status.st_size > most:
            raise ValueError(f"it has {status.st_size:,} bytes; results have {most:,} at most")
    except BaseException:
        file.close()
        raise
    return file


def _array(archive: ZipFile, member: ZipInfo) -> workloads.Array:
    """Read one array; its header has to describe exactly the bytes that are there.

    Raises:
        ValueError: it is compressed, no array of numbers, or of another length.
    """
    if member.compress_type != ZIP_STORED or member.file_size != member.compress_size:
        raise ValueError(f"{member.filename[:80]!r} is compressed, which savez does not do")
    with archive.open(member) as file:
        shape, column_major, dtype = _header(file)
        if dtype.kind not in _NUMBERS:
            raise ValueError(f"{member.filename[:80]!r} has elements of type {dtype}")
        data = file.read()  # no more than the file has
    elements = 1
    for length in shape:  # Python's integers do not overflow
        elements *= length
    if min(shape, default=0) < 0 or elements * dtype.itemsize != len(data):
        raise ValueError(f"{member.filename[:80]!r} has {len(data):,} bytes for shape {shape}")
    order = "F" if column_major else "C"
    return np.frombuffer(data, dtype).reshape(shape, order=order)  # type: ignore[call-overload, no-any-return]


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, Any]:
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(file)
    if version == (2, 0):
        return np.lib.format.read_array_header_2_0(file)
    raise ValueError(f"its arrays have version {version} of the format")
