"""Where a result goes: through XCom while it is small, to a file when it is not."""

from __future__ import annotations

import importlib.util
import io
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_qrt import templated
from airflow_provider_qrt.client.reading import is_id
from airflow_provider_qrt.primitives.errors import InvalidInputError
from airflow_provider_qrt.primitives.results.result_file import ResultFormat

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath


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

        Raises:
            InvalidInputError: They are wrong, or do not fit each other.
        """
        path, chosen = templated.optional_text(result_path), ResultFormat.read(result_format)
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


WHOLE_OR_NOT_AT_ALL = frozenset({"s3", "s3a", "s3n", "gs", "gcs", "abfs", "abfss", "az", "wasb", "wasbs"})
"""Object stores in which an object is there only when its upload has been completed."""


def write_file(path: str, write: Callable[[IO[bytes]], object], *, private: bool = False) -> None:
    """Write to any path that ``ObjectStoragePath`` understands, making folders as needed.

    Whoever reads the path finds the whole file, what was there before, or nothing, even when this process is killed.

    Args:
        path: The file.
        write: Writes what it holds. Nothing is written to the path before this has returned.
        private: Let nobody but the worker's user read a local file, whatever the umask. In an object store the bucket's
            rights decide.
    """
    from airflow.sdk import ObjectStoragePath

    content = io.BytesIO()
    write(content)
    target = ObjectStoragePath(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.protocol in WHOLE_OR_NOT_AT_ALL:
        with target.open("wb") as file:
            file.write(content.getbuffer())
        return
    beside = target.parent / f".{target.name}.{secrets.token_hex(4)}.part"
    try:
        with _open_new(beside, private=private) as file:
            file.write(content.getbuffer())
        if _is_local(target):
            Path(beside.path).replace(target.path)
        else:
            target.fs.mv(beside.path, target.path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _is_local(path: ObjectStoragePath) -> bool:
    return path.protocol in ("", "file", "local")


def _open_new(path: ObjectStoragePath, *, private: bool) -> IO[bytes]:
    if not _is_local(path):
        return path.open("wb")  # type: ignore[no-any-return]
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.fdopen(os.open(path.path, flags, 0o600 if private else 0o666), "wb")


def write_text(path: str, text: str, *, private: bool = False) -> None:
    """Write a text as :func:`write_file` does."""
    write_file(path, lambda file: file.write(text.encode()), private=private)


def read_text(path: str) -> str | None:
    """Read a file that :func:`write_text` wrote; None if there is none."""
    from airflow.sdk import ObjectStoragePath

    source = ObjectStoragePath(path)
    if not source.exists():
        return None
    with source.open("rb") as file:
        return bytes(file.read()).decode()


def too_large(job_id: str, size: int, limit: int) -> AirflowFailException:
    """Return the error for a result that fits nowhere; the task keeps the job, so clearing it costs nothing."""
    return AirflowFailException(
        f"The result of job {job_id} would take about {size:,} bytes, more than the {limit:,} that go through XCom. "
        "Set result_path on the task (a folder, local or in an object store), or raise [qiskit_runtime] "
        "max_xcom_bytes; then clear the task."
    )
