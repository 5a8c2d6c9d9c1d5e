"""A few instructions of machine code that count a call and jump to the function that was called.

They are for functions that are called where no Python code may run, as at an allocation. They
touch one register that a call may change anyway, add atomically, and use no stack.
"""

from __future__ import annotations

import ctypes
import mmap
import platform
import struct
import sys
from dataclasses import dataclass
from functools import cache
from typing import Literal

MACHINES = ("x86_64",)

Size = Literal["second", "third", "product"]
"""The argument that is the size in bytes; or the product of the second and the third."""

# r11 points to the tally. The arguments are in rdi, rsi, rdx.
_COUNT = bytes.fromhex("f0 49 ff 03")  # lock inc qword [r11]
_ADD: dict[Size, bytes] = {
    "second": bytes.fromhex("f0 49 01 73 08"),  # lock add [r11+8], rsi
    "third": bytes.fromhex("f0 49 01 53 08"),  # lock add [r11+8], rdx
    "product": bytes.fromhex(
        "48 89 f0"  # mov rax, rsi
        "48 0f af c2"  # imul rax, rdx
        "f0 49 01 43 08"  # lock add [r11+8], rax
    ),
}
_LOAD = bytes.fromhex("49 bb")  # movabs r11, the eight bytes that follow
_JUMP = bytes.fromhex("41 ff e3")  # jmp r11

_pages: list[mmap.mmap] = []  # never freed, since another thread could be at an instruction there


class UnsupportedError(RuntimeError):
    """No machine code can be run here; the message says why."""


class Tally:
    """How many calls were counted, and the bytes that they asked for in total.

    Attributes:
        words: both numbers, to be read without a call of Python's.
    """

    def __init__(self) -> None:
        self.words = (ctypes.c_uint64 * 2)()
        self.address = ctypes.addressof(self.words)

    def reset(self) -> None:
        """Count from zero again."""
        self.words[0] = self.words[1] = 0

    @property
    def calls(self) -> int:
        """The number of calls."""
        return int(self.words[0])

    @property
    def bytes(self) -> int:
        """The sum of their sizes."""
        return int(self.words[1])


@dataclass(frozen=True)
class Counted:
    """A function that is to be counted.

    Attributes:
        function: its address; it takes at most three arguments, none a float.
        size: which of them is a size.
    """

    function: int
    size: Size


@cache
def counting(tally: Tally, functions: tuple[Counted, ...]) -> list[int]:
    """Make a function for each of these that counts the call, and then makes it.

    They are made once in a process, and kept with their tally.

    Returns:
        Their addresses, which stay valid.

    Raises:
        UnsupportedError: this is another machine, or the system allows no machine code.
    """
    if sys.platform != "linux" or platform.machine() not in MACHINES or sys.maxsize < 2**32:
        raise UnsupportedError(f"allocations are counted on Linux and {', '.join(MACHINES)} only")
    code = [
        _LOAD + struct.pack("<Q", tally.address) + _COUNT + _ADD[each.size]
        + _LOAD + struct.pack("<Q", each.function) + _JUMP
        for each in functions
    ]  # fmt: skip
    content = b"".join(code)
    try:
        page = mmap.mmap(
            -1,
            len(content),
            mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS,
            mmap.PROT_READ | mmap.PROT_WRITE,
        )
    except OSError as error:
        raise UnsupportedError(f"the system gives no page for machine code: {error}") from None
    page.write(content)
    _pages.append(page)
    first = ctypes.addressof(ctypes.c_char.from_buffer(page))
    protect(first, len(content), mmap.PROT_READ | mmap.PROT_EXEC)
    addresses, at = [], first
    for part in code:
        addresses.append(at)
        at += len(part)
    return addresses


def protect(address: int, size: int, protection: int) -> None:
    """Change how the pages may be used that hold ``size`` bytes from an address on.

    Raises:
        UnsupportedError: the system refuses.
    """
    start = address - address % mmap.PAGESIZE
    if _library().mprotect(start, address + size - start, protection):
        raise UnsupportedError(
            f"the system does not let pages be changed: error {ctypes.get_errno()}"
        )


@cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(None, use_errno=True)
    library.mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    return library
