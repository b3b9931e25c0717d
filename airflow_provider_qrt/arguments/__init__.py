"""Names, types and parse-time checks of operator and sensor arguments. Names in the modules' ``__all__`` are public."""
