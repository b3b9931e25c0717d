"""Internal. Reads circuits in OpenQASM and QPY, checks them against a backend, and transpiles them for it."""
