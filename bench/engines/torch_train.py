"""One step of training VideoCLIP in PyTorch: fused scaled dot-product attention, fused Adam."""
import torch
from torch import nn
from torch.nn import functional as F


class Layer(nn.Module):
    def __init__(self, hidden, heads, intermediate, eps):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(hidden, 3 * hidden)
        self.output = nn.Linear(hidden, hidden)
        self.up, self.down = nn.Linear(hidden, intermediate), nn.Linear(intermediate, hidden)
        self.first, self.second = nn.LayerNorm(hidden, eps), nn.LayerNorm(hidden, eps)

    def forward(self, x):
        n, s, c = x.shape
        q, k, v = self.qkv(x).view(n, s, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, s, c)
        x = self.first(x + self.output(y))
        return self.second(x + self.down(F.gelu(self.up(x))))


class Side(nn.Module):
    """BERT over contents, then the mean over all tokens but the first."""

    def __init__(self, layers, sizes):
        super().__init__()
        hidden, eps = sizes["hiddenSize"], sizes["layerNormEps"]
        self.words = nn.Embedding(sizes["vocabularySize"], hidden, padding_idx=sizes["padId"])
        self.places = nn.Embedding(sizes["maxPositions"], hidden)
        self.types = nn.Embedding(2, hidden)
        self.norm = nn.LayerNorm(hidden, eps)
        self.layers = nn.Sequential(
            *(Layer(hidden, sizes["heads"], sizes["intermediateSize"], eps) for _ in range(layers))
        )

    def forward(self, contents):
        places = self.places.weight[: contents.shape[1]] + self.types.weight[0]
        return self.layers(self.norm(contents + places))[:, 1:].mean(1)


class VideoClip(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        hidden = sizes["hiddenSize"]
        self.mlp = nn.Sequential(
            nn.Linear(sizes["featureSize"], hidden), nn.GELU(), nn.LayerNorm(hidden), nn.Linear(hidden, hidden)
        )
        self.video, self.text = Side(sizes["videoLayers"], sizes), Side(sizes["textLayers"], sizes)
        self.apply(initialize)

    def forward(self, features, ends, ids):
        special = self.video.words(ends)
        tokens = torch.cat([special[:, :1], self.mlp(features), special[:, 1:]], 1)
        scores = self.video(tokens) @ self.text(self.text.words(ids)).T
        target = torch.arange(len(ids))
        return F.cross_entropy(scores, target) + F.cross_entropy(scores.T, target)


def initialize(module):
    if isinstance(module, (nn.Linear, nn.Embedding)):
        nn.init.normal_(module.weight, 0, 0.02)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)


def build_train(job, compiled, autocast):
    """`compiled(module)`: what computes the loss and its gradients; `autocast(job)`: the precision of both."""
    train = job["train"]
    sizes, pairs = train["config"], job["spec"]["pairs"]
    model = VideoClip(sizes)
    loss_of = compiled(model)
    optimizer = torch.optim.Adam(model.parameters(), train["rate"], betas=(0.9, train["beta2"]), fused=True)
    features = torch.randn(pairs, sizes["maxVideoLength"], sizes["featureSize"])
    ends = torch.tensor([[sizes["clsId"], sizes["sepId"]]]).repeat(pairs, 1)
    ids = torch.randint(1000, sizes["vocabularySize"], (pairs, sizes["maxTextLength"] + 2))

    def run():
        with autocast(job):
            loss = loss_of(features, ends, ids)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), train["max_norm"])
        optimizer.step()
        return loss.item()

    return run
