"""Tries the deliberate defects of `defect_list.py`: whether the suite still finds each of them.

`python -m tests.defects [name…]` applies one defect after the other to a copy of the project and runs its test there.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from metrics.core.deployment import PROJECT
from tests.defect_list import DEFECTS, Defect

_FAILED = 1  # pytest's status when tests ran and failed; 2 and more is an error of its own, such as in collection
_PATIENCE_SECONDS = 900


def copied(folder: Path) -> None:
    """Copies the project's files, as they are now, into an empty folder, with a link to its virtual environment."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        if os.path.lexists(PROJECT / name):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, folder / name, follow_symlinks=False)
    (folder / ".venv").symlink_to(PROJECT / ".venv")


def status_of(tests: Sequence[str], folder: Path) -> int | None:
    """The status of pytest on these tests of the project in a folder; None when they take too long."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NYCKELTAL_")}
    # Before the project that the virtual environment names. A defect may leave a file's size and second as they were,
    # by which Python takes compiled code for new.
    environment |= {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    try:
        process = subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=_PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        return None
    return process.returncode


def outcome(defect: Defect, folder: Path) -> str:
    """What the test says of a defect in the project in a folder: "found", or what is wrong."""
    if problem := defect.problem(folder):
        return problem
    file = folder / defect.file
    sound = file.read_text(encoding="utf-8")
    file.write_text(defect.altered(folder), encoding="utf-8")
    try:
        status = status_of([defect.test], folder)
    finally:
        file.write_text(sound, encoding="utf-8")
    if status == _FAILED:
        return "found"
    if status is None:
        return f"not tested: it took more than {_PATIENCE_SECONDS} s"
    return "NOT FOUND: its test passes" if status == 0 else f"not tested: pytest ended with status {status}"


def main() -> None:
    """Tries the defects that the arguments name and prints a line for each; status 1 when one wasn't found."""
    by_name = {defect.name: defect for defect in DEFECTS}
    parser = argparse.ArgumentParser(description="Applies deliberate defects, and shows which of them tests find.")
    parser.add_argument("name", nargs="*", help=f"the defects to try, of {', '.join(by_name)}; default: all")
    names = parser.parse_args().name or list(by_name)
    if unknown := set(names) - set(by_name):
        parser.error(f"there is no defect {', '.join(sorted(unknown))}")
    chosen = [by_name[name] for name in names]
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        copied(folder)
        status = status_of(list(dict.fromkeys(defect.test for defect in chosen)), folder)
        if status != 0:
            sys.exit(f"the tests don't pass without a defect either: pytest ended with status {status}")
        n_found = 0
        for defect in chosen:
            began = time.perf_counter()
            said = outcome(defect, folder)
            n_found += said == "found"
            sys.stdout.write(f"{defect.name} ({defect.promise}): {said}, {time.perf_counter() - began:.0f} s\n")
            sys.stdout.flush()
    sys.stdout.write(f"{n_found} of {len(chosen)} defects were found\n")
    sys.exit(n_found < len(chosen))


if __name__ == "__main__":
    main()
