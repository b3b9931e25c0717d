"""Differences between the supported versions of Airflow that common-compat does not even out. Internal.

Everything else imports names that all versions have, from ``airflow.sdk`` or, where they have moved, from
``airflow.providers.common.compat.sdk``. Only this module asks what the installed Airflow has, and it asks for the thing
itself, not for a version number.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk.bases.decorator import determine_kwargs as determine_kwargs
    from airflow.sdk.bases.decorator import is_async_callable as is_async_callable
    from airflow.sdk.exceptions import TaskDeferralError as TaskDeferralError
    from airflow.sdk.exceptions import TaskDeferralTimeout as TaskDeferralTimeout
else:
    try:
        from airflow.sdk.bases.decorator import determine_kwargs, is_async_callable
        from airflow.sdk.exceptions import TaskDeferralError, TaskDeferralTimeout
    except ImportError:
        # Before Airflow 3.2.2.
        from inspect import iscoroutinefunction as is_async_callable

        from airflow.exceptions import TaskDeferralError, TaskDeferralTimeout
        from airflow.utils.operator_helpers import determine_kwargs


@contextmanager
def needs(version: str, what: str) -> Iterator[None]:
    """Turn the failure of an import into a message about the Airflow that has it.

    Args:
        version: The first such Airflow.
        what: The feature, in the plural.

    Raises:
        ImportError: The installed Airflow is older.
    """
    try:
        yield
    except ImportError as error:
        from airflow import __version__

        raise ImportError(f"{what} need Airflow {version} or newer; this is Airflow {__version__}.") from error


def triggerer_calls_on_kill() -> bool:
    """Return whether a triggerer tells a trigger that its task was stopped (Airflow 3.3).

    Before, it only cancels the trigger.
    """
    from airflow.triggers.base import BaseTrigger

    return hasattr(BaseTrigger, "on_kill")


def triggerer_renders_templates() -> bool:
    """Return whether the triggerer renders templates in the arguments of a task that starts there (Airflow 3.3)."""
    from airflow.triggers.base import BaseTrigger

    return hasattr(BaseTrigger, "render_template_fields")


def has_asset_state_store() -> bool:
    """Return whether the triggers of assets keep state (Airflow 3.3, with the streams that they share)."""
    return find_spec("airflow.triggers.shared_stream") is not None


def never_expire() -> Any:
    """Return the retention that keeps a record in Airflow's task state store for as long as the DAG run exists."""
    try:
        from airflow.sdk.execution_time.context import NEVER_EXPIRE
    except ImportError:
        # Before Airflow 3.3, where only a test brings a store.
        return None
    return NEVER_EXPIRE


def has_async_methods(accessor: object) -> bool:
    """Return whether the state store of an asset can be used without blocking (Airflow 3.3.2)."""
    return hasattr(accessor, "aget")


def reads_connections_without_blocking() -> bool:
    """Return whether ``BaseHook.aget_connection`` never blocks the event loop (Airflow 3.3.2).

    Before, it tells the supervisor what to mask with a blocking call. In Airflow 3.2.1 and 3.2.2 such a call waits for
    ever, and the triggerer with it, if a thread is just asking the supervisor something.
    """
    from airflow.sdk import Connection

    return hasattr(Connection, "aextra_dejson")


def connections_have_teams() -> bool:
    """Return whether a connection in Airflow's database can belong to a team (Airflow 3.2)."""
    from airflow.models.connection import Connection

    return hasattr(Connection, "team_name")


def mapped_index_of(model: Any) -> Any:
    """Return the index of mapped tasks in a table of Airflow, or in a row; since 3.4 it has another name in some."""
    return model.map_index if hasattr(model, "map_index") else model.region_index


def select_rendered_fields() -> tuple[Any, Any]:
    """Return a query for the rendered fields of tasks, and the table that says of which tasks they are.

    It gives task id, index and fields. Since Airflow 3.4 the fields belong to a try, which the other table describes.
    """
    from airflow.models.renderedtifields import RenderedTaskInstanceFields as Rendered
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy import select

    if hasattr(Rendered, "task_id"):
        return select(Rendered.task_id, Rendered.map_index, Rendered.rendered_fields), Rendered
    of_tries = select(TaskInstance.task_id, TaskInstance.map_index, Rendered.rendered_fields).select_from(Rendered)
    return of_tries.join(TaskInstance, Rendered.task_instance_id == TaskInstance.id), TaskInstance


def has_state_store() -> bool:
    """Return whether Airflow's database keeps state of a task across its tries (Airflow 3.3)."""
    return find_spec("airflow.models.task_state_store") is not None
