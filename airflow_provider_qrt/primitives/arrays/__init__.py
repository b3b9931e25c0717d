"""Internal. Arrays in results and inputs: numpy's file format, IBM's tensors, and bounded decompression."""
