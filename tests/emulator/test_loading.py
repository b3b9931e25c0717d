from __future__ import annotations

import subprocess
import sys

SCRIPT = """
from airflow_provider_qrt.emulator import Emulator

QASM = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;'

for _ in range(2):
    with Emulator(queue_seconds=0, run_seconds=0, rate_limit=False) as emulator:
        import json, urllib.parse, urllib.request

        form = urllib.parse.urlencode(
            {"grant_type": "urn:ibm:params:oauth:grant-type:apikey", "apikey": emulator.api_key}
        ).encode()
        with urllib.request.urlopen(f"{emulator.iam_url}/identity/token", form) as answer:
            token = json.load(answer)["access_token"]
        headers = {
            "Authorization": f"Bearer {token}", "Service-CRN": emulator.instance, "Content-Type": "application/json",
        }
        body = {"program_id": "sampler", "backend": "ibm_fez", "params": {"version": 2, "pubs": [[QASM, None, 10]]}}
        for _ in range(2):
            request = urllib.request.Request(f"{emulator.url}/jobs", json.dumps(body).encode(), headers)
            urllib.request.urlopen(request).close()
print("stopped")
"""


def test_an_emulator_stopped_in_the_middle_of_a_simulation_does_not_take_the_process_with_it():
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=120)
        assert (done.returncode, done.stdout) == (0, "stopped\n"), done.stderr[-2000:]
