"""ONNX Runtime: predictions of models whose weights are constants, with all graph optimizations."""

import onnxruntime

from worker import THREADS, Net, serve


def prepare(words):
    if words[0] != "infer":
        return None
    net, folder = Net(*words[1:4]), words[4]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = THREADS, 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    path = f"{folder}/{'-'.join(map(str, net.widths))}-{net.activation}-{net.batch}.onnx"
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    # Bound once: neither names nor arrays are looked up again.
    binding = session.io_binding()
    binding.bind_ortvalue_input("x", onnxruntime.OrtValue.ortvalue_from_numpy(net.data()[0]))
    binding.bind_output("y")

    def run():
        session.run_with_iobinding(binding)
        return 0.0

    run()
    return run


serve(f"ONNX Runtime {onnxruntime.__version__}", prepare)
