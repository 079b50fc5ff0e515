"""What every package needs and that knows nothing of KPIs: errors, the clock, periods, files, the secret key."""
