"""The page `docs/reference/lint.md`: every rule of `kpi check` that gives findings, from the rules' docstrings.

`python -m publishing.lint.reference` writes it. To change the page, change the rule's module.
"""

from __future__ import annotations

from collections.abc import Mapping
from inspect import cleandoc
from types import ModuleType

from metrics.core.deployment import PROJECT
from metrics.lint import finding
from metrics.lint.exceptions import NOT_NEEDED
from publishing import lint

PAGE = PROJECT / "docs" / "reference" / "lint.md"
_HEAD = f"""# The rules of `kpi check`

<!-- Written by `python -m publishing.lint.reference`; change the rules, not this page. -->

`kpi check` ends with status 2 on mistakes: a definition that can't be read or computed, a KPI of personnel data that
doesn't count its persons, a target at a frequency that isn't adopted. The rules below are about how KPIs are managed.
What they find is listed and changes nothing; with `--strict` it ends the command with status 2, for CI. `kpi run` says
how many findings there are. Retired KPIs are left out.

If the company accepts a finding for a while, it lists it in `exceptions.yml`, with the reason and the last day:

```yaml
exceptions:
  - rule: too_many_kpis
    subject: company
    reason: Half of them are tried out until the spring; the rest is retired then.
    until: 2027-03-31
```

The subject is the text before the colon of a finding. If there is no such finding any more, the exception itself is
reported, as `{NOT_NEEDED}`.
"""
_PUBLISHED = """## On what was published

These read the published file, and are left out while there is none. A year is the newest 12 closed months, 4 quarters
or 52 weeks, at the frequency of the target; of a KPI that is published yearly it is four years.
"""


def page() -> str:
    """The page."""
    parts = [
        _HEAD,
        "## On the definitions\n",
        *_sections(finding.RULES),
        _PUBLISHED,
        *_sections(lint.RULES),
    ]
    return "\n".join(parts)


def _sections(rules: Mapping[str, ModuleType]) -> list[str]:
    return [f"### `{name}`\n\n{cleandoc(rule.__doc__ or '')}\n" for name, rule in rules.items()]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
