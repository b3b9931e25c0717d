"""``make audit``: searches our dependencies for known vulnerabilities, and our code for risky patterns.

Both searches print what they checked. If the index has no advisories, that is reported and does not count as success.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
ASSERTS = "B101"
"""Bandit's test for asserts. Ours narrow types for mypy and never check input (ruff's S101 is off for this reason)."""
JUDGED = {
    ("B105", 'API_TOKEN = "api_token"'): "the name of a channel",
    ("B105", '"refresh_token": "not_supported",'): "what IAM says instead of a token",
    ("B105", '"token_type": "Bearer",'): "a word of the protocol",
    ("B105", '"api_token": "api_token: the first API, with an API token",'): "text of the connection form",
    ("B105", '"relabeling": {"password": "IBM Cloud API key", "host": "Base URL"},'): "text of the connection form",
    ("B105", '"password": "create one at cloud.ibm.com/iam/apikeys",'): "text of the connection form",
    ("B106", 'token_field="id",'): "the name of a field",
    ("B106", 'token_field="access_token",'): "the name of a field",
    ("B311", "random.uniform(1.0, 1.3)"): "spreads retries over time; no secret depends on it",
    ("B311", "random.Random(self.seed)"): "faults of the emulator that can be repeated",
    ("B311", "random.random((sets, shots))"): "samples of the simulator",
    ("B311", "random.Random())"): "spreads submissions over time; no secret depends on it",
    ("B404", "import subprocess"): "draws a circuit in a process of its own",
    ("B603", "subprocess.run("): "a fixed command without a shell; the circuit is its standard input",
    ("B603", "subprocess.Popen("): "a fixed command without a shell",
}
"""Reviewed findings by test and by text in the line, with the reason why each is harmless."""


def own_code() -> bool:
    """Run bandit; return whether all its findings have been reviewed."""
    command = [sys.executable, "-m", "bandit", "-q", "-r", "airflow_provider_qrt", "-f", "json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    report = json.loads(done.stdout)
    new, judged = [], Counter[str]()
    for hit in report["results"]:
        lines = hit["code"]
        known = hit["test_id"] == ASSERTS or any(hit["test_id"] == test and part in lines for test, part in JUDGED)
        if known:
            judged[hit["test_id"]] += 1
        else:
            new.append(f"  {hit['filename']}:{hit['line_number']}: {hit['test_id']} {hit['issue_text']}")
    print(f"bandit: {sum(judged.values())} judged hits ({_counted(judged)}), {len(new)} new ones")
    print("\n".join(new), end="\n" if new else "")
    return not new and not report["errors"]


def dependencies() -> bool:
    """Run pip-audit; return whether there are no advisories. Report it if the index has no advisories at all."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", "constraints.txt", "--no-deps", "--disable-pip"]
    done = subprocess.run([*command, "--format", "json"], cwd=ROOT, capture_output=True, text=True, check=False)
    try:
        found = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        print(f"pip-audit: NOT AUDITED: it gave no answer: {done.stderr.strip()[-300:]}")
        return False
    unknown = [one for one in found if "skip_reason" in one]
    faulty = [one for one in found if one.get("vulns")]
    print(f"pip-audit: {len(found) - len(unknown)} packages audited, {len(faulty)} with known faults")
    for one in faulty:
        for fault in one["vulns"]:
            fixed = ", ".join(fault["fix_versions"]) or "no version"
            print(f"  {one['name']} {one['version']}: {fault['id']}, repaired in {fixed}")
    if unknown:
        print(
            f"pip-audit: NOT AUDITED: {len(unknown)} packages. The index used here has no advisories for them. "
            "Run this where the public index of Python packages can be reached."
        )
    return not faulty and not unknown


def _counted(numbers: Counter[str]) -> str:
    return ", ".join(f"{test} {number}" for test, number in sorted(numbers.items()))


def main() -> int:
    """Return 1 if something was found, 3 if the dependencies could not be checked, otherwise 0."""
    clean, audited = own_code(), dependencies()
    return 1 if not clean else 0 if audited else 3


if __name__ == "__main__":
    sys.exit(main())
