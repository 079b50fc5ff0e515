"""What commands print of published values: the newest ones, the values of each period, and how they were revised."""
