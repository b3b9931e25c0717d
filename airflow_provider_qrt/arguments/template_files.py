"""Find missing circuit files before Airflow reads them as templates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jinja2


def missing_file(circuits: Any, extensions: Sequence[str], environment: jinja2.Environment) -> str | None:
    """Return the name of the first missing template file, or None if all exist.

    Args:
        circuits: An operator's argument before rendering; names may be nested at any depth.
        extensions: File name extensions of template files.
        environment: The Jinja environment, which knows the folders.
    """
    import jinja2

    for name in _names(circuits, tuple(extensions)):
        try:
            environment.loader.get_source(environment, name)  # type: ignore[union-attr]
        except jinja2.TemplateNotFound:
            return name
        except (OSError, UnicodeError):
            # Airflow reports this error itself.
            continue
    return None


def no_such_file(name: str, environment: jinja2.Environment) -> str:
    """Return a message about a missing circuit file, with a suggestion and what to do."""
    import difflib

    near = difflib.get_close_matches(Path(name).name, _beside(name, environment), n=1)
    hint = f" Did you mean {str(Path(name).with_name(near[0]))!r}?" if near else ""
    return (
        f"circuits: the file {name!r} was not found.{hint} Put it beside the DAG file, or name its folder in the DAG's "
        "template_searchpath."
    )


def _names(value: Any, extensions: tuple[str, ...]) -> Iterator[str]:
    if isinstance(value, str):
        # A whole circuit may end in a comment that names a file.
        if value.endswith(extensions) and "\n" not in value and ";" not in value:
            yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _names(part, extensions)
    elif isinstance(value, list | tuple | set | frozenset):
        for part in value:
            yield from _names(part, extensions)


def _beside(name: str, environment: jinja2.Environment) -> list[str]:
    """List the files with the same extension in the name's folder, for each search path."""
    found = []
    for folder in getattr(environment.loader, "searchpath", ()):
        try:
            found += [one.name for one in (Path(folder) / name).parent.iterdir() if one.suffix == Path(name).suffix]
        except OSError:
            continue
    return found
