"""The link from a task to its job on IBM Quantum Platform."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from airflow.sdk import BaseOperatorLink

from airflow_provider_qrt.client.limits import SERVICE_HOST

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

__all__ = ["QiskitRuntimeJobLink"]


class QiskitRuntimeJobLink(BaseOperatorLink):
    """Opens the job. Its URL is in XCom as soon as the job is submitted, so it is shown while the task waits.

    The operator's ``job_url`` is the URL; empty if there is no job, and None if the task has resumed on a worker and
    does not know the job yet.
    """

    name = "IBM Quantum job"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the URL of the job's page; called by the worker each time the task ends or defers."""
        url = getattr(operator, "job_url", None)
        if url is not None:
            return str(url)
        from airflow.sdk.execution_time.xcom import XCom

        stored = XCom.get_value(ti_key=ti_key, key=self.xcom_key)
        return str(stored or "")


def job_url(base_url: str, job_id: str) -> str:
    """Return the URL of a job's web page; for a service other than IBM's, its URL in the API.

    Args:
        base_url: The API's base URL.
        job_id: The job.
    """
    host = urlsplit(base_url).hostname or ""
    if host == SERVICE_HOST or host.endswith(f".{SERVICE_HOST}"):
        return f"https://{SERVICE_HOST}/workloads?search={quote(job_id, safe='')}"
    return f"{base_url}/jobs/{quote(job_id, safe='')}"
