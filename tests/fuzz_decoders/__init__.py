"""Hostile input for all code that reads data from outside: ``make fuzz-decoders``."""
