"""Task decorators: the function returns circuits, the task runs them. ``decorators.primitives`` is public."""
