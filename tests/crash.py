"""Faults at every step: an action runs in a process of its own, and at its n-th file-changing system call it is killed
(SIGKILL), or the disk is full from there on (ENOSPC), or read-only (EROFS). Python, DuckDB and Delta are all stopped
alike, as it is the system calls that are counted: a seccomp filter stops the process at those that may change a file,
and at no others. Linux on x86-64 only.

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

_TRACEME, _CONT, _GETREGS, _SETREGS, _SETOPTIONS = 0, 7, 12, 13, 0x4200
_OPTIONS = 0x2 | 0x4 | 0x8 | 0x80 | 0x100000  # TRACEFORK, TRACEVFORK, TRACECLONE, TRACESECCOMP, EXITKILL
_ALL_CHILDREN = 0x40000000  # __WALL: threads too
_AT_A_CALL = 7  # PTRACE_EVENT_SECCOMP
_SET_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06  # instructions of a seccomp filter
_TRACE, _ALLOW = 0x7FF00000, 0x7FFF0000  # what it returns
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


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("if_true", ctypes.c_uint8),
        ("if_false", ctypes.c_uint8),
        ("value", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("instructions", ctypes.POINTER(_Instruction)))


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
        _stop_at_changes()
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

    def follow(self) -> int:
        os.waitpid(self.child, 0)
        _ptrace(_SETOPTIONS, self.child, _OPTIONS)
        _ptrace(_CONT, self.child)
        while True:
            thread, status = os.waitpid(-1, _ALL_CHILDREN)
            if os.WIFEXITED(status) or os.WIFSIGNALED(status):
                if thread == self.child:
                    return os.waitstatus_to_exitcode(status)
                continue
            stop = os.WSTOPSIG(status)
            if status >> 16 == _AT_A_CALL:
                self._call(thread)
            passed_on = 0 if stop in (signal.SIGTRAP, signal.SIGSTOP) else stop
            try:
                _ptrace(_CONT, thread, passed_on)
            except ProcessLookupError:
                continue  # killed meanwhile

    def _call(self, thread: int) -> None:
        registers = _Registers()
        try:
            _ptrace(_GETREGS, thread, ctypes.addressof(registers))
            number = registers.orig_rax
            arguments = [getattr(registers, name) for name in ("rdi", "rsi", "rdx", "r10", "r8", "r9")]
            step = self._step(thread, number, arguments)
            if step is None:
                return
            self.steps.append(step)
            if self.at is None or len(self.steps) <= self.at:
                return
            if self.fault == "killed":
                os.kill(self.child, signal.SIGKILL)
            elif self.fault == "read-only" or _CALLS[number][3]:
                registers.orig_rax = (
                    0xFFFFFFFFFFFFFFFF  # -1, no such call: the kernel skips it and gives what rax holds
                )
                registers.rax = -_ERRNO[self.fault] & 0xFFFFFFFFFFFFFFFF
                _ptrace(_SETREGS, thread, ctypes.addressof(registers))
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


def _stop_at_changes() -> None:
    """Lets the kernel stop this process, and what it starts, before each of the calls in _CALLS."""
    calls = [(_JUMP_IF_EQUAL, len(_CALLS) - place, 0, number) for place, number in enumerate(_CALLS)]
    lines = [(_LOAD, 0, 0, 0), *calls, (_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _TRACE)]  # loads the call's number
    program = _Program(len(lines), (_Instruction * len(lines))(*lines))
    library = ctypes.CDLL(None, use_errno=True)
    for arguments in ((_SET_NO_NEW_PRIVILEGES, 1, 0), (_SET_SECCOMP, _FILTER, ctypes.byref(program))):
        if library.prctl(*arguments, 0, 0) != 0:
            problem = ctypes.get_errno()
            raise OSError(problem, os.strerror(problem))


def _ptrace(request: int, process: int = 0, data: int = 0, *, size: int = 0) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    library.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    library.ptrace.restype = ctypes.c_long
    if library.ptrace(request, process, size, data) == -1:
        problem = ctypes.get_errno()
        raise OSError(problem, os.strerror(problem))
