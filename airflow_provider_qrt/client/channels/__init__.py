"""The generations of the API that a connection may speak to, one module each."""
