"""Whether a candidate may be published (checks, gate, disclosure control), and what was (ledger, release)."""
