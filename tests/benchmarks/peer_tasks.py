"""The work that compare_peers.py measures, done by every library that is installed.

Operands are in each library's own form before the clock starts, results are converted after it
stops.  A library too slow for the whole task does a part; rates count what was done.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numba
import numpy as np

import fxpsim as fx
from fxpsim import QFormat, Rounding, spec
from fxpsim.requantization import multiply as multiply_codes

SIZE, SIDE, CHANNELS = 1_000_000, 256, 64
CODE, WIDE, WEIGHT = QFormat(8, 4), QFormat(16, 8), QFormat(8, 6)
EVEN, SATURATE = Rounding.NEAREST_EVEN, fx.Overflow.SATURATE


def have(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


@dataclass
class Entry:
    """One library's way: ``call`` is timed, ``codes`` turns its result into codes."""

    peer: str
    call: Callable[[], Any]
    codes: Callable[[Any], np.ndarray] = np.asarray
    part: float = 1.0  # of the task
    note: str = ""


@dataclass
class Task:
    """``expected`` is what plain Python integers give for the first elements or rows."""

    title: str
    unit: str
    amount: float  # of work, in units
    expected: np.ndarray  # of the first elements or rows
    entries: list[Entry] = field(default_factory=list)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def fixed(values: np.ndarray, fmt: QFormat) -> Any:
    import apytypes

    return apytypes.APyFixedArray.from_float(
        values * fmt.resolution, int_bits=fmt.bits - fmt.frac, frac_bits=fmt.frac
    )


def apy_cast(array: Any) -> Any:
    import apytypes

    return array.cast(
        int_bits=4,
        frac_bits=4,
        quantization=apytypes.QuantizationMode.RND_CONV,
        overflow=apytypes.OverflowMode.SAT,
    )


def apy_codes(frac: int) -> Callable[[Any], np.ndarray]:
    return lambda result: np.rint(result.to_numpy() * 2.0**frac).astype(np.int64)


def fxp(values: Any, fmt: QFormat, **options: Any) -> Any:
    from fxpmath import Fxp

    return Fxp(values, True, fmt.bits, fmt.frac, rounding="around", overflow="saturate", **options)


def onnx_session(
    node: Any, inputs: dict[str, tuple[int, list]], output: int, constants: list
) -> Any:
    import onnxruntime
    from onnx import helper

    values = [helper.make_tensor_value_info(name, *kind) for name, kind in inputs.items()]
    result = [helper.make_tensor_value_info("y", output, None)]
    graph = helper.make_graph([node], "task", values, result, constants)
    opsets = [helper.make_opsetid("", 19), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def quantize() -> Task:
    x = rng().normal(0, 3, SIZE)
    x32 = x.astype(np.float32)
    sample = [spec.quantize(v, CODE, EVEN, SATURATE) for v in x[:20_000].tolist()]
    task = Task(
        "Quantise 10^6 floats to 8 bits, 4 of fraction: nearest even, saturate",
        "M/s", SIZE / 1e6, np.array(sample),
    )  # fmt: skip

    @numba.njit
    def naive(values):
        out = np.empty(values.size, np.int32)
        for i in range(values.size):
            out[i] = np.int32(min(max(np.rint(values[i] * 16.0), -128.0), 127.0))
        return out

    task.entries = [
        Entry("fxpsim", lambda: fx.quantize(x, CODE)),
        Entry("fxpsim, float32 in", lambda: fx.quantize(x32, CODE)),
        Entry("numba, obvious loop", lambda: naive(x)),
        Entry("numpy", lambda: np.clip(np.rint(x * 16.0), -128, 127).astype(np.int32)),
    ]
    if have("onnxruntime") and have("onnx"):
        from onnx import TensorProto, helper

        node = helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["y"])
        constants = [
            helper.make_tensor("scale", TensorProto.FLOAT, [], [1 / 16]),
            helper.make_tensor("zero", TensorProto.INT8, [], [0]),
        ]
        kinds = {"x": (TensorProto.FLOAT, [None])}
        session = onnx_session(node, kinds, TensorProto.INT8, constants)
        feed = {"x": x32}
        task.entries.append(
            Entry("ONNX Runtime", lambda: session.run(None, feed)[0], note="float32 in, int8 out")
        )
    if have("apytypes"):
        import apytypes

        wide = {"int_bits": 10, "frac_bits": 50}
        note = "by way of 60 bits: it cannot saturate a float"
        task.entries.append(
            Entry(
                "apytypes",
                lambda: apy_cast(apytypes.APyFixedArray.from_float(x, **wide)),
                apy_codes(4),
                note=note,
            )
        )
    if have("fxpmath"):
        task.entries.append(Entry("fxpmath", lambda: fxp(x, CODE), lambda r: r.val))
    return task


def cast() -> Task:
    codes = rng().integers(WIDE.lo, WIDE.hi, SIZE, endpoint=True).astype(np.int32)
    modes = WIDE, CODE, EVEN, SATURATE
    sample = [spec.cast(v, WIDE, CODE, EVEN, SATURATE) for v in codes[:20_000].tolist()]
    task = Task(
        "Cast 10^6 codes from 16 bits, 8 of fraction, to 8 bits, 4: nearest even, saturate",
        "M/s", SIZE / 1e6, np.array(sample),
    )  # fmt: skip

    @numba.njit
    def naive(values):
        out = np.empty(values.size, np.int32)
        for i in range(values.size):
            out[i] = min(max((values[i] + 7 + ((values[i] >> 4) & 1)) >> 4, -128), 127)
        return out

    task.entries = [
        Entry("fxpsim", lambda: fx.cast(codes, *modes)),
        Entry("numba, obvious loop", lambda: naive(codes)),
        Entry("numpy", lambda: np.clip((codes + 7 + ((codes >> 4) & 1)) >> 4, -128, 127)),
    ]
    if have("apytypes"):
        array = fixed(codes, WIDE)
        task.entries.append(Entry("apytypes", lambda: apy_cast(array), apy_codes(4)))
    if have("fxpmath"):
        values = fxp(codes, WIDE, raw=True)
        task.entries.append(Entry("fxpmath", lambda: fxp(values, CODE), lambda r: r.val))
    return task


def multiply() -> Task:
    a, b = (rng().integers(-128, 128, SIZE).astype(np.int32) for _ in range(2))
    pairs = zip(a[:20_000].tolist(), b[:20_000].tolist(), strict=True)
    product = QFormat(16, CODE.frac + WEIGHT.frac)
    sample = [spec.cast(x * w, product, CODE, EVEN, SATURATE) for x, w in pairs]
    task = Task(
        "Multiply 10^6 codes of 8 bits (fractions 4 and 6) to 8 bits, 4: nearest even, saturate",
        "M/s", SIZE / 1e6, np.array(sample),
    )  # fmt: skip
    a8, b8, shift = a.astype(np.int8), b.astype(np.int8), fx.Shift(6, EVEN)

    @numba.njit
    def naive(left, right):
        out = np.empty(left.size, np.int32)
        for i in range(left.size):
            value = left[i] * right[i]
            out[i] = min(max((value + 31 + ((value >> 6) & 1)) >> 6, -128), 127)
        return out

    def plain():
        value = a * b
        return np.clip((value + 31 + ((value >> 6) & 1)) >> 6, -128, 127)

    task.entries = [
        Entry("fxpsim", lambda: multiply_codes(a, b, shift)),
        Entry("fxpsim, int8 in", lambda: multiply_codes(a8, b8, shift)),
        Entry("numba, obvious loop", lambda: naive(a, b)),
        Entry("numpy", plain),
    ]
    if have("onnxruntime") and have("onnx"):
        from onnx import TensorProto, helper

        names = ["a", "sa", "z", "b", "sb", "z", "sy", "z"]
        node = helper.make_node("QLinearMul", names, ["y"], domain="com.microsoft")
        scales = {"sa": 2.0**-4, "sb": 2.0**-6, "sy": 2.0**-4}
        constants = [helper.make_tensor(k, TensorProto.FLOAT, [], [v]) for k, v in scales.items()]
        constants.append(helper.make_tensor("z", TensorProto.INT8, [], [0]))
        kinds = {name: (TensorProto.INT8, [None]) for name in "ab"}
        session = onnx_session(node, kinds, TensorProto.INT8, constants)
        feed = {"a": a8, "b": b8}
        task.entries.append(
            Entry("ONNX Runtime", lambda: session.run(None, feed)[0], note="int8 in and out")
        )
    if have("apytypes"):
        first, second = fixed(a, CODE), fixed(b, WEIGHT)
        task.entries.append(Entry("apytypes", lambda: apy_cast(first * second), apy_codes(4)))
    if have("fxpmath"):
        left, right = fxp(a, CODE, raw=True), fxp(b, WEIGHT, raw=True)
        task.entries.append(Entry("fxpmath", lambda: fxp(left * right, CODE), lambda r: r.val))
    return task


def rescale() -> Task:
    generator = rng()
    scale = generator.uniform(0.0005, 0.01, CHANNELS)
    acc = np.rint(generator.normal(0, 40, (SIZE // CHANNELS, CHANNELS)) / scale).astype(np.int32)
    scheme = fx.Gemmlowp.from_scale(scale)
    constants = scheme.constants()
    sample = [
        [
            spec.offset_clamp(spec.gemmlowp(value, *one), 0, -128, 127)
            for value, one in zip(row, constants, strict=True)
        ]
        for row in acc[:300].tolist()
    ]
    task = Task(
        "Requantise 10^6 sums of 64 channels by real scales, as TensorFlow Lite Micro",
        "M/s", acc.size / 1e6, np.array(sample),
    )  # fmt: skip
    q, shift = (np.array(column) for column in zip(*constants, strict=True))
    right = -shift

    @numba.njit
    def naive(sums, factors, shifts):
        out = np.empty(sums.shape, np.int32)
        for i in range(sums.shape[0]):
            for j in range(sums.shape[1]):
                high = (sums[i, j] * factors[j] + (1 << 30)) >> 31
                mask = (1 << shifts[j]) - 1
                value = (high >> shifts[j]) + ((high & mask) > (mask >> 1) + (high < 0))
                out[i, j] = min(max(value, -128), 127)
        return out

    def plain():
        high = (acc * q + (1 << 30)) >> 31
        mask = (1 << right) - 1
        value = (high >> right) + ((high & mask) > (mask >> 1) + (high < 0))
        return np.clip(value, -128, 127).astype(np.int32)

    task.entries = [
        Entry("fxpsim", lambda: fx.requantize(acc, scheme)),
        Entry("numba, obvious loop", lambda: naive(acc, q, right)),
        Entry("numpy", plain),
    ]
    return task


def matmul(overflow: str | None) -> Task:
    a, b = (rng().integers(-128, 128, (SIDE, SIDE)).astype(np.int8) for _ in range(2))
    register = fx.Accumulator(16, overflow) if overflow else fx.Accumulator(32)
    rows = spec.matmul(a[:2].tolist(), b.T.tolist(), register)
    how = {
        None: "exact",
        "saturate": "16 bits, saturating at every addition",
        "wrap": "16 bits, wrapping",
    }[overflow]
    expected = np.array([[one.value for one in row] for row in rows])
    title = f"Product of int8 matrices, {SIDE} x {SIDE} x {SIDE}: {how}"
    task = Task(title, "GMAC/s", SIDE**3 / 1e9, expected)

    @numba.njit
    def naive(left, right):
        out = np.zeros((left.shape[0], right.shape[1]), np.int32)
        for i in range(left.shape[0]):
            for j in range(right.shape[1]):
                total = np.int32(0)
                for k in range(left.shape[1]):
                    value = total + np.int32(left[i, k]) * np.int32(right[k, j])
                    if overflow == "saturate":
                        value = min(max(value, -32768), 32767)
                    elif overflow == "wrap":
                        value = np.int32(np.int16(value))
                    total = np.int32(value)
                out[i, j] = total
        return out

    a32, b32 = a.astype(np.int32), b.astype(np.int32)
    floats = a.astype(np.float32), b.astype(np.float32)

    def steps():
        total = np.zeros((SIDE, SIDE), np.int32)
        for k in range(SIDE):
            total += np.multiply.outer(a32[:, k], b32[k])
            np.clip(total, -32768, 32767, out=total)
        return total

    task.entries = [
        Entry("fxpsim", lambda: fx.matmul(a, b, register)),
        Entry("numba, obvious loop", lambda: naive(a, b)),
    ]
    if overflow == "saturate":
        task.entries.append(Entry("numpy, a rank at a time", steps))
    elif overflow == "wrap":
        task.entries.append(
            Entry(
                "numpy float32, wrapped",
                lambda: (floats[0] @ floats[1]).astype(np.int32).astype(np.int16),
            )
        )
    else:
        task.entries += [
            Entry("numpy int32", lambda: a32 @ b32),
            Entry("numpy float32", lambda: floats[0] @ floats[1], note="float32 out"),
        ]
        if have("onnxruntime") and have("onnx"):
            task.entries.append(onnx_matmul(a, b))
    if have("apytypes"):
        task.entries.append(apy_matmul(a, b, overflow))
    if have("fxpmath"):
        task.entries.append(fxpmath_matmul(a, b, overflow))
    return task


def onnx_matmul(a: np.ndarray, b: np.ndarray) -> Entry:
    from onnx import TensorProto, helper, numpy_helper

    node = helper.make_node("MatMulInteger", ["a", "b"], ["y"])
    kinds = {"a": (TensorProto.INT8, [SIDE, SIDE])}
    session = onnx_session(node, kinds, TensorProto.INT32, [numpy_helper.from_array(b, "b")])
    feed = {"a": a}
    return Entry("ONNX Runtime", lambda: session.run(None, feed)[0], note="weights packed before")


def apy_matmul(a: np.ndarray, b: np.ndarray, overflow: str | None) -> Entry:
    import apytypes

    left, right = fixed(a, QFormat(8, 0)), fixed(b, QFormat(8, 0))
    if overflow is None:
        return Entry("apytypes", lambda: left @ right, apy_codes(0))
    mode = apytypes.OverflowMode.SAT if overflow == "saturate" else apytypes.OverflowMode.WRAP

    def call():
        with apytypes.APyFixedAccumulatorContext(int_bits=16, frac_bits=0, overflow=mode):
            return left @ right

    return Entry("apytypes", call, apy_codes(0), note="accumulator context")


def fxpmath_matmul(a: np.ndarray, b: np.ndarray, overflow: str | None) -> Entry:
    from fxpmath import Fxp

    rows = SIDE if overflow is None else 2
    left, right = Fxp(a[:rows].astype(int), True, 8, 0), Fxp(b.astype(int), True, 8, 0)
    if overflow is None:
        return Entry("fxpmath", lambda: np.dot(left, right), lambda r: np.asarray(r.val))

    def call():
        total = Fxp(np.zeros((rows, SIDE)), True, 16, 0, overflow=overflow)
        for k in range(SIDE):
            total.set_val(total.val + left.val[:, k : k + 1] * right.val[k], raw=True)
        return total

    return Entry("fxpmath, a rank at a time", call, lambda r: r.val, rows / SIDE, f"{rows} rows")


def tasks() -> Iterator[Task]:
    yield quantize()
    yield cast()
    yield multiply()
    yield rescale()
    for overflow in (None, "saturate", "wrap"):
        yield matmul(overflow)
