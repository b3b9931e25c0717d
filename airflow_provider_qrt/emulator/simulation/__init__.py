"""Internal. Simulates the measurements of a quantum processor."""
