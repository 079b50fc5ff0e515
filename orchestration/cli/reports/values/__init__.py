"""What commands print of published values: the newest, those of each period, and how they were revised."""
