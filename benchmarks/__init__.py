"""Internal. Benchmarks of our claims about speed and memory: ``python -m benchmarks``."""
