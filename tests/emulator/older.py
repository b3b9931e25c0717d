"""Simple HTTP clients of the API's older generations."""

from __future__ import annotations

import json
import time
from typing import Any

import requests

from airflow_provider_qrt.emulator import Emulator

APPLICATION = "qiskit-version-2/0.39.2/tests"
PROVIDER = {"hub": "hub", "group": "group", "project": "project"}
FLIP = 'OPENQASM 3;\ninclude "stdgates.inc";\nqreg q[1];\ncreg c[1];\nx q[0];\nc[0] = measure q[0];\n'
BELL = 'OPENQASM 3; include "stdgates.inc"; qubit[2] q; bit[2] c; h q[0]; cx q[0], q[1]; c = measure q;'
STATE = 'OPENQASM 3; include "stdgates.inc"; qubit[2] q; h q[0]; cx q[0], q[1];'
ENDS = ("Completed", "Failed", "Cancelled", "Cancelled - Ran too long")


class Older:
    """A simple client of one generation that sends requests without retries."""

    headers: dict[str, str]
    simulator = "ibmq_qasm_simulator"

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.http = requests.Session()
        self.http.trust_env = False
        self.headers = self.credentials()

    def credentials(self) -> dict[str, str]:
        raise NotImplementedError

    def body(self, program: str, backend: str, params: Any, **more: Any) -> dict[str, Any]:
        return {"program_id": program, "backend": backend, "params": params, **more}

    def send(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {**self.headers, **options.pop("headers", {})}
        headers = {name: value for name, value in headers.items() if value is not None}
        return self.http.request(method, f"{self.emulator.root_url}{path}", headers=headers, timeout=30, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.send("GET", path, **options)

    def post_job(self, program: str, params: Any, backend: str | None = None, **more: Any) -> requests.Response:
        return self.send("POST", "/jobs", json=self.body(program, backend or self.simulator, params, **more))

    def submit(self, program: str, params: Any, backend: str | None = None, **more: Any) -> dict[str, Any]:
        answer = self.post_job(program, params, backend, **more)
        assert answer.status_code == 200, answer.text
        accepted: dict[str, Any] = answer.json()
        return accepted

    def wait(self, job_id: str, seconds: float = 60.0) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            job: dict[str, Any] = self.get(f"/jobs/{job_id}").json()
            if job["state"]["status"] in ENDS:
                return job
            time.sleep(0.02)
        raise AssertionError(f"still {job['state']} after {seconds} seconds")

    def result(self, program: str, params: Any, backend: str | None = None) -> Any:
        job = self.wait(self.submit(program, params, backend)["id"])
        assert job["state"] == {"status": "Completed"}, job["state"]
        return self.get(f"/jobs/{job['id']}/results").json()


class Cloud(Older):
    """``ibm_cloud``."""

    def credentials(self) -> dict[str, str]:
        form = {"grant_type": "urn:ibm:params:oauth:grant-type:apikey", "apikey": self.emulator.api_key}
        answer = self.http.post(f"{self.emulator.iam_url}/identity/token", data=form, timeout=10).json()
        return {
            "Authorization": f"Bearer {answer['access_token']}",
            "Service-CRN": self.emulator.instance,
            "x-qx-client-application": APPLICATION,
        }


class Classic(Older):
    """``ibm_quantum``."""

    def credentials(self) -> dict[str, str]:
        body = {"apiToken": self.emulator.api_key}
        url = f"{self.emulator.root_url}/api/users/loginWithToken"
        return {"x-access-token": self.http.post(url, json=body, timeout=10).json()["id"]}

    def body(self, program: str, backend: str, params: Any, **more: Any) -> dict[str, Any]:
        return {**super().body(program, backend, params), **PROVIDER, **more}


class First(Older):
    """``api_token``."""

    simulator = "ibmq_montreal"

    def credentials(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.emulator.api_key}"}

    def body(self, program: str, backend: str, params: Any, **more: Any) -> dict[str, Any]:
        return {"programId": program, "backend": backend, "params": [json.dumps(params)], **PROVIDER, **more}

    def text(self, job_id: str, seconds: float = 60.0) -> requests.Response:
        """The answer of the results once it is not 204."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            answer = self.get(f"/jobs/{job_id}/results")
            if answer.status_code != 204:
                return answer
            time.sleep(0.02)
        raise AssertionError(f"no result after {seconds} seconds")
