"""What stands between this package and texts and data that others wrote: bounds, checks, and what blots out secrets."""
