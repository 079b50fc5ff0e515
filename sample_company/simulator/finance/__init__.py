"""What the finance system delivers: the ledger and the exchange rates."""
