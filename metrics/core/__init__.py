"""What every package needs, without knowledge of KPIs: errors, the clock, periods, files, the secret key."""
