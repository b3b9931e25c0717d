"""Internal. Helpers that the project's commands and tests share; not part of the package."""
