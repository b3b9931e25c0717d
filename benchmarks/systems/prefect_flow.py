"""Runs prefect-qiskit in a Prefect flow: submits, waits for the result, and counts.

It uses the defaults, except that it retries ``retries`` times after ``retry_delay`` seconds (never if these are
missing), and limits each try to ``timeout`` seconds if given.
"""

from __future__ import annotations

import time

from benchmarks.systems.common import answer, asked, bell_pair


def main() -> None:
    """Run one job."""
    question = asked()

    from prefect import flow
    from prefect_qiskit import QuantumRuntime
    from prefect_qiskit.vendors.ibm_quantum import IBMQuantumCredentials

    @flow
    def one_job() -> tuple[dict[str, int], float]:
        runtime = QuantumRuntime(
            resource_name=question["backend"],
            credentials=IBMQuantumCredentials(
                api_key=question["key"],
                crn=question["instance"],
                # Without a path, the client would request //identity/token from this address.
                auth_url=question["iam"] + "/identity/token",
                runtime_url=question["api"] + "/",
            ),
            max_retry=question.get("retries", 0),
            retry_delay=question.get("retry_delay", 0),
            timeout=question.get("timeout"),
        )
        result = runtime.sampler([bell_pair()], options={"params": {"shots": question["shots"]}})
        return result[0].data.meas.get_counts(), time.time()

    answer(*one_job())


if __name__ == "__main__":
    main()
