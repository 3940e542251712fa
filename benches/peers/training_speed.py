#!/usr/bin/env python3
"""How fast PyTorch trains `mnist-cnn` and `lenet5` here: whole steps (forward, loss, backward, Adam) on random images.

usage: training_speed.py [IMAGES [MODEL [BATCH [THREADS [contiguous | channels_last]]]]]

The counterpart of the example `training_speed` of cnn-train. Set MALLOC_MMAP_THRESHOLD_=8000000000 and
MALLOC_TRIM_THRESHOLD_=8000000000, so that PyTorch keeps its memory and what is compared is the kernels.
"""
import statistics
import sys
import time

import torch
from torch import nn

WARM_UP = 3


def mnist_cnn():
    return nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Linear(128, 10),
    )


def lenet5():
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )


def main():
    arguments = dict(enumerate(sys.argv[1:]))
    images, batch = int(arguments.get(0, 10_000)), int(arguments.get(2, 64))
    name = arguments.get(1, "mnist-cnn")
    if 3 in arguments:
        torch.set_num_threads(int(arguments[3]))
    layout = arguments.get(4, "contiguous")
    memory_format = torch.channels_last if layout == "channels_last" else torch.contiguous_format

    torch.manual_seed(1)
    network = {"mnist-cnn": mnist_cnn, "lenet5": lenet5}[name]().to(memory_format=memory_format).train()
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    inputs = torch.randn(batch, 1, 28, 28).to(memory_format=memory_format)
    labels = torch.randint(0, 10, (batch,))
    seconds = []
    for _ in range(WARM_UP + max(1, -(-images // batch))):
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        nn.functional.cross_entropy(network(inputs), labels).backward()
        optimizer.step()
        seconds.append(time.perf_counter() - start)
    median = statistics.median(seconds[WARM_UP:])
    print(
        f"PyTorch {torch.__version__}, {layout}: {name}, batch {batch}, {torch.get_num_threads()} threads: "
        f"{median * 1e3:.2f} ms a step, {batch / median:.0f} images/s"
    )


main()
