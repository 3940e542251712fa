"""The networks as a user of PyTorch writes them."""
import torch
import torch.nn.functional as F
from torch import nn

import inputs
from outputs import computed, digest

CLASSES = 10


class MnistCnn(nn.Module):
    """The network of PyTorch's MNIST example, without dropout."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3)
        self.conv2 = nn.Conv2d(32, 64, 3)
        self.fc1 = nn.Linear(9216, 128)
        self.fc2 = nn.Linear(128, CLASSES)

    def forward(self, x):
        x = F.relu(self.conv2(F.relu(self.conv1(x))))
        x = F.max_pool2d(x, 2).flatten(1)
        return self.fc2(F.relu(self.fc1(x)))


class LeNet5(nn.Module):
    """LeNet-5 with ReLU and max-pooling."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(400, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, CLASSES)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2).flatten(1)
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))


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
        self.layer1 = stage(widths[0], widths[0], blocks, 1)
        self.layer2 = stage(widths[0], widths[1], blocks, 2)
        self.layer3 = stage(widths[1], widths[2], blocks, 2)
        self.layer4 = stage(widths[2], widths[3], blocks, 2) if len(widths) > 3 else nn.Identity()
        self.fc = nn.Linear(widths[-1], CLASSES)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean((2, 3)))


def stage(in_c, out_c, blocks, stride):
    """Blocks of one width, of which the first may shrink the image."""
    following = (Block(out_c, out_c, 1) for _ in range(blocks - 1))
    return nn.Sequential(Block(in_c, out_c, stride), *following)


MODELS = {
    "mnist-cnn": MnistCnn,
    "lenet5": LeNet5,
    "resnet20": lambda: Resnet([16, 32, 64], 3),
    "resnet18-cifar": lambda: Resnet([64, 128, 256, 512], 2),
}


def build(work, memory_format):
    """The network, its parameters those of every engine, and its images."""
    image = (3, 32, 32) if "resnet" in work["model"] else (1, 28, 28)
    network = MODELS[work["model"]]().to(memory_format=memory_format)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter.copy_(inputs.parameter(name, parameter.shape))
    return network, inputs.tensor(inputs.INPUT, work["batch"], *image, memory_format=memory_format)


def train(work, memory_format):
    """Compared are a gradient of the first step, and the losses of the first two."""
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
        return value

    first = compute()
    gradient = digest("grad_weight", network.conv1.weight.grad, by_sum=True)
    losses = digest("loss", torch.tensor([first, compute()]))
    return compute, [losses, gradient]


def infer(work, memory_format):
    network, images = build(work, memory_format)
    network.eval()

    def compute():
        with torch.inference_mode():
            return (network(images),)

    return computed(compute, "output")
