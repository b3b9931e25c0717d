"""The fields of the connection form as Airflow before 3.2 reads them: widgets of WTForms."""

from __future__ import annotations

from typing import Any

from airflow_provider_qrt.hooks.connection_form import EXTRA_FIELDS, UI_FIELD_BEHAVIOUR


def connection_form_widgets() -> dict[str, Any]:
    """Return a widget for each field that is stored in ``extra``.

    Raises:
        ImportError: WTForms is not installed. Airflow's API server then puts a substitute in its place.
    """
    from wtforms import BooleanField, StringField
    from wtforms.validators import Optional, any_of

    widgets = {}
    for name, field in EXTRA_FIELDS.items():
        kind, values = field.schema["type"][0], field.schema.get("enum")
        validators = [Optional(), *([any_of(values)] if values else [])]
        # There is no widget for a number that is not whole; the hook reads numbers from text too.
        widget = BooleanField if kind == "boolean" else StringField
        widgets[name] = widget(
            field.label, validators=validators, description=field.help, default=field.schema.get("default")
        )
    return widgets


def ui_field_behaviour() -> dict[str, Any]:
    """Return how Airflow's own fields are shown."""
    return {name.replace("-", "_"): value for name, value in UI_FIELD_BEHAVIOUR.items()}
