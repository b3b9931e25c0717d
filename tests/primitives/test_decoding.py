"""Our decoding of results agrees with Qiskit's, and unreadable results give clear errors."""

import base64
import datetime
import importlib.util
import io
import json
import pathlib
import sys
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from qiskit.primitives import BitArray, DataBin, PrimitiveResult, PubResult, SamplerPubResult

from airflow_provider_qrt.primitives import InvalidResultError, decode_sampler_result

_spec = importlib.util.spec_from_file_location("primitives_payloads", pathlib.Path(__file__).with_name("payloads.py"))
payloads = sys.modules.setdefault(_spec.name, importlib.util.module_from_spec(_spec))
_spec.loader.exec_module(payloads)

steady = settings(deadline=None, derandomize=True, max_examples=60, suppress_health_check=list(HealthCheck))


def agree(ours, theirs):
    assert len(ours) == len(theirs)
    for own, other in zip(ours, theirs, strict=True):
        assert list(own.registers) == list(other.data)
        assert own.shape == other.data.shape
        for name, bits in other.data.items():
            register = own.registers[name]
            assert (register.num_bits, register.shots, register.shape) == (bits.num_bits, bits.num_shots, bits.shape)
            assert list(register.counts().to_dict().items()) == list(bits.get_counts().items())
            assert register.bitstrings() == bits.get_bitstrings()
        joined = other.join_data()
        assert own.get_counts() == joined.get_counts()
        assert own.get_bitstrings() == joined.get_bitstrings()
        for loc in np.ndindex(own.shape):
            assert own.get_counts(loc or None) == joined.get_counts(loc or None)


@steady
@given(payloads.results())
def test_the_tagged_encoding_is_read_as_qiskit_reads_it(theirs):
    agree(decode_sampler_result(payloads.tagged(theirs)), theirs)


@steady
@given(payloads.results(max_shots=1000))
def test_the_plain_encoding_is_read_as_qiskit_reads_it(theirs):
    agree(decode_sampler_result(payloads.plain(theirs)), theirs)


@steady
@given(payloads.results(max_shots=300))
def test_what_goes_to_qiskit_objects_comes_back_the_same(theirs):
    back = decode_sampler_result(payloads.tagged(theirs)).to_qiskit()
    assert isinstance(back, PrimitiveResult)
    assert isinstance(back[0], SamplerPubResult)
    for own, other in zip(back, theirs, strict=True):
        assert own.data.shape == other.data.shape
        assert all(own.data[name] == other.data[name] for name in other.data)


@pytest.mark.parametrize("names", [["size"], ["shape", "items"], ["a", "size", "keys", "values", "ndim"]])
def test_registers_named_as_qiskits_attributes_come_back_with_their_names(names):
    """A text may call its registers so; Qiskit's ``DataBin`` takes no such field."""
    rng = np.random.default_rng(5)
    bits = {name: payloads.random_bits(rng, place + 1, 20) for place, name in enumerate(names)}
    data = {
        name: {"samples": [hex(int(text, 2)) for text in one.get_bitstrings()], "num_bits": one.num_bits}
        for name, one in bits.items()
    }
    ours = decode_sampler_result(json.dumps({"results": [{"data": data, "metadata": {}}], "metadata": {}}))
    (back,) = ours.to_qiskit()
    assert list(back.data) == names
    assert all(back.data[name] == one for name, one in bits.items())
    assert back.join_data().get_counts() == ours[0].get_counts()
    assert back.data.shape == ()


def one_pub(**fields):
    return PrimitiveResult([SamplerPubResult(DataBin(**fields), {})], {"version": 2})


def document(array=None, num_bits=3, **changes):
    """Return a tagged result as a dictionary, with one array given as .npy bytes or text."""
    if array is None:
        array = np.zeros((4, 1), dtype=np.uint8)
    if isinstance(array, np.ndarray):
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=True)
        array = buffer.getvalue()
    if isinstance(array, bytes):
        array = base64.b64encode(zlib.compress(array)).decode()
    bits = {"array": {"__type__": "ndarray", "__value__": array}, "num_bits": num_bits, **changes}
    data = {"field_names": ["c"], "shape": [], "fields": {"c": {"__type__": "BitArray", "__value__": bits}}}
    pub = {"data": {"__type__": "DataBin", "__value__": data}, "metadata": {}}
    return {
        "__type__": "PrimitiveResult",
        "__value__": {"pub_results": [{"__type__": "SamplerPubResult", "__value__": pub}], "metadata": {}},
    }


@pytest.mark.parametrize("form", [str, bytes, dict])
def test_text_bytes_and_decoded_json_are_all_accepted(form):
    text = payloads.tagged(one_pub(c=BitArray.from_samples(["0x1", "0x2"], 2)))
    payload = {str: text, bytes: text.encode(), dict: json.loads(text)}[form]
    assert decode_sampler_result(payload).get_counts() == {"01": 1, "10": 1}


def test_bits_beyond_the_register_do_not_tell_shots_apart():
    result = decode_sampler_result(document(np.array([[0b1001], [0b0001]], dtype=np.uint8)))
    assert result.get_counts() == {"001": 2}


def test_base64_with_line_breaks_and_arrays_in_fortran_order_are_read():
    packed = np.asfortranarray(np.arange(600, dtype=np.uint8).reshape(200, 3))
    payload = document(packed, 24)
    array = payload["__value__"]["pub_results"][0]["__value__"]["data"]["__value__"]["fields"]["c"]["__value__"][
        "array"
    ]
    array["__value__"] = "\n".join(array["__value__"][i : i + 76] for i in range(0, len(array["__value__"]), 76))
    expected = BitArray(np.ascontiguousarray(packed), 24)
    assert decode_sampler_result(payload).get_bitstrings() == expected.get_bitstrings()


def test_an_array_longer_than_one_piece_is_read():
    packed = np.random.default_rng(3).integers(0, 256, (1_300_000, 2), dtype=np.uint8)
    register = decode_sampler_result(document(packed, 16))[0].registers["c"]
    assert np.array_equal(register.array, packed)


def test_metadata_becomes_plain_json():
    from qiskit_ibm_runtime.execution_span import DoubleSliceSpan, ExecutionSpans, TwirledSliceSpanV2

    start = datetime.datetime(2026, 11, 1, 12, 0, tzinfo=datetime.UTC)
    spans = ExecutionSpans(
        [
            DoubleSliceSpan(start, start, {0: ((2,), slice(0, 1), slice(0, 100))}),
            TwirledSliceSpanV2(start, start, {0: ((2, 4), True, slice(0, 1), slice(0, 100), 100)}),
        ]
    )
    metadata = {
        "execution": {"execution_spans": spans},
        "when": start,
        "phases": np.array([1 + 2j, 3]),
        "some": {1},
        "objects": np.array([1, None]),
        "nan": float("nan"),
    }
    theirs = PrimitiveResult(
        [SamplerPubResult(DataBin(c=BitArray.from_samples(["0"], 1)), {"nan": float("nan")})], metadata
    )
    result = decode_sampler_result(payloads.tagged(theirs))
    iso = start.isoformat()
    json.dumps(result.metadata)
    assert result.metadata["when"] == iso
    assert result.metadata["phases"] == [[1.0, 2.0], [3.0, 0.0]]
    assert result.metadata["some"] == [1]
    assert result.metadata["objects"] == [1, None]
    first, second = result.metadata["execution"]["execution_spans"]["spans"]
    assert first == {"type": "DoubleSliceSpan", "start": iso, "stop": iso, "data_slices": {"0": [[2], 0, 1, 0, 100]}}
    assert second["type"] == "TwirledSliceSpanV2"
    assert second["data_slices"] == {"0": [[2, 4], True, 0, 1, 0, 100, 100]}
    assert result.to_xcom_results()[0]["metadata"] == {"nan": None}


def test_forms_that_name_a_class_are_left_alone(monkeypatch):
    payload = document()
    opaque = {"__type__": "_json", "__module__": "os", "__class__": "system", "__value__": {"command": "false"}}
    payload["__value__"]["metadata"] = {
        "a": opaque,
        "b": {"__type__": "Mystery", "__value__": 1},
        "c": {"__int_keys__": True, "1": 2},
    }
    monkeypatch.setattr("importlib.import_module", lambda *_: pytest.fail("imported by name"))
    metadata = decode_sampler_result(payload).metadata
    assert metadata == {"a": opaque, "b": {"__type__": "Mystery", "__value__": 1}, "c": {"1": 2}}


def plain_document(samples, num_bits=2):
    return {"results": [{"data": {"c": {"samples": samples, "num_bits": num_bits}}, "metadata": {}}], "metadata": {}}


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ("", "the result is empty"),
        ("Traceback (most recent call last):\n  ...\nValueError: too hot", "is no JSON.*too hot$"),
        (b"\xff\xfe broken", "is no JSON.*broken$"),
        ("[" * 100_000, "nested too deep"),
        ("[]", "no result of a sampler .*it is a list"),
        ("null", "no result of a sampler"),
        ("{}", "it is empty"),
        ({"quasi_dists": {"0": 1}}, "quasi-probabilities"),
        ({"schema_version": "v2.0", "items": []}, "it has the keys 'schema_version', 'items'"),
        ({"__type__": "QuantumCircuit", "__value__": ""}, "it has the type 'QuantumCircuit'"),
        ({"__type__": "PrimitiveResult", "__value__": {}}, "no list of PUB results"),
        (
            {"__type__": "PrimitiveResult", "__value__": {"pub_results": [3]}},
            r"results\[0\]: expected the result of a PUB",
        ),
        ({"results": [3]}, r"results\[0\]: expected data by register"),
        ({"results": [{"data": {}}]}, "no classical register"),
        ({"results": [{"data": {"evs": 0.1, "stds": 0.2}}]}, "result of an estimator"),
        ({"results": [{"data": {"c": [[1.0, 2.0]]}}]}, r"results\[0\].c: no list of samples.*kerneled"),
        (plain_document(["0x1", "0x4"]), "'0x4' does not fit into 2 bits"),
        (plain_document(["0x1", "0x100"]), "'0x100' is not a hexadecimal number of 2 bits"),
        (plain_document(["0x1", "zz"]), "'zz' is not a hexadecimal"),
        (plain_document(["0x1", 1]), "1 is not a hexadecimal"),
        (plain_document([["0x1"], ["0x1", "0x0"]]), "differ in length"),
        (plain_document([["0x1"], "0x1"]), "differ in length"),
        (plain_document(["0x1"], None), "num_bits is None"),
        (document(num_bits=True), "num_bits is True"),
        (document(num_bits=9), "9 bits take 2 bytes a shot"),
        (document(np.zeros(4, dtype=np.uint8)), "the shape of the array is"),
        (document(np.zeros((4, 1), dtype=np.int8)), "uint8.*not int8"),
        (document(np.zeros((4, 1))), "uint8.*not float64"),
        (document(np.array([[None]], dtype=object)), "never Python objects"),
        (document("%%%"), "is not base64"),
        (document("é"), "is not base64"),
        (document("AAAA"), "cannot be decompressed"),
        (document(b"no numpy at all"), "not in the .npy format"),
        (document(b""), "ends after 0 of 10 bytes"),
        (document(b"\x93NUMPY\x01\x00\xff\xff" + b" " * 70000), "header of 65535 bytes"),
        (document(b"\x93NUMPY\x01\x00\x10\x00{'descr': oops} "), "damaged header"),
        (document(array={}), "not an encoded array"),
    ],
)
def test_what_cannot_be_read_says_why(payload, message):
    with pytest.raises(InvalidResultError, match="(?s)" + message):
        decode_sampler_result(payload)


def test_only_the_end_of_a_long_traceback_is_shown():
    with pytest.raises(InvalidResultError) as caught:
        decode_sampler_result("x" * 1_000_000 + " the reason")
    assert len(str(caught.value)) < 3000
    assert str(caught.value).endswith("the reason")


def test_results_of_an_estimator_and_kerneled_results_are_named_as_such():
    values = PrimitiveResult([PubResult(DataBin(evs=np.array(0.5)), {})], {})
    points = PrimitiveResult([SamplerPubResult(DataBin(c=np.zeros((4, 2), dtype=complex)), {})], {})
    for theirs in (values, points):
        with pytest.raises(InvalidResultError, match="an estimator's values, or readout points"):
            decode_sampler_result(payloads.tagged(theirs))


def test_registers_that_differ_in_shots_are_refused():
    theirs = payloads.tagged(one_pub(a=BitArray.from_samples(["0"], 1), b=BitArray.from_samples(["0", "1"], 1)))
    with pytest.raises(InvalidResultError, match=r"differ in sweep or shots: a \(1,\), b \(2,\)"):
        decode_sampler_result(theirs)


def npy_header(shape):
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("shape", "zeros", "limit", "message"),
    [
        ((10, 1), 9, 1 << 20, "ends after 9 of 10 bytes"),
        ((10, 1), 11, 1 << 20, "more data than its header says"),
        ((1, 1), 200_000_000, 1 << 20, "more data than its header says"),
        ((200_000_000, 1), 200_000_000, 1 << 20, "1,048,576 are left of the limit"),
        ((10**12, 1), 0, 1 << 60, "more than .* characters can hold"),
        ((-4, 1), 0, 1 << 20, "impossible shape"),
    ],
)
def test_a_decompression_bomb_raises_before_it_takes_memory(shape, zeros, limit, message):
    payload = document(npy_header(shape) + bytes(zeros))
    tracemalloc.start()
    try:
        with pytest.raises(InvalidResultError, match=message):
            decode_sampler_result(payload, max_bytes=limit)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16_000_000


def test_the_limit_holds_for_all_arrays_and_samples_together():
    bits = BitArray(np.zeros((600, 1), dtype=np.uint8), 8)
    for payload in (payloads.tagged(one_pub(a=bits, b=bits)), payloads.plain(one_pub(a=bits, b=bits))):
        assert decode_sampler_result(payload, max_bytes=1200)[0].shots == 600
        with pytest.raises(InvalidResultError, match="limit"):
            decode_sampler_result(payload, max_bytes=1199)


def test_an_incomplete_result_is_noticed():
    text = payloads.tagged(one_pub(c=BitArray.from_samples(["0", "1"] * 500, 1)))
    value = json.loads(text)
    array = value["__value__"]["pub_results"][0]["__value__"]["data"]["__value__"]["fields"]["c"]["__value__"]["array"]
    array["__value__"] = array["__value__"][: len(array["__value__"]) // 8 * 4]
    with pytest.raises(InvalidResultError, match=r"incomplete|decompressed"):
        decode_sampler_result(value)
