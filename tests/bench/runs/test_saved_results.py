"""What a worker saves instead of its results costs its case, whatever it is, and no more."""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from gradmeter.bench import workloads
from gradmeter.bench.cases.plan import Group
from gradmeter.bench.cases.variants import parse
from gradmeter.bench.errors import WorkerError
from gradmeter.bench.runs.saved_results import most_bytes, read

GROUP = Group(workloads.get("squares-3"), 16, (parse("engine"),))
anything = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def saved(**results) -> bytes:
    file = io.BytesIO()
    np.savez(file, **results)
    return file.getvalue()


HONEST = saved(result=np.arange(16.0), **{"gradient of x": np.ones(16, np.float32)})


@anything
@given(
    array=arrays.arrays(
        st.sampled_from(["f2", "f4", "f8", "g", "i1", "u8", ">f8", "?"]),
        arrays.array_shapes(min_dims=0, max_side=5, min_side=0),
    ),
    column_major=st.booleans(),
)
def test_arrays_of_numbers_come_back_as_they_were(tmp_path, array, column_major):
    path = tmp_path / "computed.npz"
    path.write_bytes(saved(result=np.asarray(array, order="F" if column_major else "C")))
    found = read(path, GROUP)["result"]
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


@anything
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused(tmp_path, data):
    content = bytearray(HONEST)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "computed.npz"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    found = {}
    with suppress(WorkerError):  # and no other error
        found = read(path, GROUP)
    assert all(array.dtype.kind in "biuf" for array in found.values())


def header(text: bytes, data: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text) + 1) + text + b"\n" + data


def archive(member: bytes, method: int = zipfile.ZIP_STORED, count: int = 1) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as made:
        for number in range(count):
            made.writestr(f"result{number}.npy", member)
    return file.getvalue()


SHAPE = b"{'descr': '<f8', 'fortran_order': False, 'shape': (%s,)}"
ARRAY = header(SHAPE % b"2", bytes(16))
OBJECT = io.BytesIO()
np.save(OBJECT, np.array([print]), allow_pickle=True)


@pytest.mark.parametrize(
    "content",
    [
        archive(header(SHAPE % b"10995116277760", bytes(16))),
        archive(header(SHAPE % (b"9" * 5000), bytes(16))),
        archive(header(SHAPE % b"-2", bytes(16))),
        archive(header(SHAPE % b"-1, -2", bytes(16))),
        archive(header(b"(" * 9000)),
        archive(header(b"-" * 9000 + b"1")),
        archive(OBJECT.getvalue()),
        archive(ARRAY.replace(b"<f8", b"|O8")),
        archive(ARRAY.replace(b"<f8", b"|S8")),
        archive(ARRAY.replace(b"<f8", b"<M8")),
        archive(ARRAY.replace(b"NUMPY\x01", b"NUMPY\x09")),
        archive(ARRAY, zipfile.ZIP_DEFLATED),
        archive(header(SHAPE % b"1000000000", bytes(10**6)), zipfile.ZIP_DEFLATED),
        archive(header(SHAPE % b"1000000000", bytes(10**6)), zipfile.ZIP_LZMA),
        archive(ARRAY, count=1000),
        zlib.compress(ARRAY),
    ],
    ids=range(16),
)
def test_what_is_no_result_is_refused(tmp_path, content):
    path = tmp_path / "computed.npz"
    path.write_bytes(content)
    with pytest.raises(WorkerError, match="saved results") as caught:
        read(path, GROUP)
    assert caught.value.kind == "rubbish"


def test_a_file_larger_than_the_results_can_be_is_not_read(tmp_path):
    path = tmp_path / "computed.npz"
    with path.open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(WorkerError, match=r"1,000,000,000,000 bytes; results have \S+ at most"):
        read(path, GROUP)


@pytest.mark.parametrize("name", workloads.names())
@pytest.mark.parametrize("size", [1, 16, 10**6])
def test_the_limit_holds_what_a_workload_computes(name, size):
    group = Group(workloads.get(name.replace("-N", "-3")), size, (parse("engine"),))
    inputs = workloads.arrays(group.workload, size, 0)
    largest = max(array.nbytes for array in inputs.values())
    assert sum(array.nbytes for array in inputs.values()) + largest <= most_bytes(group)


@pytest.mark.parametrize("what", ["missing", "folder", "fifo", "link", "endless", "socket"])
def test_what_is_no_file_is_refused_at_once(tmp_path, what):
    path = tmp_path / "computed.npz"
    (tmp_path / "honest").write_bytes(HONEST)
    if what == "folder":
        path.mkdir()
    elif what == "fifo":
        os.mkfifo(path)
    elif what in ("link", "endless"):
        path.symlink_to("/dev/zero" if what == "endless" else tmp_path / "honest")
    elif what == "socket":
        os.mknod(path, 0o140600)
    with pytest.raises(WorkerError, match="saved results"):
        read(path, GROUP)
