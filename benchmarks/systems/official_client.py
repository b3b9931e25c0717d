"""Runs IBM's client in a plain process: submits, waits for the result (at most ``timeout`` seconds), and counts."""

from __future__ import annotations

import os
import time

from benchmarks.systems.common import answer, asked, bell_pair, service


def main() -> None:
    """Run one job."""
    question = asked()
    os.environ["IAM_URL"] = question["iam"]

    from qiskit_ibm_runtime import SamplerV2

    job = SamplerV2(service(question).backend(question["backend"])).run([bell_pair()], shots=question["shots"])
    counts = job.result(timeout=question.get("timeout"))[0].data.meas.get_counts()
    answer(counts, time.time())


if __name__ == "__main__":
    main()
