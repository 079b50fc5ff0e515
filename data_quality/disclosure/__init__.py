"""Statistical disclosure control of protected KPIs: no published value reveals a number or amount of too few persons.

- `thresholds.py`: primary suppression of counts, the threshold rule for single cells;
- `system.py`: the linear system of published cells, from which an attacker could compute suppressed ones;
- `suppression.py`: secondary suppression, so that no suppressed number can be computed;
- `histories.py`, `differences.py`: KPIs of persons' amounts, such as pay: differencing, dominance and prior-posterior
  rules;
- `sums.py`: longer periods as sums of their published parts;
- `control.py`: applies all of these to the cells that are about to be released.
"""
