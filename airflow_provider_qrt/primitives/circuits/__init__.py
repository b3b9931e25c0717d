"""Circuits: OpenQASM text and QPY read, checked against a backend, transpiled for it."""
