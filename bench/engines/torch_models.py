"""The networks of the cases in PyTorch, with their inputs: channels_last_3d, the faster of its layouts on a CPU."""
import sys

import torch

LIBRARIES = []  # definitions of operators end with their library object


def need_torchvision():
    """Imports torchvision. One that was built for another torch lacks its operators, which no case uses; they are declared here."""
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "DEF")
        LIBRARIES.append(library)
        for operator in ("nms", "qnms"):
            library.define(operator + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


def video_model(spec):
    if spec["model"] != "s3d":
        raise ValueError("torchvision has S3D alone")
    need_torchvision()
    from torchvision.models.video import s3d

    return s3d(), [1, spec["frames"], spec["size"], spec["size"], 3]


def convolutions(spec):
    channels, layers = spec["shape"][4], []
    for layer in spec["layers"]:
        kernel, out = layer["kernel"], layer["outChannels"]
        padding = [(k - 1) // 2 for k in kernel]
        layers += [torch.nn.Conv3d(channels, out, kernel, padding=padding, groups=layer["groups"]), torch.nn.ReLU()]
        channels = out
    return torch.nn.Sequential(*layers), spec["shape"]


def text_model(spec, sizes):
    """Hugging Face's BertModel with random weights, from ids to the last hidden states. Without a mask all tokens are seen."""
    if spec["model"] != "bert":
        raise ValueError("of the text encoders, BERT alone is compared with PyTorch")
    try:
        need_torchvision()  # transformers imports it where it is installed
    except ImportError:
        pass
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=sizes["vocabulary"],
        hidden_size=sizes["hidden"],
        num_hidden_layers=sizes["layers"],
        num_attention_heads=sizes["heads"],
        intermediate_size=sizes["intermediate"],
        hidden_act=sizes["activation"],
        max_position_embeddings=sizes["maxPositions"],
        type_vocab_size=sizes["typeVocabulary"],
        layer_norm_eps=sizes["eps"],
    )
    shape = (spec["rows"], spec["tokens"])
    ids = 1000 + torch.arange(shape[0] * shape[1]).view(shape) * 7919 % 28000
    return BertModel(config, add_pooling_layer=False).eval(), (ids, None, torch.zeros_like(ids))


def network(job):
    """The module of a case, and the arguments of a call."""
    spec = job["spec"]
    if spec["kind"] == "text":
        return text_model(spec, job["text"])
    if spec["kind"] == "model":
        model, shape = video_model(spec)
    elif spec["kind"] == "convs":
        model, shape = convolutions(spec)
    elif spec["kind"] == "max_pool":
        model, shape = torch.nn.MaxPool3d(spec["kernel"], spec["stride"], spec["pad"]), spec["shape"]
    else:
        raise ValueError("not compared with PyTorch")
    n, t, h, w, c = shape
    model = model.eval().to(memory_format=torch.channels_last_3d)
    return model, (torch.randn(n, c, t, h, w).to(memory_format=torch.channels_last_3d),)
