"""The cost of importing the package."""

import subprocess
import sys

import pytest

import airflow_provider_qrt.primitives as primitives

HEAVY = (
    "numpy",
    "qiskit",
    "qiskit_ibm_runtime",
    "openqasm3",
    "antlr4",
    "airflow",
    "requests",
    "pandas",
    "pyarrow",
    "fsspec",
)


@pytest.mark.parametrize("touch", ["", "[getattr(p, name) for name in p.__all__];"])
def test_importing_the_package_and_all_its_names_loads_nothing_heavy(touch):
    code = (
        f"import sys; import airflow_provider_qrt.primitives as p; {touch}"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_exists_and_others_do_not():
    assert all(getattr(primitives, name) is not None for name in primitives.__all__)
    assert set(primitives.__all__) <= set(dir(primitives))
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = primitives.no_such_name


def test_telling_circuits_from_other_things_does_not_import_qiskit():
    code = (
        "import sys; from airflow_provider_qrt.primitives import coerce_pubs, InvalidInput\n"
        "try: coerce_pubs([object()])\n"
        "except InvalidInput: print('qiskit' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
