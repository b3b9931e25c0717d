"""Cancelling, in the triggerer, what no process of a task is left to cancel."""
