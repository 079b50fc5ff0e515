"""The secret key of a deployment, for pseudonyms, keyed hashes and seals. It never leaves the machine.

`data_quality/deployment_key.py` decides whether a new key may be made.
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
from metrics.core.text import short_path

VARIABLE = "NYCKELTAL_PSEUDONYM_KEY"
SHORTEST = 16  # bytes
_DRAFT = ".pseudonym."


def key() -> bytes | None:
    """The key in `NYCKELTAL_PSEUDONYM_KEY`, else the key in the key file; None when neither exists.

    White space around the key is removed, so that a key is the same in the file and in the variable.
    Raises NyckeltalError when the key is empty or has fewer than SHORTEST bytes, or the file can't be read.
    """
    variable = os.environ.get(VARIABLE)
    if variable is not None:
        return _validated(os.fsencode(variable), field=VARIABLE)
    path = key_path()
    try:
        return _validated(path.read_bytes(), file=path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise NyckeltalError(f"the key file can't be read: {error.strerror}", file=path) from None


def key_path() -> Path:
    """The path of the key file (mode 0600)."""
    return data_dir() / "pseudonym.key"


def make() -> bytes:
    """Makes a key file and returns its key; if another process made one meanwhile, the key in that file.

    Raises NyckeltalError when the file can't be written.
    """
    path = key_path()
    try:
        make_data_dir()
        for draft in path.parent.glob(f"{_DRAFT}*"):  # left by a process that was killed
            draft.unlink(missing_ok=True)
        _write(path)
    except OSError as error:
        raise NyckeltalError(f"the key file can't be made: {error.strerror}", file=path) from None
    new_key = key()
    assert new_key is not None
    return new_key


def _validated(content: bytes, *, file: Path | None = None, field: str | None = None) -> bytes:
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
        logging.getLogger(__name__).warning(
            "made the key file %s; keep it, because pseudonyms depend on it", short_path(path)
        )
    except (FileExistsError, FileNotFoundError):  # another process made the key, and may have removed our draft
        pass
    finally:
        Path(draft).unlink(missing_ok=True)
