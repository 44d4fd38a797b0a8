"""PyTorch, with `--compile` through torch.compile; bf16 is autocast. Speaks the lines of harness/child.ts.

The first call compiles, which takes from seconds to a minute; it is made before the engine is ready.
"""
import json
import sys
import time

import torch
from torch.nn import functional as F
from torch_models import network
from torch_train import build_train

COMPILE = "--compile" in sys.argv[1:]


def compiled(function, freezing=False):
    """The function through inductor, whole or not at all, if this engine compiles."""
    if not COMPILE:
        return function
    import torch._dynamo
    import torch._inductor.config

    torch._dynamo.config.suppress_errors = False
    torch._inductor.config.freezing = freezing
    torch._inductor.config.compile_threads = 1  # in this process, so that no other one is left when it is stopped
    return torch.compile(function, fullgraph=True)


def autocast(job):
    return torch.autocast("cpu", torch.bfloat16, enabled=job["precision"] == "bf16")


def build_contrastive(spec):
    a, b = (torch.randn(spec["rows"], spec["width"]).mul_(0.06).requires_grad_() for _ in range(2))
    target = torch.arange(spec["rows"])

    def loss(a, b):
        scores = a @ b.T
        return F.cross_entropy(scores, target) + F.cross_entropy(scores.T, target)

    loss = compiled(loss)
    return lambda: torch.autograd.grad(loss(a, b), (a, b))


def build_network(job):
    """Inference. Freezing makes constants of the weights, so that they are laid out and converted once; it needs no_grad."""
    model, arguments = network(job)
    model = compiled(model, freezing=True)
    mode = torch.no_grad if COMPILE else torch.inference_mode

    def run():
        with mode(), autocast(job):
            model(*arguments)

    return run


def build(job):
    torch.set_num_threads(job["threads"])
    kind = job["spec"]["kind"]
    if kind == "train":
        run = build_train(job, compiled, autocast)
    elif kind == "contrastive":
        run = build_contrastive(job["spec"])
    else:
        run = build_network(job)
    if COMPILE:
        run()
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
        answer = {"error": (str(error) or type(error).__name__).strip().split("\n")[0]}
    print(json.dumps(answer), flush=True)
