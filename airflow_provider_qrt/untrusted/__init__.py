"""Protection against untrusted text, data and files: limits, checks, and redaction of secrets. Internal."""
