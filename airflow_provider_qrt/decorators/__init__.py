"""Task decorators: the function returns the circuits, the task runs them."""
