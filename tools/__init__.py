"""What the project's own commands and tests share; not part of the package."""
