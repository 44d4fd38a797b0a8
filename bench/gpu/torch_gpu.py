"""The cases of main.ts in PyTorch: {mode, runs, device, cases} on stdin; on stdout a line {"torch": version} and then one line of JSON
for each case, as soon as it is measured: {"eager": ms} or {"compiled": ms, "mode": mode of torch.compile} or {"error": text}.

bf16, channels_last_3d, inference. The compiled cases use CUDA graphs; whole networks are compiled without autotuning, which would take
minutes.
"""
import json
import statistics
import sys
import time

import torch
import torch.nn.functional as F

request = json.load(sys.stdin)
name, _, index = request["device"].partition(":")
device = "cuda" if name == "cuda" else "cpu"
if index:
    torch.cuda.set_device(int(index))
torch.backends.cuda.matmul.allow_tf32 = False


def channels_last(n, t, h, w, c):
    x = torch.randn(n, c, t, h, w, device=device, dtype=torch.bfloat16)
    return x.to(memory_format=torch.channels_last_3d)


LIBRARIES = []  # definitions of operators end with their library object


def video_models():
    """torchvision's video models. A torchvision that was built for another torch lacks its operators, which s3d does not use."""
    try:
        from torchvision.models import video
    except Exception:
        for name in [name for name in sys.modules if name.startswith("torchvision")]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "DEF")
        LIBRARIES.append(library)
        for operator in ("nms", "qnms"):
            try:
                library.define(operator + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            except RuntimeError:
                pass  # it is defined already
        from torchvision.models import video
    return video


def build(case):
    kind = case["kind"]
    if kind == "matmul":
        a, b = (torch.randn(case["size"], case["size"], device=device, dtype=torch.bfloat16) for _ in range(2))
        return lambda a, b: a @ b, (a, b)
    if kind == "s3d":
        s3d = video_models().s3d
        model = s3d().eval().to(device, torch.bfloat16).to(memory_format=torch.channels_last_3d)
        return model.features, (channels_last(case["clips"], case["frames"], 224, 224, 3),)
    if kind == "convs":
        channels, modules = case["shape"][4], []
        for layer in case["layers"]:
            padding = [(k - 1) // 2 for k in layer["kernel"]]
            groups = layer.get("groups", 1)
            modules += [torch.nn.Conv3d(channels, layer["out"], layer["kernel"], padding=padding, groups=groups)]
            modules += [torch.nn.ReLU(inplace=True)]
            channels = layer["out"]
        model = torch.nn.Sequential(*modules).eval().to(device, torch.bfloat16)
        return model.to(memory_format=torch.channels_last_3d), (channels_last(*case["shape"]),)
    if kind == "pool":
        return torch.nn.MaxPool3d(case["kernel"], case["stride"], case["pad"]), (channels_last(*case["shape"]),)
    if kind == "attention":
        q, k, v = (torch.randn(*case["shape"], device=device, dtype=torch.bfloat16) for _ in range(3))
        return F.scaled_dot_product_attention, (q, k, v)
    if kind == "contrastive":
        a, b = (F.normalize(torch.randn(*case["shape"], device=device), dim=1).bfloat16() for _ in range(2))

        def loss(a, b):
            logits = (a @ b.T).float()
            target = torch.arange(len(a), device=device)
            return F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)

        return loss, (a, b)
    if kind == "topk":
        q = torch.randn(case["queries"], case["size"], device=device, dtype=torch.float16)
        rows = torch.randn(case["rows"], case["size"], device=device, dtype=torch.float16)
        return lambda q, rows: (q @ rows.T).topk(10), (q, rows)
    raise ValueError(kind)


def milliseconds(function, arguments):
    times = []
    with torch.inference_mode():
        for i in range(request["runs"] + 5):
            if device == "cuda":
                begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
                begin.record()
                function(*arguments)
                end.record()
                end.synchronize()
                elapsed = begin.elapsed_time(end)
            else:
                start = time.perf_counter()
                function(*arguments)
                elapsed = (time.perf_counter() - start) * 1e3
            if i >= 5:
                times.append(elapsed)
    return statistics.median(times)


def answer(case):
    try:
        function, arguments = build(case)
        if request["mode"] == "eager":
            return {"eager": milliseconds(function, arguments)}
        mode = "reduce-overhead" if case["kind"] == "s3d" else "max-autotune"
        compiled = torch.compile(function, mode=mode)
        return {"compiled": milliseconds(compiled, arguments), "mode": mode}
    except Exception as error:
        return {"error": (str(error) or type(error).__name__).split("\n")[0][:200]}


def say(line):
    print(json.dumps(line), flush=True)


say({"torch": torch.__version__})
for case in request["cases"]:
    say(answer(case))
    if request["mode"] == "compiled":
        torch._dynamo.reset()
    if device == "cuda":
        torch.cuda.empty_cache()
