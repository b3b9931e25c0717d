"""Results as the service would send them, made by Qiskit's own classes and encoder."""

import json

import numpy as np
from hypothesis import strategies as st
from qiskit.primitives import BitArray, DataBin, PrimitiveResult, SamplerPubResult


def tagged(result):
    from qiskit_ibm_runtime import RuntimeEncoder

    return json.dumps(result, cls=RuntimeEncoder)


def plain(result):
    """Write the same result in the encoding for clients without Qiskit."""

    def samples(bits, loc=()):
        if len(loc) < bits.ndim:
            return [samples(bits, (*loc, i)) for i in range(bits.shape[len(loc)])]
        return [hex(int(string, 2)) for string in bits.get_bitstrings(loc or None)]

    return json.dumps(
        {
            "results": [
                {
                    "data": {
                        name: {"samples": samples(bits), "num_bits": bits.num_bits} for name, bits in pub.data.items()
                    },
                    "metadata": pub.metadata,
                }
                for pub in result
            ],
            "metadata": result.metadata,
        }
    )


def random_bits(rng, num_bits, shots, shape=(), distinct=None):
    rows = rng.integers(0, 2, (distinct or shots, num_bits), dtype=np.uint8)
    picked = rows[rng.integers(0, len(rows), (*shape, shots))]
    return BitArray.from_bool_array(picked.astype(bool))


@st.composite
def pub_results(draw, max_shots=10_000, max_bits=200):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.sampled_from([(), (), (1,), (3,), (2, 2)]))
    shots = draw(st.integers(1, max_shots if not shape else max(1, max_shots // 20)))
    distinct = draw(st.sampled_from([1, 2, 30, None]))
    names = draw(st.lists(st.sampled_from(["c", "meas", "a", "z9", "β"]), min_size=1, max_size=4, unique=True))
    fields = {
        name: random_bits(rng, draw(st.integers(1, max_bits)), shots, shape, distinct and min(distinct, shots))
        for name in names
    }
    return SamplerPubResult(DataBin(**fields, shape=shape), {"circuit_metadata": {}})


def results(**limits):
    return st.lists(pub_results(**limits), min_size=1, max_size=2).map(
        lambda pubs: PrimitiveResult(pubs, {"version": 2})
    )
