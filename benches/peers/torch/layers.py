"""Layers and operations through autograd, by the names of benches/ours/src/serve/layer.rs."""
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

import inputs
from inputs import GRADIENT, INPUT, OTHER, tensor
from outputs import computed


class Attention(nn.MultiheadAttention):
    def forward(self, x):
        return super().forward(x, x, x, need_weights=False)[0]


# Functions of one input.
UNARY = {
    "gelu": F.gelu,
    "gelu-tanh": lambda x: F.gelu(x, approximate="tanh"),
    "silu": F.silu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "hard-swish": F.hardswish,
    "elu": F.elu,
    "sum-channels": lambda x: x.sum(1),
    "sum-positions": lambda x: x.sum((2, 3)),
    "max-channels": lambda x: x.amax(1),
    "softmax": lambda x: x.softmax(1),
    "softmax-channels": lambda x: x.softmax(1),
    "log-softmax": lambda x: x.log_softmax(1),
}

# Functions of two inputs, and the second's shape.
BINARY = {
    "mul": (torch.mul, lambda shape: shape),
    "mul-channels": (lambda a, b: a * b[:, None, None], lambda shape: shape[1:2]),
    "mul-gate": (torch.mul, lambda shape: (*shape[:2], 1, 1)),
    "concat": (lambda a, b: torch.cat([a, b], 1), lambda shape: shape),
    "matmul": (torch.matmul, lambda shape: (shape[0], shape[2], shape[1])),
    "mse": (F.mse_loss, lambda shape: shape),
}

# Layers, made for the input's shape.
LAYERS = {
    "prelu": lambda s: nn.PReLU(),
    "group-norm": lambda s: nn.GroupNorm(8, s[1]),
    "instance-norm": lambda s: nn.InstanceNorm2d(s[1]),
    "layer-norm": lambda s: nn.LayerNorm(s[2]),
    "local-response-norm": lambda s: nn.LocalResponseNorm(5),
    "attention": lambda s: Attention(s[2], 6, batch_first=True),
    "squeeze-excite": lambda s: torchvision.ops.SqueezeExcitation(s[1], s[1] // 4),
    "conv1d": lambda s: nn.Conv1d(s[1], s[1], 5, padding=2),
    "conv-reflect": lambda s: nn.Conv2d(s[1], s[1], 3, padding=1, padding_mode="reflect"),
    "conv-transpose-4": lambda s: nn.ConvTranspose2d(s[1], s[1], 4, 2, 1),
    "conv-transpose-2": lambda s: nn.ConvTranspose2d(s[1], s[1], 2, 2),
    "upsample-nearest": lambda s: nn.Upsample(scale_factor=2),
    "upsample-bilinear": lambda s: nn.Upsample(scale_factor=2, mode="bilinear"),
    "adaptive-avg-pool": lambda s: nn.AdaptiveAvgPool2d(7),
    "adaptive-max-pool": lambda s: nn.AdaptiveMaxPool2d(7),
    "pixel-shuffle": lambda s: nn.PixelShuffle(2),
    "channel-shuffle": lambda s: nn.ChannelShuffle(4),
}


def layer(work, memory_format):
    name, shape = work["name"], work["shape"]
    if len(shape) != 4 and memory_format != torch.contiguous_format:
        return None  # Only images have two formats.
    given = [tensor(INPUT, *shape, memory_format=memory_format)]
    parameters = []
    if name in UNARY:
        call = UNARY[name]
    elif name in BINARY:
        call, other = BINARY[name]
        given.append(tensor(OTHER, *other(shape), memory_format=memory_format))
    elif name in LAYERS:
        call = LAYERS[name](shape).to(memory_format=memory_format)
        with torch.no_grad():
            for path, parameter in call.named_parameters():
                parameter.copy_(inputs.parameter(path, parameter.shape))
        parameters = list(call.parameters())
    elif name == "cross-entropy-pixels":
        labels = inputs.labels(shape[0] * shape[2] * shape[3], shape[1]).reshape(shape[0], *shape[2:])
        call = lambda x: F.cross_entropy(x, labels)
    else:
        return None

    if work["pass"] == "fwd":

        def forward():
            with torch.inference_mode():
                return (call(*given),)

        return computed(forward, "output")

    for x in given:
        x.requires_grad_()
    output = call(*given)
    if output.dim() == 0:
        seed = torch.ones(())
    else:
        # PyTorch 2.15 takes a gradient of instance norm whose channels are last for one whose channels are first.
        seeded = torch.contiguous_format if name == "instance-norm" else memory_format
        seed = tensor(GRADIENT, *output.shape, memory_format=seeded)

    def both():
        y = call(*given)
        return (y, torch.autograd.grad(y, given + parameters, seed)[0])

    return computed(both, "output", "grad_input")
