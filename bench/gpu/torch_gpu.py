"""The cases of main.ts in PyTorch: {runs, device, cases} on stdin, a list of {eager, compiled} in milliseconds on stdout.

bf16, channels_last_3d, inference; compiled is torch.compile(mode="max-autotune"), which uses CUDA graphs.
"""
import json
import statistics
import sys

import torch
import torch.nn.functional as F

request = json.load(sys.stdin)
device = "cuda" if request["device"].startswith("cuda") else "cpu"
torch.backends.cuda.matmul.allow_tf32 = False


def channels_last(n, t, h, w, c):
    x = torch.randn(n, c, t, h, w, device=device, dtype=torch.bfloat16)
    return x.to(memory_format=torch.channels_last_3d)


def build(case):
    kind = case["kind"]
    if kind == "matmul":
        a, b = (torch.randn(case["size"], case["size"], device=device, dtype=torch.bfloat16) for _ in range(2))
        return lambda a, b: a @ b, (a, b)
    if kind == "s3d":
        library = torch.library.Library("torchvision", "DEF")
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        from torchvision.models.video import s3d

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
                import time

                start = time.perf_counter()
                function(*arguments)
                elapsed = (time.perf_counter() - start) * 1e3
            if i >= 5:
                times.append(elapsed)
    return statistics.median(times)


answers = []
for case in request["cases"]:
    answer = {}
    if case:
        try:
            function, arguments = build(case)
            answer["eager"] = milliseconds(function, arguments)
            if device == "cuda":
                compiled = torch.compile(function, mode="max-autotune")
                answer["compiled"] = milliseconds(compiled, arguments)
                torch._dynamo.reset()
        except Exception as error:
            answer["error"] = str(error).split("\n")[0][:200]
        if device == "cuda":
            torch.cuda.empty_cache()
    answers.append(answer)
print(json.dumps(answers))
