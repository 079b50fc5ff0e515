"""Whether a candidate may be published (gate, disclosure control), and what was published (ledger, release)."""
