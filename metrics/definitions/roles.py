"""A company's roles: who may decide on a held value, and who may say that a changed definition gives equal values.

The names are recorded with what they said, and not authenticated.
"""

from __future__ import annotations

from pydantic import Field, field_validator

from metrics.core.yaml_file import Strict
from metrics.definitions.calendar import DEFAULT


class Roles(Strict):
    """Who may do what."""

    decides: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="Who may decide on held values, by domain of KPIs: logins or addresses, as `--by` gives them."
        " `default` holds for the domains that aren't named. Without either, nobody may decide.",
    )
    refactors: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="Who may record, beside those who decide, that a changed definition gives the same values"
        " (`kpi refactored`), by domain, with `default`, as `decides`.",
    )

    @field_validator("decides", "refactors")
    @classmethod
    def _names_somebody(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        if empty := [group for group, names in value.items() if not names or not all(name.strip() for name in names)]:
            raise ValueError(f"{', '.join(empty)} lacks a name; leave a domain out for which nobody may")
        return value

    def deciders(self, domain: str) -> tuple[str, ...]:
        """Those who may decide on the KPIs of a domain."""
        return self.decides.get(domain, self.decides.get(DEFAULT, ()))

    def refactorers(self, domain: str) -> tuple[str, ...]:
        """Those who may record a refactoring of a domain's KPIs."""
        named = self.refactors.get(domain, self.refactors.get(DEFAULT, ()))
        return tuple(dict.fromkeys((*named, *self.deciders(domain))))


def among(name: str, names: tuple[str, ...]) -> str | None:
    """The one of the names that is meant, whatever its case; None when it is none of them."""
    spelt = {one.strip().casefold(): one.strip() for one in names}
    return spelt.get(name.strip().casefold())
