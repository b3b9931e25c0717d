"""First contact with a real account: what the provider relies on, compared with what the service does.

Each row bears the id under which ``docs/emulator-reference.md`` claims the same of IBM's service.
"""
