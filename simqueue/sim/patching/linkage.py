"""Functions of the C library, replaced for one extension module by changing its pointers.

An extension module that reads a clock with ``clock_gettime`` calls it through a word of its own
memory, which the dynamic linker has set. Redirecting Python's functions does not reach such a call;
changing that word does, for this module only.
"""

from __future__ import annotations

import ctypes
import functools
import mmap
import os
import platform
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_MACHINES = ("x86_64", "aarch64")
_SYMBOL = struct.Struct("<I20x")
_RELOCATION = struct.Struct("<QQq")
_STRTAB, _SYMTAB, _RELA, _RELASZ, _PLTRELSZ, _JMPREL = 5, 6, 7, 8, 2, 23
_TABLES = ((_RELA, _RELASZ), (_JMPREL, _PLTRELSZ))

_mprotect: Any = getattr(ctypes.CDLL(None), "mprotect", None)


@functools.cache
def pointer_to(file: str, symbol: str) -> Pointer | None:
    """Return a loaded module's pointer to a function of the C library, None if it has none.

    None also where modules are not linked as on 64-bit Linux.
    """
    if sys.platform != "linux" or platform.machine() not in _MACHINES:
        return None
    try:
        real = ctypes.cast(getattr(ctypes.CDLL(None), symbol), ctypes.c_void_p).value
        loaded = ctypes.CDLL(file, mode=os.RTLD_NOLOAD | os.RTLD_LAZY)
    except (AttributeError, OSError):
        return None
    for address in _words_for(loaded._handle, symbol.encode()):  # noqa: SLF001  what dlopen returned
        # A check: the word must contain the function's address.
        if ctypes.c_size_t.from_address(address).value == real:
            return Pointer(address)
    return None


def _words_for(handle: int, symbol: bytes) -> Iterator[int]:
    """Yield the addresses of the words that the linker fills with a symbol's address."""
    base, _, dynamic = (ctypes.c_size_t * 3).from_address(handle)  # of struct link_map
    entries = dict(_dynamic_entries(dynamic))

    def table(tag: int) -> int:
        address = entries[tag]
        return address if address >= base else base + address  # musl leaves them relative

    names, symbols = table(_STRTAB), table(_SYMTAB)
    for tag, size in _TABLES:
        if tag not in entries:
            continue
        relocations = ctypes.string_at(table(tag), entries[size])
        for offset, info, _ in _RELOCATION.iter_unpack(relocations):
            number = info >> 32
            if number and ctypes.string_at(names + _name_of(symbols, number)) == symbol:
                yield base + offset


def _dynamic_entries(address: int) -> Iterator[tuple[int, int]]:
    while True:
        tag, value = (ctypes.c_size_t * 2).from_address(address)
        if not tag:
            return
        yield tag, value
        address += 16


def _name_of(symbols: int, number: int) -> int:
    offset: int = _SYMBOL.unpack(ctypes.string_at(symbols + 24 * number, _SYMBOL.size))[0]
    return offset


class Pointer:
    """One word with a function's address, in memory that may be read-only."""

    __slots__ = ("_locked", "_word", "real")

    def __init__(self, address: int) -> None:
        self._word = ctypes.c_size_t.from_address(address)
        self._locked = not _writable(address)
        self.real = self._word.value

    def set(self, function: int) -> None:
        """Make the module call the function at this address, if its memory can be changed."""
        if self._locked and not self._protect(mmap.PROT_READ | mmap.PROT_WRITE):
            return
        self._word.value = function
        if self._locked:
            self._protect(mmap.PROT_READ)

    def _protect(self, protection: int) -> bool:
        address = ctypes.addressof(self._word)
        page = address - address % mmap.PAGESIZE
        result: int = _mprotect(ctypes.c_void_p(page), ctypes.c_size_t(mmap.PAGESIZE), protection)
        return result == 0


def _writable(address: int) -> bool:
    """Return whether the memory at an address may be written to as it is."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        area, rights, *_ = line.split()
        begin, end = (int(text, 16) for text in area.split("-"))
        if begin <= address < end:
            return "w" in rights
    return False


class CFunction:
    """A function of the C library, replaced for one module; a patch."""

    __slots__ = ("_callback", "_pointer")

    def __init__(self, pointer: Pointer, callback: Any) -> None:
        self._pointer, self._callback = pointer, callback  # kept alive while C code may call it

    def install(self) -> None:
        """Make the module call the callback."""
        address = ctypes.cast(self._callback, ctypes.c_void_p).value
        if address is not None:
            self._pointer.set(address)

    def restore(self) -> None:
        """Make the module call the C library again."""
        self._pointer.set(self._pointer.real)
