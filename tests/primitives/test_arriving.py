"""A result that is decoded while it arrives is the one that its text holds, and so are its errors."""

from __future__ import annotations

import base64
import io
import json
import random
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_qrt.primitives import decode_estimator_result, decode_executor_result, decode_sampler_result
from airflow_provider_qrt.primitives.errors import InvalidResultError
from airflow_provider_qrt.primitives.results import arriving
from airflow_provider_qrt.primitives.results.any_result import read_any_result
from airflow_provider_qrt.primitives.results.arriving import ArrivingResult

from . import payloads


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Let short arrays be unpacked as they arrive too."""
    monkeypatch.setattr(arriving, "SHORTEST", 20)


def arrived(text, size=100, **limits):
    """Return a result that arrived in pieces of this size, or of random sizes (0)."""
    result, source = ArrivingResult(**limits), random.Random(7)
    data, start = text if isinstance(text, bytes) else text.encode(), 0
    while start < len(data):
        end = start + (size or source.choice([1, 2, 3, 7, 30, 500]))
        result.write(data[start:end])
        start = end
    return result


def unpacked(result):
    """Return how many arrays were unpacked before the result was complete; None if this was given up."""
    return None if result._scanner is None else len(result._scanner._texts)


def packed(content):
    return base64.b64encode(zlib.compress(content)).decode()


def npy(array):
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def nd(array):
    return {"__type__": "ndarray", "__value__": packed(npy(array))}


def sampler(array, num_bits, metadata=None, **more):
    registers = {"meas": (array, num_bits), **more}
    fields = {
        name: {"__type__": "BitArray", "__value__": {"array": nd(bits), "num_bits": width}}
        for name, (bits, width) in registers.items()
    }
    data = {"__type__": "DataBin", "__value__": {"field_names": list(fields), "shape": [], "fields": fields}}
    pub = {"__type__": "SamplerPubResult", "__value__": {"data": data, "metadata": metadata or {}}}
    return {"__type__": "PrimitiveResult", "__value__": {"pub_results": [pub], "metadata": {"version": 2}}}


def bits(num_bits, shots=300, seed=1):
    rows = np.random.default_rng(seed).integers(0, 256, (shots, -(-num_bits // 8)), dtype=np.uint8)
    if num_bits % 8:
        rows[:, 0] &= 0xFF >> (-num_bits % 8)
    return rows


def outcome(decode, payload, **limits):
    """Return what is decoded, for a comparison, or what the error says."""
    try:
        result = decode(payload, **limits)
    except InvalidResultError as error:
        return str(error)
    found = [result.metadata]
    for pub in result.pubs:
        arrays = (
            {name: register.array for name, register in pub.registers.items()} if decode is not ESTIMATES else pub.data
        )
        found.append(
            (pub.metadata, {name: (str(array.dtype), array.shape, array.tobytes()) for name, array in arrays.items()})
        )
    return repr(found)


ESTIMATES = decode_estimator_result


# The same result


@settings(deadline=None, max_examples=40, derandomize=True)
@given(payloads.results(max_shots=400), st.sampled_from([0, 1, 13, 1000, 1 << 20]))
def test_a_sampler_result_is_the_one_of_its_text(theirs, size):
    for text in (payloads.tagged(theirs), payloads.plain(theirs)):
        expected = outcome(decode_sampler_result, text)
        assert outcome(decode_sampler_result, arrived(text, size)) == expected


@pytest.mark.parametrize("num_bits", [1, 7, 8, 63, 64, 65, 127, 130])
def test_registers_of_any_width_are_unpacked_as_they_arrive(num_bits):
    document = sampler(bits(num_bits), num_bits, a=(bits(9, seed=2), 9), b=(bits(64, seed=3), 64))
    result = arrived(json.dumps(document))
    assert unpacked(result) == 3
    read = decode_sampler_result(result)
    theirs = decode_sampler_result(json.dumps(document))
    assert read.get_counts() == theirs.get_counts()
    assert list(read.get_counts()) == list(theirs.get_counts())
    assert read[0].registers["meas"].array.tobytes() == bits(num_bits).tobytes()


@pytest.mark.parametrize(("num_bits", "shots"), [(0, 5), (5, 0), (0, 0)])
def test_registers_without_bits_or_shots_are_as_in_the_text(num_bits, shots):
    text = json.dumps(sampler(bits(num_bits, shots), num_bits))
    assert outcome(decode_sampler_result, arrived(text)) == outcome(decode_sampler_result, text)


@pytest.mark.parametrize("size", [0, 1, 64, 4096, 1 << 20])
@pytest.mark.parametrize("separators", [(", ", ": "), (",", ":"), (" ,\n", "\t:  \r\n ")])
def test_neither_the_sizes_of_pieces_nor_the_spaces_matter(size, separators):
    document = sampler(bits(127), 127)
    result = arrived(json.dumps(document, separators=separators), size)
    assert unpacked(result) == 1
    assert decode_sampler_result(result)[0].registers["meas"].array.tobytes() == bits(127).tobytes()


@pytest.mark.parametrize("dtype", ["<f8", ">f8", "<f4", "<i8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_an_estimator_result_is_the_one_of_its_text(dtype, order):
    values = np.asarray(np.random.default_rng(3).normal(0, 100, (20, 30)).astype(dtype), order=order)
    data = {"field_names": ["evs", "stds"], "fields": {"evs": nd(values), "stds": nd(values)}}
    pub = {"__type__": "PubResult", "__value__": {"data": {"__type__": "DataBin", "__value__": data}, "metadata": {}}}
    text = json.dumps({"__type__": "PrimitiveResult", "__value__": {"pub_results": [pub], "metadata": {}}})
    result = arrived(text)
    assert unpacked(result) == 2
    assert outcome(ESTIMATES, result) == outcome(ESTIMATES, text)
    evs = ESTIMATES(arrived(text))[0].evs
    assert evs.tolist() == values.astype(float).tolist()
    assert evs.dtype == np.float64
    assert evs.flags.writeable


def test_a_result_of_the_executor_is_the_one_of_its_text():
    raw = np.random.default_rng(4).integers(0, 256, 3 * 500 // 8 + 1, dtype=np.uint8)
    tensor = {"data": packed(raw.tobytes()), "shape": [500, 3], "dtype": "bool"}
    document = {"schema_version": "v2.0", "data": [{"results": {"c": tensor}, "metadata": {}}], "metadata": {}}
    text = json.dumps(document)
    result = arrived(text)
    assert unpacked(result) == 1
    assert outcome(decode_executor_result, result) == outcome(decode_executor_result, text)
    assert outcome(decode_sampler_result, arrived(text)) == outcome(decode_sampler_result, text)


def test_the_arrays_can_be_written_to():
    register = decode_sampler_result(arrived(json.dumps(sampler(bits(16), 16))))[0].registers["meas"]
    assert register.array.flags.writeable
    assert register.array.flags.aligned


def test_any_result_is_read_as_its_text_is():
    text = json.dumps(sampler(bits(127), 127))
    assert read_any_result("sampler", arrived(text)).get_counts() == read_any_result("sampler", text).get_counts()
    assert read_any_result("other", arrived(text)).value == json.loads(text)
    assert read_any_result("sampler", arrived(text), decode=False).value == json.loads(text)


# What is unusual is decoded from the text


def _text(**changed):
    """Return a result whose only array is spoiled."""
    document = sampler(bits(127), 127)
    text = json.dumps(document)
    value = nd(bits(127))["__value__"]
    return text.replace(value, changed["value"](value))


SPOILED = {
    "cut off": lambda value: value[:-40],
    "cut off within four characters": lambda value: value[:-2],
    "more characters": lambda value: value + "AAAA",
    "no base64": lambda value: value[:100] + "*" + value[101:],
    "padding in the middle": lambda value: value[:100] + "====" + value[104:],
    "not ASCII": lambda value: value[:100] + "\u00e9" + value[100:],
    "escaped slashes": lambda value: value.replace("/", "\\/"),
    "line breaks": lambda value: value[:76] + "\\n" + value[76:],
    "no zlib": lambda value: value[:4] + "AAAA" * 40,
    "damaged zlib": lambda value: value[:200] + "AAAA" + value[204:],
    "an end within the data": lambda value: packed(zlib.decompress(base64.b64decode(value))[:-1]),
    "more data than the header says": lambda value: packed(zlib.decompress(base64.b64decode(value)) + b"1"),
    "no header": lambda value: packed(b"x" * 400),
    "objects": lambda value: packed(npy(bits(127)).replace(b"|u1", b"|O ")),
    "a large claim": lambda value: packed(npy(bits(127)).replace(b"(300, 16)", b"(3000000000, 16)")[:400]),
    "another width": lambda value: packed(npy(bits(64))),
    "quotes": lambda value: value[:100] + '"' + value[100:],
}


@pytest.mark.parametrize("how", SPOILED)
@pytest.mark.parametrize("size", [0, 50, 100_000])
def test_a_spoiled_array_has_the_outcome_of_its_text(how, size):
    text = _text(value=SPOILED[how])
    assert outcome(decode_sampler_result, arrived(text, size)) == outcome(decode_sampler_result, text)


def test_most_spoiled_arrays_are_errors():
    fine = [
        how
        for how in SPOILED
        if not outcome(decode_sampler_result, _text(value=SPOILED[how])).startswith(
            ("an array", "results[0]", "the result")
        )
    ]
    assert set(fine) <= {"escaped slashes", "line breaks", "more characters"}


def test_a_body_that_is_cut_off_anywhere_has_the_outcome_of_its_text():
    text = json.dumps(sampler(bits(20, 30), 20))
    for end in range(0, len(text), 7):
        cut = text[:end]
        told = outcome(decode_sampler_result, arrived(cut, 50))
        assert told == outcome(decode_sampler_result, cut)
        assert told.startswith("the result is ")


@pytest.mark.parametrize(
    "text",
    ["", "Traceback: no", "[" * 200, '{"data": "eJ', '{"__value__": "eJ' + "A" * 1000, "null", '"\ud800"', "\xff"],
)
def test_what_is_no_result_has_the_outcome_of_its_text(text):
    body = text.encode("utf-8", "surrogatepass")
    theirs = outcome(decode_sampler_result, body.decode("utf-8", "replace"))
    assert outcome(decode_sampler_result, arrived(body)) == theirs
    assert arrived(body).text() == body.decode("utf-8", "replace")


def test_damaged_bytes_have_the_outcome_of_their_text():
    source, body = random.Random(11), json.dumps(sampler(bits(30, 60), 30, {"spans": nd(np.arange(30.0))})).encode()
    for _ in range(300):
        damaged = bytearray(body)
        for _ in range(source.randint(1, 3)):
            damaged[source.randrange(len(damaged))] = source.randrange(256)
        text = bytes(damaged).decode("utf-8", "replace")
        assert outcome(decode_sampler_result, arrived(bytes(damaged), 0)) == outcome(decode_sampler_result, text)


# Texts that look like arrays and are none


@pytest.mark.parametrize(
    "metadata",
    [
        {"data": packed(b"x" * 2000)},
        {"a": {"__type__": "unknown", "__value__": packed(b"x" * 2000)}},
        {'b"__value__': packed(b"x" * 2000)},
        {"note": '"data": "' + packed(b"x" * 2000)},
        {"twice": [nd(np.arange(50.0)), nd(np.arange(50.0))]},
    ],
)
def test_a_text_in_the_metadata_stays_what_it_is(metadata):
    text = json.dumps(sampler(bits(127), 127, metadata))
    assert outcome(decode_sampler_result, arrived(text)) == outcome(decode_sampler_result, text)


def test_a_field_that_is_named_twice_counts_once():
    text = json.dumps(sampler(bits(127), 127))
    value = nd(bits(127, seed=9))["__value__"]
    text = text.replace(
        '"__type__": "ndarray", "__value__"', f'"__value__": "{value}", "__type__": "ndarray", "__value__"'
    )
    assert outcome(decode_sampler_result, arrived(text)) == outcome(decode_sampler_result, text)


# Limits


def test_arrays_beyond_the_limit_are_refused_as_in_the_text():
    text = json.dumps(sampler(bits(127), 127))
    for limit in (0, 100, 4799, 4800, 5000):
        theirs = outcome(decode_sampler_result, text, max_bytes=limit)
        assert outcome(decode_sampler_result, arrived(text, max_bytes=limit), max_bytes=limit) == theirs


def test_a_bomb_is_given_up_at_the_limit():
    bomb = packed(npy(np.zeros((4_000_000, 16), dtype=np.uint8)))
    text = json.dumps(sampler(bits(127), 127)).replace(nd(bits(127))["__value__"], bomb)
    tracemalloc.start()
    try:
        result = arrived(text, 1 << 16, max_bytes=1 << 20)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert unpacked(result) is None
    assert peak < 1 << 23
    with pytest.raises(InvalidResultError, match="are left of the limit"):
        decode_sampler_result(result, max_bytes=1 << 20)


def test_many_small_arrays_share_one_limit():
    text = json.dumps([nd(np.zeros(1 << 17)) for _ in range(20)])
    assert unpacked(arrived(text, max_bytes=1 << 24)) is None
    assert unpacked(arrived(text, max_bytes=1 << 25)) == 20


def test_so_many_arrays_are_decoded_from_the_text(monkeypatch):
    monkeypatch.setattr(arriving, "_MOST_STRINGS", 2)
    array = nd(np.arange(50.0))
    assert unpacked(arrived(json.dumps([array] * 2))) == 2
    assert unpacked(arrived(json.dumps([array] * 3))) is None


def test_a_large_result_takes_little_memory_beside_its_body(monkeypatch):
    monkeypatch.undo()
    rows = bits(127, 200_000)
    body = json.dumps(sampler(rows, 127)).encode()
    pieces = [body[start : start + (1 << 16)] for start in range(0, len(body), 1 << 16)]
    tracemalloc.start()
    try:
        result = ArrivingResult()
        for piece in pieces:
            result.write(piece)
        read = decode_sampler_result(result)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert read[0].registers["meas"].array.tobytes() == rows.tobytes()
    assert peak < 1.5 * rows.nbytes


def test_short_arrays_are_left_to_the_text(monkeypatch):
    monkeypatch.undo()
    text = json.dumps(sampler(bits(8, 10), 8))
    result = arrived(text)
    assert unpacked(result) == 0
    assert outcome(decode_sampler_result, result) == outcome(decode_sampler_result, text)
