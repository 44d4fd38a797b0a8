"""PyTorch in channels_last_3d, the faster of its layouts on a CPU; bf16 is autocast. Speaks the lines of harness/child.ts."""
import json
import sys
import time

import torch
from torch.nn import functional as F

NAMES = {"f32": torch.float32, "bf16": torch.bfloat16}


def build(job):
    torch.set_num_threads(job["threads"])
    spec = job["spec"]
    if spec["kind"] == "train":
        from torch_train import build_train

        return build_train(job)
    if spec["kind"] == "contrastive":
        a, b = (torch.randn(spec["rows"], spec["width"]).mul_(0.06).requires_grad_() for _ in range(2))
        target = torch.arange(spec["rows"])

        def step():
            scores = a @ b.T
            loss = F.cross_entropy(scores, target) + F.cross_entropy(scores.T, target)
            return torch.autograd.grad(loss, (a, b))

        return step
    if spec["kind"] == "model":
        if spec["model"] != "s3d":
            raise ValueError("torchvision has S3D alone")
        library = torch.library.Library("torchvision", "DEF")
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        from torchvision.models.video import s3d

        model, shape = s3d(), [1, spec["frames"], spec["size"], spec["size"], 3]
    elif spec["kind"] == "convs":
        shape, layers = spec["shape"], []
        channels = shape[4]
        for layer in spec["layers"]:
            kernel, out = layer["kernel"], layer["outChannels"]
            padding = [(k - 1) // 2 for k in kernel]
            layers += [torch.nn.Conv3d(channels, out, kernel, padding=padding, groups=layer["groups"]), torch.nn.ReLU()]
            channels = out
        model = torch.nn.Sequential(*layers)
    else:
        shape = spec["shape"]
        model = torch.nn.MaxPool3d(spec["kernel"], spec["stride"], spec["pad"])
    n, t, h, w, c = shape
    model = model.eval().to(memory_format=torch.channels_last_3d)
    x = torch.randn(n, c, t, h, w).to(memory_format=torch.channels_last_3d)

    def run():
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=job["precision"] == "bf16"):
            model(x)

    return run


run = None
for line in sys.stdin:
    try:
        if run is None:
            run = build(json.loads(line))
            answer = {"ready": True}
        else:
            begin = time.perf_counter()
            run()
            answer = {"ms": (time.perf_counter() - begin) * 1e3}
    except Exception as error:
        answer = {"error": str(error)}
    print(json.dumps(answer), flush=True)
