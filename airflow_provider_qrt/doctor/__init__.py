"""Compare the provider's assumptions about the service with a real account. Internal.

Each row has the id of the same claim in ``docs/emulator-reference.md``.
"""
