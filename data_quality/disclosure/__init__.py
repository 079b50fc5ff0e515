"""Disclosure control: what may be told of protected KPIs without telling it of too few persons.

`rules.py` says which cells are of too few persons, `system.py` what published cells tell of each other,
`suppression.py` which further cells must be hidden. `histories.py` and `differences.py` say which figures of persons'
amounts may stand beside all others, `sums.py` keeps longer periods to what was published of their parts.
`control.py` applies all of it to what is about to be released.
"""
