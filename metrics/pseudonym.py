"""The secret key of a deployment: it makes pseudonyms, keyed hashes and seals, and never leaves the machine."""

from __future__ import annotations

import logging
import os
import secrets
import tempfile
from pathlib import Path

from metrics.company import data_dir
from metrics.errors import NyckeltalError

VARIABLE = "NYCKELTAL_PSEUDONYM_KEY"
_DRAFT = ".pseudonym."


def key() -> bytes:
    """The key in `NYCKELTAL_PSEUDONYM_KEY`, else that of the key file, which is made when it isn't there.

    Raises NyckeltalError when the file is empty or can't be read or made.
    """
    stated = os.environ.get(VARIABLE)
    if stated:
        return stated.encode("utf-8")
    path = key_path()
    try:
        if not path.exists():
            _make(path)
        for draft in path.parent.glob(f"{_DRAFT}*"):  # of a process that was killed: now that there is a key, of no use
            draft.unlink(missing_ok=True)
        found = path.read_bytes()
    except OSError as error:
        raise NyckeltalError(f"the key file can't be read or made: {error.strerror}", file=path) from None
    if not found:
        raise NyckeltalError("the key file is empty", file=path, expected=f"a key there or in {VARIABLE}")
    return found


def key_path() -> Path:
    """Where the key file lies (mode 0600)."""
    return data_dir() / "pseudonym.key"


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(prefix=_DRAFT, dir=path.parent)  # mkstemp gives mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(32))
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)  # unlike a rename, a link never replaces the key that another process made meanwhile
        logging.getLogger(__name__).warning("made a new key in %s, as %s is not set", path, VARIABLE)
    except (FileExistsError, FileNotFoundError):  # another process made the key, and may have tidied our draft away
        pass
    finally:
        Path(draft).unlink(missing_ok=True)
