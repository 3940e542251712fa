"""What PyTorch computes for each work: `job(work, memory_format)` gives (compute, outputs in brief).

Works are described in benches/ours/src/work; names and inputs are those of benches/ours/src/serve.
"""
import torch
import torch.nn.functional as F

import inputs
import layers
import loading
import networks
from inputs import BIAS, GRADIENT, INPUT, OTHER, WEIGHT, tensor
from outputs import computed

CHANNELS, SIDE, CLASSES = 64, 32, 1000


def job(work, memory_format):
    """None where the work is unknown here."""
    make = {
        "conv": conv,
        "dense": dense,
        "layer": layers.layer,
        "memory": memory,
        "train": networks.train,
        "infer": networks.infer,
        "load": loading.load,
    }
    kind = make.get(work["kind"])
    return kind(work, memory_format) if kind else None


def plain(function, *names, by_sum=False):
    """A job without gradients."""

    def compute():
        with torch.inference_mode():
            return function()

    return computed(compute, *(names or ("output",)), by_sum=by_sum)


def conv(work, memory_format):
    batch, in_c, out_c, kernel = (work[key] for key in ("batch", "in_c", "out_c", "kernel"))
    options = {key: work[key] for key in ("stride", "padding", "dilation", "groups")}
    shape = batch, in_c, work["in_h"], work["in_w"]
    out_h, out_w = (
        (side + 2 * work["padding"] - (kernel - 1) * work["dilation"] - 1) // work["stride"] + 1
        for side in shape[2:]
    )
    x = tensor(INPUT, *shape, memory_format=memory_format)
    w = tensor(WEIGHT, out_c, in_c // work["groups"], kernel, kernel, memory_format=memory_format)
    bias = tensor(BIAS, out_c)
    grad = tensor(GRADIENT, batch, out_c, out_h, out_w, memory_format=memory_format)
    if work["pass"] == "fwd":
        return plain(lambda: (F.conv2d(x, w, **options),))
    if work["pass"] == "fwd-relu":
        return plain(lambda: (F.relu_(F.conv2d(x, w, bias, **options)),))
    if work["pass"] == "transposed":
        return plain(lambda: (F.conv_transpose2d(grad, w, **options),))
    w.requires_grad_()
    wanted = (w,)
    names = ("output", "grad_weight")
    if work["pass"] == "fwd-bwd":
        x.requires_grad_()
        wanted = (x, w)
        names = ("output", "grad_input", "grad_weight")

    def compute():
        y = F.conv2d(x, w, **options)
        return (y, *torch.autograd.grad(y, wanted, grad))

    return computed(compute, *names)


def dense(work, memory_format):
    if memory_format != torch.contiguous_format:
        return None  # Matrices have one format.
    rows, out_features, in_features = (work[key] for key in ("rows", "out_features", "in_features"))
    x = tensor(INPUT, rows, in_features)
    w = tensor(WEIGHT, out_features, in_features)
    grad = tensor(GRADIENT, rows, out_features)
    if work["pass"] == "fwd":
        return plain(lambda: (F.linear(x, w),))
    if work["pass"] == "grad-input":
        return plain(lambda: (torch.mm(grad, w),), "grad_input")
    return plain(lambda: (torch.mm(grad.t(), x),), "grad_weight")


def memory(work, memory_format):
    op, batch = work["op"], work["batch"]
    if op in ("sgd", "adam", "adam-w"):
        return optimizer(op, batch) if memory_format == torch.contiguous_format else None
    if op == "cross-entropy":
        return cross_entropy(batch) if memory_format == torch.contiguous_format else None

    def image(stream, side=SIDE):
        return tensor(stream, batch, CHANNELS, side, side, memory_format=memory_format)

    x = image(INPUT)
    aten = torch.ops.aten
    if op == "relu":
        return plain(lambda: (F.relu(x),))
    if op == "relu-bwd":
        output, grad = F.relu(x), image(GRADIENT)
        return plain(lambda: (aten.threshold_backward(grad, output, 0),))
    if op == "add-relu":
        other = image(OTHER)
        return plain(lambda: (torch.add(x, other).relu_(),))
    if op == "max-pool":
        return plain(lambda: (aten.max_pool2d_with_indices(x, [2, 2])[0],))
    if op == "max-pool-bwd":
        indices, grad = aten.max_pool2d_with_indices(x, [2, 2])[1], image(GRADIENT, SIDE // 2)
        back = aten.max_pool2d_with_indices_backward
        return plain(lambda: (back(grad, x, [2, 2], [2, 2], [0, 0], [1, 1], False, indices),))
    if op == "average-pool":
        return plain(lambda: (F.avg_pool2d(x, 2),))
    if op == "average-pool-bwd":
        grad = image(GRADIENT, SIDE // 2)
        return plain(lambda: (aten.avg_pool2d_backward(grad, x, [2, 2], [2, 2], [0, 0], False, True, None),))
    if op == "global-pool":
        return plain(lambda: (F.adaptive_avg_pool2d(x, 1),))
    if op == "dropout":
        return plain(lambda: (F.dropout(x, 0.5, training=True),), by_sum=True)
    return batch_norm(op, x, image)


def batch_norm(op, x, image):
    """Forward runs what a user writes; backward calls the same kernels that autograd calls."""
    weight, bias = tensor(WEIGHT, CHANNELS), tensor(BIAS, CHANNELS)
    aten = torch.ops.aten
    other = image(OTHER) if "-add" in op else None

    def forward():
        y, mean, inverse = aten.native_batch_norm(x, weight, bias, None, None, True, 0.1, 1e-5)
        if other is not None:
            y = y.add_(other)
        if "-relu" in op:
            y = y.relu_()
        return y, mean, inverse

    if not op.endswith("-bwd"):
        return plain(lambda: forward()[:1])
    with torch.inference_mode():
        output, mean, inverse = forward()
    grad = image(GRADIENT)

    def backward():
        g = aten.threshold_backward(grad, output, 0) if "-relu" in op else grad
        return aten.native_batch_norm_backward(
            g, x, weight, None, None, mean, inverse, True, 1e-5, [True, True, True]
        )

    return plain(backward, "grad_input", "grad_weight", "grad_bias")


def cross_entropy(batch):
    logits = tensor(INPUT, batch, CLASSES).requires_grad_()
    labels = inputs.labels(batch, CLASSES)

    def compute():
        loss = F.cross_entropy(logits, labels)
        return loss, *torch.autograd.grad(loss, logits)

    return computed(compute, "loss", "grad_input")


def optimizer(op, length):
    """The fused optimisers: one pass over parameter, gradient and state."""
    parameter = torch.nn.Parameter(tensor(INPUT, length))
    parameter.grad = tensor(GRADIENT, length)
    made = {
        "sgd": lambda: torch.optim.SGD([parameter], lr=0.01, momentum=0.9, fused=True),
        "adam": lambda: torch.optim.Adam([parameter], lr=1e-3, weight_decay=0.01, fused=True),
        "adam-w": lambda: torch.optim.AdamW([parameter], lr=1e-3, weight_decay=0.01, fused=True),
    }[op]()

    def compute():
        made.step()
        return (parameter.detach(),)

    return computed(compute, "output")
