"""Writing small TensorFlow Lite files, with the schema that LiteRT's package brings."""

from __future__ import annotations

import numpy as np


class Network:
    """One subgraph in the making."""

    def __init__(self, schema, builder):
        self.schema, self.builder = schema, builder
        self.model, self.graph = schema.ModelT(), schema.SubGraphT()
        self.model.version, self.model.subgraphs = 3, [self.graph]
        self.model.operatorCodes, self.model.buffers = [], [schema.BufferT()]
        self.graph.tensors, self.graph.operators = [], []

    def tensor(self, shape, kind, scale=None, zero=0, data=None, axis=0):
        """Add a tensor; return its number."""
        tensor = self.schema.TensorT()
        tensor.shape, tensor.name, tensor.buffer = list(shape), b"t%d" % len(self.graph.tensors), 0
        tensor.type = getattr(self.schema.TensorType, kind.upper())
        if data is not None:
            buffer = self.schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(data, kind).tobytes(), np.uint8)
            self.model.buffers.append(buffer)
            tensor.buffer = len(self.model.buffers) - 1
        if scale is not None:
            quantization = self.schema.QuantizationParametersT()
            quantization.scale = np.atleast_1d(np.float32(scale))
            quantization.zeroPoint = np.full(quantization.scale.shape, zero, np.int64)
            quantization.quantizedDimension = axis
            tensor.quantization = quantization
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def operator(self, kind, inputs, outputs, options=None, version=1, **settings):
        """Add an operator; ``options`` names its table of settings."""
        code, operator = self.schema.OperatorCodeT(), self.schema.OperatorT()
        code.builtinCode = getattr(self.schema.BuiltinOperator, kind)
        code.deprecatedBuiltinCode, code.version = min(code.builtinCode, 127), version
        self.model.operatorCodes.append(code)
        operator.opcodeIndex = len(self.model.operatorCodes) - 1
        operator.inputs, operator.outputs = list(inputs), list(outputs)
        if options:
            operator.builtinOptionsType = getattr(self.schema.BuiltinOptions, options)
            operator.builtinOptions = getattr(self.schema, f"{options}T")()
            for name, value in settings.items():
                setattr(operator.builtinOptions, name, value)
        self.graph.operators.append(operator)

    def file(self, source, result):
        """Return the bytes of the network from one tensor to another."""
        self.graph.inputs, self.graph.outputs = [source], [result]
        builder = self.builder(1024)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())
