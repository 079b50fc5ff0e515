"""Statistics on the published history: what moves before what, where the ground shifted, what a target may be.

The modules with arrays in and a data class out know nothing of KPIs; `history.py` reads the published totals for them,
and `leads.py`, `watch.py` and `suggested_target.py` put their results into words.
"""
