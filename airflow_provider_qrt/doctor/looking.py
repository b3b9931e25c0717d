"""Checks that submit nothing: login, versions, backends, jobs, workloads, account, errors."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.channels.base import quoted
from airflow_provider_qrt.client.models import parse_time
from airflow_provider_qrt.client.reading import read_list
from airflow_provider_qrt.doctor.requests_out import Service, json_of
from airflow_provider_qrt.doctor.rows import MISSING, Examination, NotTriedError, at, items_of, wrong_fields

NoneType = type(None)
NUMBER = (int, float)
TOKEN_SECONDS = 3600
NO_SUCH_JOB = "d000000000000000doctor"
NO_SUCH_TAG = "airflow-provider-qrt:doctor:no-such-tag"
HERON_BASIS = frozenset({"cz", "id", "rz", "sx", "x"})
JOB_FIELDS: Mapping[str, type | tuple[type, ...]] = {
    "id": str,
    "backend": str,
    "state.status": str,
    "program.id": str,
    "created": str,
    "tags": list,
    "cost": int,
    "usage.qpu_charge_time_seconds": NUMBER,
    "usage.status": str,
    "estimated_running_time_seconds": (*NUMBER, NoneType),
}
STATES = ("Queued", "Running", "Completed", "Failed", "Cancelled")
FINAL_STATES = STATES[2:]
WORKLOAD_STATES = ("pending", "in_progress", "completed", "failed", "canceled")


class ReadOnly:
    """The checks that submit nothing.

    Args:
        service: The service to check.
        examination: Collects the rows.
        backend: Name of the backend to check; None means the one with the shortest queue.
    """

    def __init__(self, service: Service, examination: Examination, backend: str | None) -> None:
        self._service = service
        self._examination = examination
        self.backend = backend
        self._devices: list[Any] = []
        self._jobs: list[Any] = []

    def begin(self) -> bool:
        """Log in, and check versions and backends; return False, without further checks, if the login fails."""
        if not self._login():
            return False
        self._versions()
        self._backends()
        return True

    def go_on(self) -> None:
        """Check jobs, workloads, account and errors."""
        self._listing()
        self._one_job()
        self._tags()
        self._account()
        self._refusals()

    # Login and versions

    def _login(self) -> bool:
        check = self._examination.check
        found: dict[str, Any] = {}

        def token() -> str | None:
            found.update(self._service.token())
            return wrong_fields(found, {"access_token": str, "token_type": str, "expires_in": int, "expiration": int})

        def lifetime() -> str | None:
            seconds = at(found, "expires_in")
            if seconds is MISSING:
                raise NotTriedError("the answer has no expires_in")
            return None if seconds == TOKEN_SECONDS else f"{seconds} s"

        good = check("E-iam-token", "IAM gives a token for the API key", lambda: _refused(self._service))
        if not good:
            return False
        check("R-iam-answer", "The answer has access_token, token_type, expires_in and expiration", token)
        check("R-iam-lifetime", "A token lives for an hour", lifetime)
        check("R-iam-jwt", "The token is a JWT with iat, exp, iam_id and account", lambda: _claims(found))
        return True

    def _versions(self) -> None:
        check, settings = self._examination.check, self._service.settings

        def listed() -> str | None:
            versions = self._service.transport.get_json("/versions", authenticated=False)
            if problem := wrong_fields(versions, {"versions": list}):
                return problem
            known = versions["versions"]
            return (
                None if settings.api_version in known else f"{settings.api_version} is not among {len(known)} versions"
            )

        def closed() -> str | None:
            answer = self._service.plain("/jobs?limit=1", version=settings.api_version)
            return None if answer.status_code == 401 else f"HTTP {answer.status_code}"

        def oldest() -> str | None:
            token = at(self._service.token(), "access_token")
            if not isinstance(token, str):
                raise NotTriedError("there is no token")
            answer = self._service.plain("/backends", token=token)
            devices = at(json_of(answer), "devices")
            if not answer.ok or not isinstance(devices, list):
                return f"HTTP {answer.status_code}"
            if not devices:
                raise NotTriedError("the instance has no backends")
            return None if all(isinstance(one, str) for one in devices) else "devices are objects"

        check("E-versions", f"GET /versions lists {settings.api_version}, and needs no token", listed)
        check("R-bearer", "A request without a token is refused with 401", closed)
        check("R-version-absent", "Without IBM-API-Version backends are listed by name only", oldest)

    # Backends

    def _backends(self) -> None:
        check = self._examination.check

        def listing() -> str | None:
            answer = self._service.get("/backends", fields="wait_time_seconds")
            if problem := wrong_fields(answer, {"devices": list}):
                return problem
            self._devices = answer["devices"]
            return None

        def fields() -> str | None:
            wanted: Mapping[str, type | tuple[type, ...]] = {
                "name": str,
                "status.name": str,
                "status.reason": str,
                "queue_length": int,
                "qubits": int,
                "processor_type": dict,
                "performance_metrics": dict,
            }
            return _of_each(items_of({"devices": self._devices}, "devices"), wanted)

        def waiting() -> str | None:
            devices = items_of({"devices": self._devices}, "devices")
            return _of_each(devices, {"wait_time_seconds": (dict, NoneType)})

        check("E-backends", "GET /backends lists devices", listing)
        check("R-backend-fields", "A device has name, status, queue, qubits, processor and quality", fields)
        check("R-backend-wait-time", "fields=wait_time_seconds adds the waiting times", waiting)
        self.backend = self.backend or _least_busy(self._devices)
        name = self.backend

        def of_backend(what: str) -> Mapping[str, Any]:
            if name is None:
                raise NotTriedError("the instance has no backends")
            return self._service.get_object(f"/backends/{quoted(name)}/{what}")

        def configuration() -> str | None:
            found = of_backend("configuration")
            return wrong_fields(
                found, {"backend_name": str, "n_qubits": int, "basis_gates": list, "coupling_map": list}
            )

        def basis() -> str | None:
            found = of_backend("configuration")
            if at(found, "processor_type.family") != "Heron":
                raise NotTriedError("the backend is no Heron")
            missing = HERON_BASIS - set(read_list(found, "basis_gates", "its configuration"))
            return f"without {', '.join(sorted(missing))}" if missing else None

        check(
            "E-backend-status",
            "A backend's status has state, message, length_queue and version",
            lambda: wrong_fields(
                of_backend("status"),
                {"state": bool, "message": str, "length_queue": int, "backend_version": (str, NoneType)},
            ),
        )
        check("E-backend-configuration", "Its configuration has basis_gates and coupling_map", configuration)
        check("R-heron-basis", f"A Heron machine has {' '.join(sorted(HERON_BASIS))}", basis)
        check(
            "E-backend-properties",
            "Its properties have last_update_date, qubits and gates",
            lambda: wrong_fields(of_backend("properties"), {"last_update_date": str, "qubits": list, "gates": list}),
        )

    # Jobs

    def _listing(self) -> None:
        check = self._examination.check

        def listing() -> str | None:
            answer = self._service.get("/jobs", limit=20, offset=0, sort="DESC", exclude_params="true")
            problem = wrong_fields(answer, {"jobs": list, "count": int, "limit": int, "offset": int})
            self._jobs = answer["jobs"] if not problem else []
            return problem

        def pages() -> str | None:
            jobs = items_of({"jobs": self._jobs}, "jobs")
            if len(jobs) < 2:
                raise NotTriedError("the instance has fewer than two jobs")
            second = self._service.get("/jobs", limit=1, offset=1, sort="DESC", exclude_params="true")
            oldest = self._service.get("/jobs", limit=1, offset=0, sort="ASC", exclude_params="true")
            page = read_list(second, "jobs", "GET /jobs")
            if len(page) != 1:
                return f"a page of 1 has {len(page)} jobs"
            if at(page[0], "id") == at(jobs[0], "id"):
                return "the second page begins with the first job"
            first, last = (parse_time(at(one, "created")) for one in (jobs[0], items_of(oldest, "jobs")[0]))
            return "sort=DESC is not newest first" if first and last and first < last else None

        def limit() -> str | None:
            answer = self._service.get("/jobs", limit=1000, exclude_params="true")
            return None if at(answer, "limit") == 200 else f"limit=1000 is answered with limit {at(answer, 'limit')}"

        def filters() -> str | None:
            ended = self._service.get("/jobs", limit=50, pending="false", exclude_params="true")
            waiting = self._service.get("/jobs", limit=50, pending="true", exclude_params="true")
            wrong = [
                one for one in read_list(ended, "jobs", "GET /jobs") if at(one, "state.status") not in FINAL_STATES
            ]
            wrong += [one for one in read_list(waiting, "jobs", "GET /jobs") if at(one, "state.status") in FINAL_STATES]
            return f"{len(wrong)} jobs are on the wrong list" if wrong else None

        check("E-jobs-list", "GET /jobs has jobs, count, limit and offset", listing)
        check(
            "R-exclude-params",
            "Inputs are left out when that is asked for",
            lambda: _with_params(items_of({"jobs": self._jobs}, "jobs")),
        )
        check("R-list-page", "Pages go by limit and offset, newest or oldest first", pages)
        check("R-list-limit", "A limit above 200 quietly becomes 200", limit)
        check("R-list-filters", "pending tells jobs that have ended from those that have not", filters)

    def _one_job(self) -> None:
        check = self._examination.check

        def job(state: str | None = None) -> Mapping[str, Any]:
            for one in items_of({"jobs": self._jobs}, "jobs"):
                if state in (None, at(one, "state.status")):
                    return one  # type: ignore[no-any-return]
            raise NotTriedError(f"none of the last {len(self._jobs)} jobs is {state}")

        def reading() -> str | None:
            found = self._service.get(f"/jobs/{quoted(job()['id'])}", exclude_params="true")
            return wrong_fields(found, JOB_FIELDS) or ("params are there" if "params" in found else None)

        def states() -> str | None:
            odd = {at(one, "state.status") for one in items_of({"jobs": self._jobs}, "jobs")} - set(STATES)
            return f"other states: {', '.join(sorted(map(str, odd)))}" if odd else None

        def metrics() -> str | None:
            found = self._service.get(f"/jobs/{quoted(job('Completed')['id'])}/metrics")
            return wrong_fields(
                found,
                {
                    "timestamps.created": str,
                    "timestamps.running": str,
                    "timestamps.finished": str,
                    "usage.qpu_charge_time_seconds": NUMBER,
                    "usage.status": str,
                },
            )

        def at_the_top() -> str | None:
            found = self._service.get(f"/jobs/{quoted(job('Completed')['id'])}/metrics")
            return wrong_fields(found, {"circuits_execution_time_ns": (int, NoneType)})

        check("E-job-get", "A job has the fields that are read of it", reading)
        check("R-states", f"A job is {', '.join(STATES)}", states)
        check("R-estimate", "A job has an estimate of its QPU time", lambda: _estimate(job()))
        check("E-job-metrics", "Metrics tell when a job was created, started and ended, and its charge", metrics)
        check("R-version-2026-04-15", "circuits_execution_time_ns stands at the top of the metrics", at_the_top)

    def _tags(self) -> None:
        check = self._examination.check

        def tagged() -> Mapping[str, Any]:
            for one in items_of({"jobs": self._jobs}, "jobs"):
                if at(one, "tags") not in (MISSING, []):
                    return one  # type: ignore[no-any-return]
            raise NotTriedError("none of the last jobs has a tag")

        def by_tag() -> str | None:
            job = tagged()
            found = self._service.get("/jobs", tags=list(job["tags"]), limit=200, exclude_params="true")
            if job["id"] not in [at(one, "id") for one in read_list(found, "jobs", "GET /jobs")]:
                return "a job is not found by its tags"
            none = self._service.get("/jobs", tags=[*job["tags"][:1], NO_SUCH_TAG], limit=1, exclude_params="true")
            found_none = not read_list(none, "jobs", "GET /jobs")
            return None if found_none else "a job is found by a tag that it has not"

        def search() -> str | None:
            tag = next((one for one in tagged()["tags"] if len(one) >= 3), None)
            if tag is None:
                raise NotTriedError("no tag has three characters")
            found = self._service.get("/tags", type="job", search=tag[:100])
            if problem := wrong_fields(found, {"tags": list}):
                return problem
            return None if tag in found["tags"] else "a tag is not found"

        check("R-list-tags", "Jobs are found by all the tags asked for, and by no other", by_tag)
        check("E-tags", "GET /tags finds a tag by a part of it", search)

    # Account

    def _account(self) -> None:
        check = self._examination.check
        found: dict[str, Any] = {}

        def workloads() -> str | None:
            found.update(self._service.get_object("/workloads", limit=1))
            return wrong_fields(found, {"workloads": list})

        def words() -> str | None:
            many = self._service.get_object("/workloads", limit=50)
            odd = {at(one, "status") for one in items_of(many, "workloads")} - set(WORKLOAD_STATES)
            return f"other states: {', '.join(sorted(map(str, odd)))}" if odd else None

        def cursor() -> str | None:
            if not isinstance(at(found, "next.href"), str):
                raise NotTriedError("there is one page of workloads")
            return None if "next=" in found["next"]["href"] else "next.href holds no next="

        check("E-workloads", "GET /workloads lists workloads", workloads)
        check("R-workloads-words", f"A workload is {', '.join(WORKLOAD_STATES)}", words)
        check("R-workloads-cursors", "The next page of workloads is named by next.href", cursor)
        check(
            "E-instance",
            "GET /instance names its plan and backends",
            lambda: wrong_fields(self._service.get("/instance"), {"plan_id": str, "backends": list}),
        )
        check(
            "R-instance-strings",
            "Two numbers of the instance are strings",
            lambda: wrong_fields(
                self._service.get("/instance"),
                {"instance_limit_seconds": (str, NoneType), "usage_allocation_seconds": (str, NoneType)},
            ),
        )
        check(
            "E-instance-usage",
            "GET /instances/usage says what is used, and of how much",
            lambda: wrong_fields(
                self._service.get("/instances/usage"),
                {
                    "usage_consumed_seconds": NUMBER,
                    "usage_period.start_time": str,
                    "usage_period.end_time": str,
                    "usage_limit_reached": bool,
                },
            ),
        )

    # Errors

    def _refusals(self) -> None:
        check = self._examination.check

        def unknown() -> str | None:
            try:
                self._service.get(f"/jobs/{NO_SUCH_JOB}")
            except errors.NotFoundError as error:
                lacking = [name for name in ("code", "message", "solution", "trace") if not getattr(error.body, name)]
                return f"the error has no {', '.join(lacking)}" if lacking else None
            return "a job that does not exist is there"

        check("R-error-body", "A job that does not exist is 404, with code, message, solution and trace", unknown)


def _refused(service: Service) -> str | None:
    """Send a request with the client, whose errors say what to do."""
    service.get("/jobs", limit=1, exclude_params="true")
    return None


def _claims(answer: Mapping[str, Any]) -> str | None:
    token = at(answer, "access_token")
    parts = token.split(".") if isinstance(token, str) else []
    if len(parts) != 3:
        return "it is no JWT"
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return "its claims cannot be read"
    return wrong_fields(claims, {"iat": int, "exp": int, "iam_id": str, "account": (dict, str)})


def _of_each(items: list[Any], fields: Mapping[str, type | tuple[type, ...]]) -> str | None:
    return next((problem for one in items if (problem := wrong_fields(one, fields))), None)


def _with_params(jobs: list[Any]) -> str | None:
    return "params are there" if any(at(one, "params") is not MISSING for one in jobs) else None


def _estimate(job: Mapping[str, Any]) -> str | None:
    return wrong_fields(job, {"estimated_running_time_seconds": NUMBER})


def _least_busy(devices: list[Any]) -> str | None:
    online = [one for one in devices if at(one, "status.name") == "online" and isinstance(at(one, "name"), str)]
    ranked = sorted(online, key=lambda one: (_length(one), one["name"]))
    return ranked[0]["name"] if ranked else None


def _length(device: Any) -> int:
    length = at(device, "queue_length")
    return length if isinstance(length, int) else 0
