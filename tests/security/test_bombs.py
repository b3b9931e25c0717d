"""Small inputs that expand to gigabytes are refused, in a process with a tight memory limit.

Without the limits, they would cause a MemoryError here, or a kill by the kernel on a worker.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import textwrap
import threading
import time
import zlib

import pytest

from airflow_provider_qrt.client import ClientSettings, QiskitRuntimeClient, RetryPolicy, errors
from airflow_provider_qrt.primitives.circuits.statements import read_instructions
from airflow_provider_qrt.primitives.circuits.text import blank_noise, check_circuit
from airflow_provider_qrt.primitives.errors import InvalidInputError

from .hostile import CRN, KEY, HostileService

BEGIN = """
import base64, io, json, resource, sys, zlib, struct
import numpy as np
from airflow_provider_qrt import primitives
from airflow_provider_qrt.primitives.errors import InvalidInput, InvalidResult
from airflow_provider_qrt.primitives.inputs.pubs import coerce_pubs
from airflow_provider_qrt.primitives.results.any_result import read_any_result
from airflow_provider_qrt.primitives.results.sampler_result import SamplerResult
from airflow_provider_qrt.primitives.results.decode import decode_estimator_result, decode_sampler_result
from airflow_provider_qrt.primitives.results.estimator_result import EstimatorResult
from airflow_provider_qrt.client import errors

def packed(size, filling=b"\\0", bits=15):
    engine = zlib.compressobj(9, zlib.DEFLATED, bits)
    piece = filling * (1 << 24)
    return b"".join(engine.compress(piece) for _ in range(size >> 24)) + engine.flush()

def npy(shape, dtype="u1"):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": shape})
    return file.getvalue()

def limit(mebibytes):
    # Of address space, beyond what the process has taken for the code.
    with open("/proc/self/statm") as file:
        taken = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + (mebibytes << 20),) * 2)
"""
BOMBS = {
    "QPY": (
        "text = base64.b64encode(packed(1 << 30)).decode()",
        "coerce_pubs([text])",
        "InvalidInput",
    ),
    "a register that claims bits": (
        'text = json.dumps({"results": [{"data": {"c": {"samples": ["0x0"], "num_bits": 8_600_000_000}}}]})',
        "decode_sampler_result(text)",
        "InvalidResult",
    ),
    "an array in a result": (
        'array = {"__type__": "ndarray", "__value__": base64.b64encode(zlib.compress(npy((1 << 40,)))).decode()}\n'
        'field = {"__type__": "BitArray", "__value__": {"array": array, "num_bits": 8}}\n'
        'bin = {"__type__": "DataBin", "__value__": {"fields": {"c": field}}}\n'
        'pub = {"__type__": "SamplerPubResult", "__value__": {"data": bin, "metadata": {}}}\n'
        'text = json.dumps({"__type__": "PrimitiveResult", "__value__": {"pub_results": [pub]}})',
        "decode_sampler_result(text)",
        "InvalidResult",
    ),
    "tensors for the official client": (
        'tensor = {"data": base64.b64encode(packed(1 << 30)).decode(), "shape": [1], "dtype": "f64"}\n'
        'asked = {"qiskit_mitigation": [], "post_processor": {}, "more": [{"hidden": tensor}]}\n'
        'text = json.dumps({"schema_version": "v2.0", "data": [], "passthrough_data": asked})\n'
        "from airflow_provider_qrt.primitives.results.executor_estimator_result import decode_executor_estimates",
        "decode_executor_estimates(text)",
        "InvalidResult",
    ),
    "lists without end": ('text = "[" + "[]," * 20_000_000 + "[]]"', "read_any_result(None, text)", "InvalidResult"),
    "shots in XCom": (
        'value = [{"counts": {"0": 10**11}, "registers": {"c": {"num_bits": 1, "index": 0}}}]',
        "SamplerResult.from_xcom(value)",
        "InvalidResult",
    ),
    "npz": (
        "file = io.BytesIO()\n"
        'np.savez_compressed(file, header=np.array(b"{}"), **{"0/c": np.zeros((1 << 29, 2), dtype=np.uint8)})\n'
        'open(path, "wb").write(file.getvalue())',
        "SamplerResult.from_file(path)",
        "InvalidResult",
    ),
    "npz that claims": (
        "import zipfile\n"
        'with zipfile.ZipFile(path, "w") as archive:\n'
        '    archive.writestr("0/c.npy", npy((1 << 38,)))\n'
        '    archive.writestr("header.npy", npy((), "S2") + b"{}")',
        "SamplerResult.from_file(path)",
        "InvalidResult",
    ),
    "Parquet": (
        "import pyarrow as pa, pyarrow.parquet as pq\n"
        'header = json.dumps({"kind": "sampler", "results": [{"shots": 1, "shape": [], "registers": {}}]})\n'
        'schema = pa.schema([("pub", pa.int64()), ("point", pa.int64())], metadata={b"airflow_provider_qrt": header})\n'
        "piece = pa.table({name: pa.array(np.zeros(1 << 22, dtype=np.int64)) for name in schema.names}, schema=schema)\n"
        "with pq.ParquetWriter(path, schema) as writer:\n"
        "    for _ in range(24):\n"
        "        writer.write_table(piece)",
        "SamplerResult.from_file(path)",
        "InvalidResult",
    ),
    "Parquet with long lists": (
        "import pyarrow as pa, pyarrow.parquet as pq\n"
        'header = json.dumps({"kind": "estimator", "results": [{"shape": [], "arrays": {"evs": []}}]})\n'
        'schema = pa.schema([("evs", pa.list_(pa.float64()))], metadata={b"airflow_provider_qrt": header})\n'
        "values = pa.array(np.zeros(90_000_000))\n"
        "piece = pa.ListArray.from_arrays(pa.array([0, len(values)], pa.int32()), values)\n"
        'pq.write_table(pa.table({"evs": piece}, schema=schema), path)\n'
        "del values, piece",
        "EstimatorResult.from_file(path)",
        "InvalidResult",
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_in_little_memory(name, tmp_path):
    prepare, read, error = BOMBS[name]
    program = (
        BEGIN
        + f"path = {str(tmp_path / 'file')!r}\n"
        + prepare
        + f"\nlimit(400)\ntry:\n    {read}\nexcept {error} as error:\n    print('refused:', error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout.startswith("refused:"), done.stdout + done.stderr[-2000:]


HTTP = """
import sys
sys.path.insert(0, {root!r})
from tests.security.hostile import HostileService
body = (zlib.compressobj(9, zlib.DEFLATED, {bits}),)[0]
sent = body.compress(b'{{"id": "a", "x": "') + b"".join(body.compress(b"A" * (1 << 24)) for _ in range(48)) + body.flush()
service = HostileService(lambda _m, path: ({status}, {{"Content-Encoding": {encoding!r}}}, sent))
with service, service.client() as client:
    limit(400)
    try:
        {call}
    except errors.QiskitRuntimeError as error:
        print("refused:", type(error).__name__, error)
"""


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "x-gzip", "br", "zstd"])
@pytest.mark.parametrize(
    ("call", "status"), [("client.job('a')", 200), ("client.job('a')", 500), ("client.cancel_job('a')", 400)]
)
def test_a_packed_answer_is_unpacked_up_to_a_bound(encoding, call, status, request):
    bits = {"deflate": 15}.get(encoding, 31)
    program = BEGIN + HTTP.format(
        root=str(request.config.rootpath), encoding=encoding, bits=bits, status=status, call=call
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout.startswith("refused: InvalidAnswer"), done.stdout + done.stderr[-2000:]


def drip(start, piece, pause):
    def write(file):
        file.write(start)
        for _ in range(600):
            time.sleep(pause)
            file.write(piece)
            file.flush()

    return write


@pytest.mark.parametrize("chunked", [True, False])
def test_an_answer_that_drips_is_given_up(chunked):
    headers = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": "100000"}
    body = drip(b"1\r\n \r\n", b"1\r\n \r\n", 0.2) if chunked else drip(b" ", b" ", 0.2)
    with (
        HostileService(lambda _method, _path: (200, headers, body)) as service,
        service.client(read_timeout=1.0) as client,
    ):
        with pytest.raises(errors.NoAnswerError):
            client.job("a")


def test_headers_that_drip_are_given_up():
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server, HostileService(lambda _m, _p: (200, {}, b"{}")) as login:

        def serve():
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                while not stop.wait(0.2):
                    try:
                        connection.sendall(b"x")
                    except OSError:
                        return

        thread = threading.Thread(target=serve)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/api/v1"
        settings = ClientSettings.create(api_key=KEY, instance=CRN, base_url=url, iam_url=login.url)
        with QiskitRuntimeClient(settings, retry=RetryPolicy(attempts=1), read_timeout=1.0) as client:
            with pytest.raises(errors.NoAnswerError):
                client.job("a")
        stop.set()
        thread.join()


def test_an_answer_of_ordinary_size_is_read_whatever_its_packing():
    text = json.dumps({"id": "a", "params": {"x": "y" * 1_000_000}}).encode()
    for encoding, bits in (("gzip", 31), ("deflate", 15), ("deflate", -15), ("identity", 0)):
        engine = zlib.compressobj(9, zlib.DEFLATED, bits) if bits else None
        body = engine.compress(text) + engine.flush() if engine else text
        headers = {"Content-Encoding": encoding}
        with HostileService(lambda _m, _p, body=body, headers=headers: (200, headers, body)) as service:
            with service.client() as client:
                assert client.job("a", exclude_params=False).params == {"x": "y" * 1_000_000}


LONG = 200_000
SCANNED = {
    "blank lines": "\n" * LONG,
    "lines with blanks": " \n" * LONG,
    "blanks": "const int" + " " * LONG,
    "inputs without end": "input " * (LONG // 10),
    "measurements without end": "measure " * (LONG // 8),
    "open brackets": "qubit[" * (LONG // 6),
    "modifiers": "inv @ " * (LONG // 6),
    "a measurement and blanks": "measure a" + " " * LONG + "b",
    "operands": "x " + "a," * (LONG // 2) + "!",
}


@pytest.mark.parametrize("name", SCANNED)
def test_a_circuit_is_scanned_in_linear_time(name):
    program = textwrap.dedent(
        f"""
        from tests.security.test_bombs import SCANNED, scan
        scan(SCANNED[{name!r}])
        """
    )
    # It takes a second. With a quadratic scanner it takes many minutes.
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


def scan(text):
    text = "OPENQASM 3.0;\n" + text
    with contextlib.suppress(InvalidInputError):
        check_circuit(text, strict=False)
    for _ in read_instructions(blank_noise(text)):
        pass
