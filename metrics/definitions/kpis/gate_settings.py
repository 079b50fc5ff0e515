"""What a KPI may set for the gate's checks: other limits, or that a check is off, with the reason.

The checks are the modules in `data_quality/gate/checks/`; a check has the name of its module.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from metrics.core.deployment import PROJECT
from metrics.core.errors import did_you_mean
from metrics.core.yaml_file import Strict

_MODULES = (PROJECT / "data_quality" / "gate" / "checks").glob("*/[a-z]*.py")
CHECK_NAMES = tuple(sorted(module.stem for module in _MODULES))
FIXED = ("built", "complete")
"""The checks that a KPI can't set: the project promises them for every published value."""


def _known(name: str) -> str:
    if name not in CHECK_NAMES:
        raise ValueError(f"there is no check '{name}'{did_you_mean(name, CHECK_NAMES)}")
    if name in FIXED:
        raise ValueError(f"the check '{name}' can't be set: it is the same for every KPI")
    return name


CheckName = Annotated[str, AfterValidator(_known)]
Limit = Annotated[
    Annotated[float, Field(ge=0, allow_inf_nan=False), Tag("number")] | Annotated[Literal["never"], Tag("word")],
    Discriminator(lambda limit: "word" if isinstance(limit, str) else "number"),
]


class CheckSetting(Strict):
    """What a KPI's `gate` says of one check."""

    flag: Limit | None = Field(default=None, description="The figure above which a value is flagged, or `never`.")
    hold: Limit | None = Field(default=None, description="The figure above which a value is held, or `never`.")
    off: str | None = Field(default=None, min_length=10, description="Why the check isn't made for this KPI.")

    @model_validator(mode="after")
    def _has_limits_or_a_reason(self) -> CheckSetting:
        has_limit = self.flag is not None or self.hold is not None
        if has_limit == (self.off is not None):
            raise ValueError("state `flag`, `hold` or both; or under `off` the reason why the check isn't made")
        return self

    def over(self, standard: CheckSetting) -> CheckSetting:
        """This setting, with each limit that it leaves out taken from `standard`.

        Nothing is taken if this setting or the standard one switches the check off.
        """
        if self.off is not None or standard.off is not None:
            return self
        return CheckSetting(
            flag=standard.flag if self.flag is None else self.flag,
            hold=standard.hold if self.hold is None else self.hold,
        )


GateSettings = dict[CheckName, CheckSetting]


def merged(standard: Mapping[str, CheckSetting], adoption: Mapping[str, CheckSetting]) -> dict[str, CheckSetting]:
    """The settings of an adoption over those of its standard definition, by name of the check; sorted."""
    settings = dict(standard) | {
        name: setting.over(standard[name]) if name in standard else setting for name, setting in adoption.items()
    }
    return dict(sorted(settings.items()))
