"""What a KPI may say of the gate's checks: other limits, or that one isn't made, with the reason.

The checks themselves are `data_quality/checks/`: each is a module, and its name that of the module.
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
"""What the project promises of every published value, so that no KPI can set it."""


def _known(name: str) -> str:
    if name not in CHECK_NAMES:
        raise ValueError(f"there is no check '{name}'{did_you_mean(name, CHECK_NAMES)}")
    if name in FIXED:
        raise ValueError(f"the check '{name}' is the same for every KPI and can't be set")
    return name


CheckName = Annotated[str, AfterValidator(_known)]
Limit = Annotated[
    Annotated[float, Field(ge=0, allow_inf_nan=False), Tag("number")] | Annotated[Literal["never"], Tag("word")],
    Discriminator(lambda stated: "word" if isinstance(stated, str) else "number"),
]


class CheckSetting(Strict):
    """What a KPI's `gate` says of one check."""

    flag: Limit | None = Field(default=None, description="The figure above which a value is flagged, or `never`.")
    hold: Limit | None = Field(default=None, description="The figure above which a value is held, or `never`.")
    off: str | None = Field(default=None, min_length=10, description="Why the check isn't made of this KPI.")

    @model_validator(mode="after")
    def _says_one_thing(self) -> CheckSetting:
        stated = self.flag is not None or self.hold is not None
        if stated == (self.off is not None):
            raise ValueError("state `flag`, `hold` or both, or under `off` the reason why it isn't made")
        return self

    def over(self, other: CheckSetting) -> CheckSetting:
        """This setting, and where it is silent the other's."""
        if self.off is not None or other.off is not None:
            return self
        return CheckSetting(
            flag=other.flag if self.flag is None else self.flag, hold=other.hold if self.hold is None else self.hold
        )


GateSettings = dict[CheckName, CheckSetting]


def merged(standard: Mapping[str, CheckSetting], own: Mapping[str, CheckSetting]) -> dict[str, CheckSetting]:
    """The settings of a standard definition, and over them those of an adoption, by name of the check."""
    both = dict(standard) | {
        name: setting.over(standard[name]) if name in standard else setting for name, setting in own.items()
    }
    return dict(sorted(both.items()))
