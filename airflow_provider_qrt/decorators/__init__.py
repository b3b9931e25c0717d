"""Task decorators: the function returns what the task runs. ``decorators.primitives`` is public."""
