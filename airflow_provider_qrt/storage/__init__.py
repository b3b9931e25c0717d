"""Files in a folder or an object store: written completely or not at all; records of tasks in them. Internal."""
