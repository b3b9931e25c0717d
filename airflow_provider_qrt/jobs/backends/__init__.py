"""Backends: what is asked of them, which is chosen, waiting for one, what happens to them. Internal."""
