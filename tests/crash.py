"""Faults at every step: an action runs in a process of its own, and at its n-th file-changing system call it is killed
(SIGKILL), or the disk is full from there on (ENOSPC), or read-only (EROFS). Python, DuckDB and Delta are all stopped
alike, as it is the system calls that are counted. Linux on x86-64 only.

The process is forked, so whoever calls this must not have begun what threads don't survive: no DuckDB, no Delta, no
Arrow computation. `crash_sweep.py` does, in a fresh interpreter.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import re
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from metrics.core.errors import NyckeltalError

AVAILABLE = sys.platform == "linux" and platform.machine() == "x86_64"
Fault = Literal["killed", "full", "read-only"]

_TRACEME, _CONT_TO_SYSCALL, _GETREGS, _SETREGS, _SETOPTIONS, _GET_SYSCALL_INFO = 0, 24, 12, 13, 0x4200, 0x420E
_OPTIONS = 0x1 | 0x2 | 0x4 | 0x8 | 0x100000  # TRACESYSGOOD, TRACEFORK, TRACEVFORK, TRACECLONE, EXITKILL
_ALL_CHILDREN = 0x40000000  # __WALL: threads too
_ENTRY = 1
_ERRNO = {"full": errno.ENOSPC, "read-only": errno.EROFS}
# Calls that change the file system: which argument names the file, as a descriptor ("fd"), a path ("path"), or a path
# below a descriptor ("at"), and whether a full disk refuses them.
_CALLS: dict[int, tuple[str, Literal["fd", "path", "at"], int, bool]] = {
    1: ("write", "fd", 0, True),
    18: ("pwrite", "fd", 0, True),
    20: ("writev", "fd", 0, True),
    296: ("pwritev", "fd", 0, True),
    328: ("pwritev2", "fd", 0, True),
    40: ("sendfile", "fd", 0, True),
    326: ("copy_file_range", "fd", 2, True),
    77: ("ftruncate", "fd", 0, False),
    285: ("fallocate", "fd", 0, True),
    2: ("open", "path", 0, True),
    257: ("open", "at", 0, True),
    76: ("truncate", "path", 0, False),
    82: ("rename", "path", 1, False),
    264: ("rename", "at", 2, False),
    316: ("rename", "at", 2, False),
    86: ("link", "path", 1, True),
    265: ("link", "at", 2, True),
    87: ("unlink", "path", 0, False),
    263: ("unlink", "at", 0, False),
    83: ("mkdir", "path", 0, True),
    258: ("mkdir", "at", 0, True),
    84: ("rmdir", "path", 0, False),
    90: ("chmod", "path", 0, False),
    91: ("chmod", "fd", 0, False),
    268: ("chmod", "at", 0, False),
    88: ("symlink", "path", 1, True),
    266: ("symlink", "at", 1, True),
}
_OPEN_FLAGS = {2: 1, 257: 2}  # which argument has them


class _SyscallInfo(ctypes.Structure):
    _fields_ = (
        ("op", ctypes.c_uint8),
        ("arch", ctypes.c_uint32),
        ("instruction_pointer", ctypes.c_uint64),
        ("stack_pointer", ctypes.c_uint64),
        ("number", ctypes.c_uint64),
        ("arguments", ctypes.c_uint64 * 6),
        ("room", ctypes.c_uint64 * 2),
    )


class _Registers(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_uint64)
        for name in (
            *("r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi"),
            *("orig_rax", "rip", "cs", "eflags", "rsp", "ss", "fs_base", "gs_base", "ds", "es", "fs", "gs"),
        )
    )


@dataclass(frozen=True)
class Step:
    """A file-changing call and the file that it changed, ids and numbers taken out of its name."""

    call: str
    file: str


@dataclass(frozen=True)
class Outcome:
    """How an action ended: the steps that it came to, its status and what it said.

    The status is 0, or 2 after a NyckeltalError, or 1 after another exception, or less than 0 when a signal killed it.
    """

    steps: tuple[Step, ...]
    status: int
    said: str


def run(action: Callable[[], object], folder: Path, at: int | None = None, fault: Fault = "killed") -> Outcome:
    """Run the action in a forked process. From its `at`-th change below the folder on, 0 the first, the fault holds."""

    def traced() -> None:
        _ptrace(_TRACEME)
        os.kill(os.getpid(), signal.SIGSTOP)
        action()

    child, said = _forked(traced)
    tracer = _Tracer(child, str(folder.resolve()), at, fault)
    status = tracer.follow()
    return Outcome(tuple(tracer.steps), status, said())


def alone(action: Callable[[], object]) -> Outcome:
    """Run the action in a forked process, undisturbed."""
    child, said = _forked(action)
    return Outcome((), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said())


def _forked(action: Callable[[], object]) -> tuple[int, Callable[[], str]]:
    """The process that runs the action, and a function that gives what it said, once it has ended."""
    with tempfile.TemporaryFile("w+") as opened:
        output = open(os.dup(opened.fileno()), "w+", encoding="utf-8")  # noqa: SIM115, PTH123
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
            action()
            status = 0
        except NyckeltalError as error:
            status = 2
            print(error)  # noqa: T201
        except BaseException:
            traceback.print_exc(file=sys.stdout)
        finally:
            sys.stdout.flush()
            os._exit(status)

    def said() -> str:
        output.seek(0)
        with output:
            return output.read()

    return child, said


def edges(steps: Sequence[Step]) -> Iterator[int]:
    """The first, second and last of every stretch of equal steps: what a short sweep tries."""
    for number, step in enumerate(steps):
        first = number == 0 or steps[number - 1] != step
        second = number > 0 and steps[number - 1] == step and (number == 1 or steps[number - 2] != step)
        if first or second or number + 1 == len(steps) or steps[number + 1] != step:
            yield number


class _Tracer:
    def __init__(self, child: int, folder: str, at: int | None, fault: Fault) -> None:
        self.child, self.folder, self.at, self.fault = child, folder, at, fault
        self.steps: list[Step] = []
        self.refused: set[int] = set()  # threads whose present call is made to fail

    def follow(self) -> int:
        os.waitpid(self.child, 0)
        _ptrace(_SETOPTIONS, self.child, _OPTIONS)
        _ptrace(_CONT_TO_SYSCALL, self.child)
        while True:
            thread, status = os.waitpid(-1, _ALL_CHILDREN)
            if os.WIFEXITED(status) or os.WIFSIGNALED(status):
                if thread == self.child:
                    return os.waitstatus_to_exitcode(status)
                continue
            stop = os.WSTOPSIG(status)
            if stop == signal.SIGTRAP | 0x80:
                self._syscall(thread)
            passed_on = 0 if stop & 0x7F in (signal.SIGTRAP, signal.SIGSTOP) else stop
            try:
                _ptrace(_CONT_TO_SYSCALL, thread, passed_on)
            except ProcessLookupError:
                continue  # killed meanwhile

    def _syscall(self, thread: int) -> None:
        info = _SyscallInfo()
        try:
            _ptrace(_GET_SYSCALL_INFO, thread, ctypes.addressof(info), size=ctypes.sizeof(info))
            if info.op != _ENTRY:
                if thread in self.refused:
                    self.refused.discard(thread)
                    _set_register(thread, "rax", -_ERRNO[self.fault])
                return
            step = self._step(thread, info.number, list(info.arguments))
            if step is None:
                return
            self.steps.append(step)
            if self.at is None or len(self.steps) <= self.at:
                return
            if self.fault == "killed":
                os.kill(self.child, signal.SIGKILL)
            elif self.fault == "read-only" or _CALLS[info.number][3]:
                self.refused.add(thread)
                _set_register(thread, "orig_rax", -1)  # no such call: the kernel skips it
        except ProcessLookupError:
            return

    def _step(self, thread: int, number: int, arguments: list[int]) -> Step | None:
        if number not in _CALLS:
            return None
        call, kind, position, _ = _CALLS[number]
        if number in _OPEN_FLAGS and not arguments[_OPEN_FLAGS[number]] & (os.O_CREAT | os.O_TRUNC):
            return None
        if kind == "fd":
            path = _link(f"/proc/{thread}/fd/{arguments[position]}")
        else:
            path = _text(thread, arguments[position + (kind == "at")])
            if not path.startswith("/"):
                below = ctypes.c_int32(arguments[position] & 0xFFFFFFFF).value if kind == "at" else -100
                path = f"{_link(f'/proc/{thread}/cwd' if below == -100 else f'/proc/{thread}/fd/{below}')}/{path}"
        path = os.path.normpath(path)
        if path != self.folder and not path.startswith(self.folder + "/"):
            return None
        name = re.sub(r"[0-9a-f]{8}-?[0-9a-f-]{4,}|\d+", "#", path[len(self.folder) + 1 :])
        return Step(call, name)


def _text(thread: int, address: int) -> str:
    with Path(f"/proc/{thread}/mem").open("rb", buffering=0) as memory:
        memory.seek(address)
        return os.fsdecode(memory.read(4096).split(b"\0", 1)[0])


def _link(path: str) -> str:
    try:
        return str(Path(path).readlink())
    except OSError:
        return ""


def _set_register(thread: int, name: str, value: int) -> None:
    registers = _Registers()
    _ptrace(_GETREGS, thread, ctypes.addressof(registers))
    setattr(registers, name, value & 0xFFFFFFFFFFFFFFFF)
    _ptrace(_SETREGS, thread, ctypes.addressof(registers))


def _ptrace(request: int, process: int = 0, data: int = 0, *, size: int = 0) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    library.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    library.ptrace.restype = ctypes.c_long
    if library.ptrace(request, process, size, data) == -1:
        problem = ctypes.get_errno()
        raise OSError(problem, os.strerror(problem))
