"""The secret key of a deployment: it makes pseudonyms, keyed hashes and seals, and never measures the machine.

Whether a new one may be made is decided in `data_quality/secret.py`.
"""

from __future__ import annotations

import logging
import os
import secrets
import tempfile
from pathlib import Path

from metrics.core.deployment import data_dir
from metrics.core.errors import NyckeltalError
from metrics.core.private_files import make_data_dir

VARIABLE = "NYCKELTAL_PSEUDONYM_KEY"
SHORTEST = 16  # bytes
_DRAFT = ".pseudonym."


def key() -> bytes | None:
    """The key in `NYCKELTAL_PSEUDONYM_KEY`, else that in the key file; None when neither is there.

    White space around a key is no part of it, so that a key is the same in the file and in the variable.
    Raises NyckeltalError when the key is empty or shorter than SHORTEST, or the file can't be read.
    """
    stated = os.environ.get(VARIABLE)
    if stated is not None:
        return _required(os.fsencode(stated), field=VARIABLE)
    path = key_path()
    try:
        return _required(path.read_bytes(), file=path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise NyckeltalError(f"the key file can't be read: {error.strerror}", file=path) from None


def key_path() -> Path:
    """Where the key file lies (mode 0600)."""
    return data_dir() / "pseudonym.key"


def make() -> bytes:
    """The key of a new key file; of the one that is there, where another process made it meanwhile.

    Raises NyckeltalError when it can't be made.
    """
    path = key_path()
    try:
        make_data_dir()
        for draft in path.parent.glob(f"{_DRAFT}*"):  # of a process that was killed
            draft.unlink(missing_ok=True)
        _write(path)
    except OSError as error:
        raise NyckeltalError(f"the key file can't be made: {error.strerror}", file=path) from None
    made = key()
    assert made is not None
    return made


def _required(content: bytes, *, file: Path | None = None, field: str | None = None) -> bytes:
    stripped = content.strip()
    if len(stripped) < SHORTEST:
        problem = "the key is too short" if stripped else "the key is empty"
        expected = f"at least {SHORTEST} characters, such as those of `openssl rand -hex 32`"
        raise NyckeltalError(problem, file=file, field=field, expected=expected)
    return stripped


def _write(path: Path) -> None:
    handle, draft = tempfile.mkstemp(prefix=_DRAFT, dir=path.parent)  # mkstemp gives mode 0600
    try:
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_hex(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)  # unlike a rename, a link never replaces the key that another process made meanwhile
        logging.getLogger(__name__).warning("made a new key in %s, as %s is not set", path, VARIABLE)
    except (FileExistsError, FileNotFoundError):  # another process made the key, and may have tidied our draft away
        pass
    finally:
        Path(draft).unlink(missing_ok=True)
