"""The lint of KPI definitions. A rule is a module with a docstring and a function `findings`; it is found by itself.

The docstring says what must hold. `findings` has as parameters what it reads, by these names, and yields what is wrong:
- `rules/`: what must hold for a definition to be computed. Reads `kpi`, `company`, `layer` (the semantic layer); yields
  a NyckeltalError for each violation. These are mistakes: nothing runs with one.
- `governance/`: how the company manages its KPIs. Reads `company`, `catalog`; yields (subject, problem), where the
  subject is a KPI's id, an objective's key, an owner or `company`.
- `publishing/lint/rules/`: what the published values say of a KPI. Reads `record`, `day`; yields (subject, problem).
What the last two find changes nothing, and `exceptions.yml` can accept it for a while.
"""
