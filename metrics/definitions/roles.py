"""A company's roles: who may decide on held values, and who may record that a changed definition gives equal values.

The names are recorded with the decisions; they are not authenticated.
"""

from __future__ import annotations

import unicodedata

from pydantic import Field, field_validator

from metrics.core.text import invisible
from metrics.core.yaml_file import Strict
from metrics.definitions.calendar import DEFAULT


class Roles(Strict):
    """Who may decide, and who may record refactorings, by domain of KPIs."""

    decides: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="Who may decide on held values, by domain of KPIs: logins or addresses, as `--by` gives them."
        " `default` is for the domains that aren't named. In a domain without names, nobody may decide.",
    )
    refactors: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="Who may record, besides the people under `decides`, that a changed definition gives the same"
        " values (`kpi refactored`): by domain and `default`, as there.",
    )

    @field_validator("decides", "refactors")
    @classmethod
    def _names_somebody(cls, names_by_domain: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        if domains_without_names := [
            domain for domain, names in names_by_domain.items() if not names or not all(name.strip() for name in names)
        ]:
            raise ValueError(
                f"{', '.join(domains_without_names)} has no name; leave out a domain in which nobody may do this"
            )
        for name in (name for names in names_by_domain.values() for name in names):
            if invisible(name):
                raise ValueError(f"the name {name!a} has a character that can't be seen")
        return names_by_domain

    def deciders(self, domain: str) -> tuple[str, ...]:
        """The people who may decide on the KPIs of a domain."""
        return self.decides.get(domain, self.decides.get(DEFAULT, ()))

    def refactorers(self, domain: str) -> tuple[str, ...]:
        """The people who may record a refactoring of a domain's KPIs: those under `refactors` and the deciders."""
        refactorers = self.refactors.get(domain, self.refactors.get(DEFAULT, ()))
        return tuple(dict.fromkeys((*refactorers, *self.deciders(domain))))


def same_person(name: str) -> str:
    """A name's form for comparison: equal for spellings that differ in case, spaces or coding of characters only."""
    folded = unicodedata.normalize("NFKC", name).casefold()  # which may yield characters that aren't normal
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def listed_spelling(name: str, names: tuple[str, ...]) -> str | None:
    """The spelling of `name` in `names`, whatever its case; None when it isn't there."""
    spellings = {same_person(listed_name): listed_name.strip() for listed_name in names}
    return spellings.get(same_person(name))
