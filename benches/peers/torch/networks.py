"""The networks, in PyTorch, as a user writes them."""
import torch
import torch.nn.functional as F
from torch import nn

import inputs

CLASSES = 10


def mnist_cnn():
    """The network of PyTorch's MNIST example, without dropout."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Linear(128, 10),
    )


def lenet5():
    """LeNet-5 with ReLU and max-pooling."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )


class Block(nn.Module):
    def __init__(self, in_c, out_c, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(in_c, out_c, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_c)
        self.conv2 = nn.Conv2d(out_c, out_c, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_c)
        self.downsample = nn.Identity()
        if stride != 1 or in_c != out_c:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_c, out_c, 1, stride, bias=False), nn.BatchNorm2d(out_c)
            )

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.downsample(x))


class Resnet(nn.Module):
    """Residual network for images of 32 x 32, with projections where sizes change."""

    def __init__(self, widths, blocks):
        super().__init__()
        self.conv1 = nn.Conv2d(3, widths[0], 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        layers, in_c = [], widths[0]
        for stage, width in enumerate(widths):
            for block in range(blocks):
                layers.append(Block(in_c, width, 2 if stage > 0 and block == 0 else 1))
                in_c = width
        self.layers = nn.Sequential(*layers)
        self.fc = nn.Linear(in_c, CLASSES)

    def forward(self, x):
        return self.fc(self.layers(F.relu(self.bn1(self.conv1(x)))).mean((2, 3)))


MODELS = {
    "mnist-cnn": mnist_cnn,
    "lenet5": lenet5,
    "resnet20": lambda: Resnet([16, 32, 64], 3),
    "resnet18-cifar": lambda: Resnet([64, 128, 256, 512], 2),
}


def build(work, memory_format):
    torch.manual_seed(1)
    image = (3, 32, 32) if "resnet" in work["model"] else (1, 28, 28)
    network = MODELS[work["model"]]().to(memory_format=memory_format)
    return network, inputs.tensor(inputs.INPUT, work["batch"], *image, memory_format=memory_format)


def train(work, memory_format):
    network, images = build(work, memory_format)
    network.train()
    labels = inputs.labels(work["batch"], CLASSES)
    if work["optimizer"] == "adam":
        optimizer = torch.optim.Adam(network.parameters(), 1e-3, fused=True)
    else:
        optimizer = torch.optim.SGD(network.parameters(), 0.01, momentum=0.9, fused=True)

    def compute():
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(network(images), labels)
        loss.backward()
        optimizer.step()
        value = loss.item()
        if value != value or value in (float("inf"), float("-inf")):
            raise ValueError(f"the loss is {value}")
        return ()

    return compute, (), True


def infer(work, memory_format):
    network, images = build(work, memory_format)
    network.eval()

    def compute():
        with torch.inference_mode():
            network(images)
        return ()

    return compute, (), True
