"""Where a result goes: through XCom while it is small, to a file when it is not."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Any

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_qrt import templated
from airflow_provider_qrt.client.reading import is_id
from airflow_provider_qrt.primitives.errors import InvalidInputError
from airflow_provider_qrt.primitives.results.result_file import ResultFormat


@dataclass(frozen=True)
class Destination:
    """Where the file of a result goes, and how it is written.

    Attributes:
        path: The task's ``result_path``: a folder, or a file if it ends as files of the format do.
        format: The task's ``result_format``.
    """

    path: str
    format: ResultFormat = ResultFormat.JSON

    @classmethod
    def read(cls, result_path: Any, result_format: Any) -> Destination | None:
        """Read a task's arguments; None without a path.

        Args:
            result_path: The folder or file.
            result_format: The format; None: as the path ends, or npz.

        Raises:
            InvalidInputError: They are wrong, or do not fit each other.
        """
        path = templated.optional_text(result_path)
        if path is None and result_format is None:
            return None
        chosen = _format_of(path) if result_format is None else ResultFormat.read(result_format)
        if path is None:
            if chosen is not ResultFormat.JSON:
                raise InvalidInputError(
                    f"result_format: {chosen} is how a file is written, and result_path is empty. Set result_path (a "
                    "folder, local or in an object store), or leave result_format out."
                )
            return None
        for other in ResultFormat:
            if other is not chosen and path.endswith(other.suffix):
                raise InvalidInputError(
                    f"result_path: {path!r} ends in {other.suffix}, and result_format is {chosen}. Write "
                    f"result_format={other.value!r}, or another name."
                )
        return cls(path, chosen)

    def check(self) -> None:
        """See that the file can be written, as far as that can be said without writing.

        Raises:
            InvalidInputError: A package for the format, or for the store, is missing.
        """
        from airflow.sdk import ObjectStoragePath

        if self.format is ResultFormat.PARQUET and not _is_installed("pyarrow"):
            raise InvalidInputError(
                "result_format: parquet needs pyarrow. Install it with the workers: "
                "pip install 'airflow-provider-qrt[parquet]'"
            )
        try:
            _ = ObjectStoragePath(self.path).fs
        except (ValueError, ImportError) as error:
            raise InvalidInputError(
                f"result_path: {self.path!r} cannot be opened: {error}. Install the Airflow provider of this storage "
                "with the workers (apache-airflow-providers-amazon[s3fs] for s3://), or name a local folder."
            ) from error

    def file(self, job_id: str) -> str:
        """Return the file of a result: the path itself if it names one, else a file in that folder."""
        if self.path.endswith(self.format.suffix):
            return self.path
        return f"{self.path.rstrip('/')}/{_checked(job_id)}{self.format.suffix}"

    def raw_file(self, job_id: str) -> str:
        """Return the file for the service's own answer, beside :meth:`file`."""
        if self.path.endswith(self.format.suffix):
            return f"{self.path.removesuffix(self.format.suffix)}.{_checked(job_id)}.raw.json"
        return f"{self.path.rstrip('/')}/{_checked(job_id)}.raw.json"


def _format_of(path: str | None) -> ResultFormat:
    return next((one for one in ResultFormat if path is not None and path.endswith(one.suffix)), ResultFormat.NPZ)


def _checked(job_id: str) -> str:
    """Return an id that is to be part of a file's name.

    Raises:
        InvalidInputError: It could lead out of the folder.
    """
    if not is_id(job_id):
        raise InvalidInputError(
            "The id of the job is none of the service's: no file is named by it, and none was written."
        )
    return job_id


def _is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def too_large(job_id: str, size: int, limit: int) -> AirflowFailException:
    """Return the error for a result that fits nowhere; the task keeps the job, so clearing it costs nothing."""
    return AirflowFailException(
        f"The result of job {job_id} would take about {size:,} bytes, more than the {limit:,} that go through XCom. "
        "Set result_path on the task (a folder, local or in an object store), or raise [qiskit_runtime] "
        "max_xcom_bytes; then clear the task."
    )
