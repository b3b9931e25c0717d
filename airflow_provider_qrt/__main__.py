"""``python -m airflow_provider_qrt``: the commands of ``airflow qiskit-runtime`` without Airflow's start-up."""

from __future__ import annotations

import sys

from airflow_provider_qrt.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
