"""Waiting for jobs: when to look, what a look means, one poller for many jobs. Internal."""
