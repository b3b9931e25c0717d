"""Sessions and batches: opening one once, and what it was used for. Internal."""
