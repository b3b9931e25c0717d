"""Internal. The emulator's HTTP and WebSocket interface."""
