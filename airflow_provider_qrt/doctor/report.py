"""The report of an examination: Markdown without secrets, safe to share."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from airflow_provider_qrt import __version__
from airflow_provider_qrt.client.settings import ClientSettings
from airflow_provider_qrt.doctor.rows import Row, Verdict
from airflow_provider_qrt.untrusted.blotter import without_secrets


def summary(rows: Sequence[Row]) -> str:
    """Count the rows by verdict."""
    counted = Counter(row.verdict for row in rows)
    return ", ".join(f"{counted[verdict]} {verdict.value}" for verdict in Verdict)


def markdown(rows: Sequence[Row], settings: ClientSettings) -> str:
    """Write the report.

    It contains no instance, account, key, job or backend.

    Args:
        rows: Rows of the examination.
        settings: Settings of the connection, whose secrets are redacted.
    """
    region = settings.instance.region if settings.instance else "none"
    lines = [
        "# What the service does, and what airflow-provider-qrt assumes",
        "",
        f"airflow-provider-qrt {__version__}, Python {platform.python_version()}, API version {settings.api_version}, "
        f"region {region}, {datetime.now(UTC):%Y-%m-%d}: {summary(rows)}.",
        "",
        "The ids are those of docs/emulator-reference.md.",
        "",
        "| Id | Assumed | Verdict | Found |",
        "|---|---|---|---|",
        *(
            f"| `{row.id}` | {_cell(row.claim)} | {row.verdict.value} "
            f"| {_cell(without_secrets(row.found, settings.secrets))} |"
            for row in rows
        ),
        "",
    ]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
