"""Writes nets as ONNX files with fixed batch and constant weights: `onnx_models.py FOLDER NET…`, a net as one argument."""

import sys

from onnx import TensorProto, helper, numpy_helper, save

from worker import Net


def write(net, path):
    nodes, constants, last = [], [], "x"
    for i, (weight, bias) in enumerate(net.weights()):
        constants += [numpy_helper.from_array(weight.T.copy(), f"w{i}"), numpy_helper.from_array(bias, f"b{i}")]
        final = i + 1 == len(net.layers)
        out = "y" if final else f"a{i}"
        nodes.append(helper.make_node("Gemm", [last, f"w{i}", f"b{i}"], [out]))
        if not final:
            nodes.append(helper.make_node("Tanh" if net.activation == "tanh" else "Relu", [out], [f"h{i}"]))
        last = f"h{i}"
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [net.batch, width])
        for name, width in (("x", net.widths[0]), ("y", net.widths[-1]))
    ]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], constants)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)


folder, nets = sys.argv[1], sys.argv[2:]
for text in nets:
    write(Net(*text.split(" ")), f"{folder}/{text.replace(' ', '-')}.onnx")
