"""Private jobs: the service gives their result out once, so it is kept before anything else can fail."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable

from airflow_provider_qrt.jobs.kept_result import KeptResult
from airflow_provider_qrt.jobs.record import StateStore
from airflow_provider_qrt.operators import results

log = logging.getLogger(__name__)


def read_once(
    job_id: str, read: Callable[[str], str], *, store: StateStore | None, destination: results.Destination | None
) -> str:
    """Return the text of a private job's result: the kept one, or what the service gives out, kept at once.

    It is kept in a file beside the one of the result, else in the task's state store, so that a retry or a clear
    finds it.

    Args:
        job_id: The job, which has completed.
        read: Reads the result from the service.
        store: The task's state store, if it has one.
        destination: The file of the result, if the task has one.

    Raises:
        QiskitRuntimeError: The service did not give it out.
    """
    kept = KeptResult(store)
    file = destination.raw_file(job_id) if destination is not None else None
    text = results.read_text(file) if file is not None else None
    if text is not None and _is_cut_off(text):
        log.warning("%s is cut off, as by a kill while it was written; the service is asked again.", file)
        text = None
    if text is None:
        text = kept.load(job_id)
    if text is not None:
        log.info("The result of private job %s was read by an earlier try and is kept.", job_id)
        return text
    text = read(job_id)
    if file is not None:
        try:
            results.write_text(file, text, private=True)
            return text
        except Exception:
            log.exception("The result of private job %s could not be written to %s.", job_id, file)
    try:
        if not kept.save(job_id, text):
            log.warning("The result of private job %s is kept nowhere until this task has returned it.", job_id)
    except Exception:
        log.exception("The result of private job %s could not be kept in the task's state store.", job_id)
    return text


def _is_cut_off(text: str) -> bool:
    """Whether a text begins as JSON and does not end so. Results of some programs are other texts."""
    if text.lstrip()[:1] not in ("{", "["):
        return not text
    try:
        json.loads(text)
    except ValueError:
        return True
    return False
