"""Arrays as they travel: numpy's file format, IBM's tensors, and the guard against what inflates beyond bounds."""
