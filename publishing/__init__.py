"""What people read, rendered from the ledger alone: `publish` brings all of it up to the newest release.

A publisher is a module or folder here with a function `publish(ledger)`; it is found by itself. The DuckDB
file comes first, so that other publishers may read it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pkgutil import iter_modules

from data_quality.ledger.lock import releasing
from metrics.core import deployment
from metrics.core.errors import NyckeltalError, Problems


def publish() -> None:
    """Render what the newest release changed, with every publisher; nothing where nothing was released yet.

    Called after a release. What an interrupted call left undone, the next one does.
    Raises NyckeltalError when the ledger can't be read, and Problems with what each failing publisher says; the others
    have rendered by then.
    """
    from data_quality.ledger.store import Ledger  # Delta takes a third of a second to import

    with releasing():
        ledger = Ledger.find(deployment.ledger_path())
        if ledger is None or ledger.newest is None:
            return
        problems = []
        names = sorted(
            (module.name for module in iter_modules(__path__)), key=lambda name: (name != "duckdb_file", name)
        )
        for module in [import_module(f"{__name__}.{name}") for name in names]:
            render = getattr(module, "publish", None)
            if render is not None and render.__module__ == module.__name__:
                try:
                    render(ledger)
                except NyckeltalError as error:
                    problems.append(error)
        if problems:
            raise problems[0] if len(problems) == 1 else Problems(problems)


@contextmanager
def published_around(released: str) -> Iterator[None]:
    """Render what an interrupted release left undone, and after the block what it released.

    `released` says what was done by then: it is part of the error when rendering fails.
    """
    publish()
    yield
    try:
        publish()
    except NyckeltalError as error:
        raise NyckeltalError(
            f"{released}, but what people read isn't up to date yet; a run renders it: {error}"
        ) from None
