"""How a task prepares, submits, awaits and reads its jobs. Internal: operators/ is the face of it."""
