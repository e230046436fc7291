"""Networks trained in Brevitas, exported as QONNX and as QCDQ, against PyTorch."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import fxpsim as fx

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    torch = pytest.importorskip("torch")
    pytest.importorskip("brevitas")
    pytest.importorskip("onnxoptimizer")
    from brevitas import nn as qnn
    from brevitas.export import export_onnx_qcdq, export_qonnx
    from brevitas.quant import (
        Int8ActPerTensorFixedPoint,
        Int8WeightPerTensorFixedPoint,
        Int32Bias,
        Uint8ActPerTensorFixedPoint,
    )

pytestmark = pytest.mark.filterwarnings("ignore")


def network(bits):
    weights = {"weight_quant": Int8WeightPerTensorFixedPoint, "weight_bit_width": bits}
    kept = {"return_quant_tensor": True}

    def relu():
        return qnn.QuantReLU(act_quant=Uint8ActPerTensorFixedPoint, bit_width=bits, **kept)

    return torch.nn.Sequential(
        qnn.QuantIdentity(act_quant=Int8ActPerTensorFixedPoint, **kept),
        qnn.QuantConv2d(1, 4, 3, stride=2, bias_quant=Int32Bias, **weights, **kept),
        relu(),
        qnn.QuantConv2d(4, 4, 3, groups=4, padding=1, bias=False, **weights, **kept),
        torch.nn.BatchNorm2d(4),
        relu(),
        torch.nn.Flatten(),
        qnn.QuantLinear(144, 5, bias=True, bias_quant=Int32Bias, **weights, **kept),
        qnn.QuantIdentity(act_quant=Int8ActPerTensorFixedPoint),
    )


@pytest.mark.parametrize("bits", [8, 4, 3])
@pytest.mark.parametrize("export", [export_qonnx, export_onnx_qcdq])
def test_exports_have_the_bits_of_pytorch(bits, export, tmp_path):
    torch.manual_seed(bits)
    model = network(bits).train()
    for _ in range(10):
        model(torch.randn(8, 1, 10, 20))
    model.eval()
    path, example = tmp_path / "net.onnx", torch.randn(1, 1, 10, 20)
    export(model, args=example, export_path=str(path), opset_version=13, dynamo=False)
    graph = fx.load(path)
    assert set(graph.weight_bits) == {bits}
    x = torch.randn(20, 1, 10, 20)
    with torch.no_grad():
        theirs = model(x).numpy()
    codes = fx.quantize(x.numpy(), graph.input.format)
    output = fx.simulate(graph, codes).output
    ours = fx.dequantize(output, graph.specs[graph.output].format)
    np.testing.assert_array_equal(ours, theirs)
