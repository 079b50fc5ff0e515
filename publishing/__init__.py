"""What people read, rendered from the ledger alone. `publish` brings all of it up to the newest release.

A publisher is a module of this package with a function `publish(ledger)`. It needs no registration.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from data_quality.ledger.lock import releasing
from metrics.core import deployment


def publish() -> None:
    """Run every publisher, each of which renders what isn't up to date; does nothing before the first release.

    Called after a release. If a call is interrupted, the next one completes it.
    Raises NyckeltalError when the ledger can't be read, or a publisher can't write.
    """
    from data_quality.ledger.store import Ledger  # Delta takes a third of a second to import

    with releasing():
        ledger = Ledger.find(deployment.ledger_path())
        if ledger is None or ledger.newest is None:
            return
        modules = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]
        for publisher in (module for module in modules if hasattr(module, "publish")):
            publisher.publish(ledger)
