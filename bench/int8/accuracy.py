"""python3 bench/int8/accuracy.py FOLDER: how far features move when products are of int8, for video.onnx and text.onnx in the
folder and the inputs that inputs.ts wrote there. Needs numpy, onnx and onnxruntime.

Weights are rounded to int8 with a scale for each output channel, the other operand of each product to 8 bits without sign, with a
scale for the whole tensor: from the smallest and the largest value of the calibration (static), or of the input itself (dynamic).
The rounded values are multiplied in f32, which gives the sums that int32 gives. Everything else is f32."""
import copy
import os
import sys

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

PRODUCTS = ("Conv", "Gemm", "MatMul")


def session(model):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 2
    options.log_severity_level = 3
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL  # keep the roundings where they are
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def run(model, inputs):
    """The first output for all rows of the inputs, which go through the model one at a time."""
    it = session(model)
    rows = len(next(iter(inputs.values())))
    return np.concatenate([it.run(None, {k: v[i : i + 1] for k, v in inputs.items()})[0] for i in range(rows)])


def weights_of(model):
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def ranges(model, inputs):
    """Smallest and largest value of every operand of a product that is not a weight."""
    weights, given = weights_of(model), {one.name for one in model.graph.input}
    names = {k for n in model.graph.node if n.op_type in PRODUCTS for k in n.input[:2] if k not in weights}
    watched = copy.deepcopy(model)
    watched.graph.output.extend(helper.make_tensor_value_info(k, TensorProto.FLOAT, None) for k in names - given)
    it = session(watched)
    found = {k: (0.0, 0.0) for k in names}
    for i in range(len(next(iter(inputs.values())))):
        row = {k: v[i : i + 1] for k, v in inputs.items()}
        values = dict(zip([o.name for o in it.get_outputs()], it.run(None, row)), **row)
        for k in names:
            found[k] = (min(found[k][0], float(values[k].min())), max(found[k][1], float(values[k].max())))
    return found


def axis_of(node, weight):
    """The axis of the output channels of a weight."""
    if node.op_type == "Conv":
        return 0
    transposed = any(a.name == "transB" and a.i for a in node.attribute)
    return 0 if transposed else weight.ndim - 1


def rounded(model, operand, weight, skips=lambda node, weights: False):
    """The model with weights replaced by weight(values, axis), and other operands by the last of the nodes operand(name, to, constant)."""
    model, nodes, known = copy.deepcopy(model), [], {}
    weights = weights_of(model)

    def constant(name, values):
        model.graph.initializer.append(numpy_helper.from_array(values, name))
        return name

    for node in model.graph.node:
        if node.op_type in PRODUCTS and not skips(node, weights):
            for slot, name in enumerate(node.input[:2]):
                if name not in known:
                    known[name] = name + "_rounded"
                    if name in weights:
                        values = weights[name]
                        constant(known[name], weight(values, axis_of(node, values)).astype(np.float32))
                    else:
                        nodes += operand(name, known[name], constant)
                node.input[slot] = known[name]
        nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


def int8_weight(values, axis):
    others = tuple(i for i in range(values.ndim) if i != axis)
    scale = np.abs(values).max(axis=others, keepdims=True) / 127
    scale[scale == 0] = 1
    return np.clip(np.round(values / scale), -127, 127) * scale


def static(found):
    def operand(name, to, constant):
        low, high = found[name]
        step = (high - low) / 255 or 1.0
        scale = constant(name + "_scale", np.float32(step))
        zero = constant(name + "_zero", np.asarray(np.uint8(round(-low / step))))
        return [
            helper.make_node("QuantizeLinear", [name, scale, zero], [name + "_8"]),
            helper.make_node("DequantizeLinear", [name + "_8", scale, zero], [to]),
        ]

    return operand


def dynamic(name, to, constant):
    parts = [name + "_8", name + "_scale", name + "_zero"]
    return [helper.make_node("DynamicQuantizeLinear", [name], parts), helper.make_node("DequantizeLinear", parts, [to])]


def bf16_operand(name, to, constant):
    return [
        helper.make_node("Cast", [name], [name + "_16"], to=TensorProto.BFLOAT16),
        helper.make_node("Cast", [name + "_16"], [to], to=TensorProto.FLOAT),
    ]


def bf16_weight(values, axis):
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32).astype(np.uint64)
    bits = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16 << 16
    return bits.astype(np.uint32).view(np.float32).reshape(values.shape)


def cosines(a, b):
    return (a * b).sum(-1) / (np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1))


def report(label, reference, got):
    middle = reference.mean(0)
    line = [label.ljust(44)]
    for c in (cosines(reference, got), cosines(reference - middle, got - middle)):
        line.append(f"{c.mean():.5f} {np.percentile(c, 1):.5f} {c.min():.5f}")
    print("  ".join(line), flush=True)


def main(folder):
    print("cosine to the features in f32: mean, 1st percentile, lowest; the same after the mean feature is subtracted")
    for network in ("video", "text"):
        model = onnx.load(os.path.join(folder, f"{network}.onnx"))
        inputs = {
            part: {
                one.name: np.load(os.path.join(folder, f"{network}_{part}_{one.name}.npy")).astype(
                    helper.tensor_dtype_to_np_dtype(one.type.tensor_type.elem_type)
                )
                for one in model.graph.input
            }
            for part in ("calibration", "test")
        }
        test = inputs["test"]
        reference, found = run(model, test), ranges(model, inputs["calibration"])
        without_weights = lambda node, weights: not any(k in weights for k in node.input[:2])
        for label, operand, weight, skips in (
            ("bf16", bf16_operand, bf16_weight, None),
            ("int8, static scales", static(found), int8_weight, None),
            ("int8, a scale for each input", dynamic, int8_weight, None),
            ("int8, static, products without weights f32", static(found), int8_weight, without_weights),
        ):
            if network == "video" and skips:
                continue  # each product has weights
            changed = rounded(model, operand, weight, *([skips] if skips else []))
            report(f"{network}: {label}", reference, run(changed, test))


main(*sys.argv[1:])
