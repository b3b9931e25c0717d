"""Submitting a job once: identity, record, intent, submission, look-up. Internal."""
