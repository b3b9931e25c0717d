"""The content of an OpenLineage event about a task's jobs, from the operator's arguments and its report alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_qrt import templated
from airflow_provider_qrt.assets.qiskit_runtime import SCHEME, instance_of
from airflow_provider_qrt.execution.lineage_source import source_of
from airflow_provider_qrt.jobs.defaults import LEAST_BUSY

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage

    from airflow_provider_qrt.execution.report import JobReport

RUN_FACET = "qiskitRuntime_job"


class Lineage:
    """Puts together what is known.

    Args:
        operator: Its templates rendered.
    """

    def __init__(self, operator: Any) -> None:
        self._operator = operator
        self._report: JobReport = operator.report

    def lineage(self, task_instance: Any = None) -> OperatorLineage[Any, Any]:
        """Return it as the OpenLineage provider wants it.

        Args:
            task_instance: Of a task that has ended; assets that it named while it ran are outputs as well.
        """
        from airflow.providers.openlineage.extractors import OperatorLineage
        from airflow.providers.openlineage.extractors.manager import ExtractorManager

        lineage: OperatorLineage[Any, Any] = OperatorLineage(
            inputs=self._inputs(),
            outputs=self._outputs(),
            run_facets=self._run_facets(),
            job_facets=self._job_facets(),
        )
        # The provider itself looks at inlets and outlets only where an operator names no datasets.
        ExtractorManager().extract_inlets_and_outlets(lineage, self._operator, task_instance)
        return lineage

    def _run_facets(self) -> dict[str, Any]:
        from airflow.providers.common.compat.openlineage.facet import ExternalQueryRunFacet

        from airflow_provider_qrt.execution.lineage_facet import QiskitRuntimeJobRunFacet

        report, job_ids = self._report, self._job_ids()
        usage, calibrated = report.usage, report.calibrated
        facets: dict[str, Any] = {
            RUN_FACET: QiskitRuntimeJobRunFacet(
                job_id=job_ids[0] if job_ids else None,
                job_ids=job_ids,
                program_id=report.program_id,
                backend=self._backend(),
                calibrated=calibrated.isoformat() if calibrated is not None else None,
                session_id=report.session_id or self._argument("session_id"),
                status=report.status,
                usage_seconds=usage.seconds if usage is not None else None,
                usage_complete=usage.complete if usage is not None else None,
                input_fingerprint=self._fingerprint(),
                connection_id=self._argument("qiskit_runtime_conn_id"),
            )
        }
        if job_ids:
            facets["externalQuery"] = ExternalQueryRunFacet(externalQueryId=job_ids[0], source=self._place() or SCHEME)
        return facets

    def _job_facets(self) -> dict[str, Any]:
        from openlineage.client.facet_v2 import source_code_job

        source = source_of(self._operator) if self._may_tell_source() else None
        if source is None:
            return {}
        language, text = source
        return {"sourceCode": source_code_job.SourceCodeJobFacet(language=language, sourceCode=text)}

    def _may_tell_source(self) -> bool:
        """Not of a private job, whose input IBM gives to nobody, nor where OpenLineage is told to leave it out."""
        from airflow.providers.openlineage.utils.emission_policy import resolve_task_emission_policy

        operator = self._operator
        if getattr(operator, "private", False):
            return False
        return bool(resolve_task_emission_policy(operator, operator.dag_id, operator.task_id).include_source_code)

    def _inputs(self) -> list[Any]:
        """Return the backend; its version is its calibration."""
        from airflow.providers.common.compat.openlineage.facet import Dataset
        from openlineage.client.facet_v2 import dataset_version_dataset

        backend, place, calibrated = self._backend(), self._place(), self._report.calibrated
        if backend is None or place is None:
            return []
        facets: dict[str, Any] = {}
        if calibrated is not None:
            facets["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(calibrated.isoformat())
        return [Dataset(namespace=place, name=backend, facets=facets)]

    def _outputs(self) -> list[Any]:
        """Return the file with the whole result."""
        from airflow.providers.common.compat.openlineage.facet import Dataset
        from airflow.sdk import ObjectStoragePath

        if self._report.result_path is None:
            return []
        path = ObjectStoragePath(self._report.result_path)
        if path.protocol in ("", "file"):
            return [Dataset(namespace="file", name=path.path)]
        return [Dataset(namespace=path.namespace, name=path.key)]

    def _job_ids(self) -> list[str]:
        run = getattr(self._operator, "_run", None)
        jobs = run.jobs if run is not None else None
        return self._report.job_ids or (jobs.job_ids if jobs is not None else [])

    def _fingerprint(self) -> str | None:
        """Digest of all that was asked for, however many jobs it took."""
        run = getattr(self._operator, "_run", None)
        if run is not None and run.split is not None:
            return str(run.split.fingerprint[:16])
        if self._report.request is not None:
            return self._report.request.fingerprint()[:16]
        return self._report.fingerprint

    def _backend(self) -> str | None:
        asked = self._argument("backend")
        return self._report.backend or (None if asked == LEAST_BUSY else asked)

    def _place(self) -> str | None:
        """Return the instance, as the namespace of its backends' assets; None before the connection was read."""
        hook = self._operator.__dict__.get("hook")
        settings = hook.__dict__.get("settings") if hook is not None else None
        if settings is None:
            return None
        return f"{SCHEME}://{instance_of(settings)}"

    def _argument(self, name: str) -> str | None:
        return templated.optional_text(getattr(self._operator, name, None))
