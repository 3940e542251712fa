"""Images through a pipeline, with PyTorch's loader, torchvision's transforms and Pillow; see serve/load.rs."""
import gzip
import os

import numpy as np
import torch

from inputs import INPUT, tensor
from outputs import computed

ROOT = os.path.join(os.path.dirname(__file__), "../../..")
MNIST = os.path.join(ROOT, "data/mnist")
BATCH = 64
IMAGENET = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
CIFAR = [0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616]


def load(work, memory_format):
    if memory_format != torch.contiguous_format:
        return None
    pipeline = globals()[work["pipeline"].replace("-", "_")]
    return computed(pipeline(work["images"]))


def mnist(images):
    from torchvision.transforms import v2

    transform = v2.Compose([
        v2.RandomAffine(10.0, translate=(0.07, 0.07), scale=(0.9, 1.1), shear=(-5.0, 5.0),
                        interpolation=v2.InterpolationMode.BILINEAR),
        *normalised([0.1307], [0.3081]),
    ])
    pixels = idx("train-images-idx3-ubyte.gz", 16)[:images * 784].reshape(-1, 1, 28, 28)
    return epochs(Images([torch.from_numpy(image.copy()) for image in pixels], transform))


def cifar(images):
    """Pictures of Pillow, as torchvision's data set gives them."""
    from PIL import Image
    from torchvision.transforms import v2

    transform = v2.Compose([
        v2.RandomCrop(32, padding=4), v2.RandomHorizontalFlip(), v2.ToImage(), *normalised(*CIFAR)
    ])
    return epochs(Images([Image.fromarray(image) for image in noise(images, 32).numpy()], transform))


def folder(images):
    from torchvision.datasets import ImageFolder
    from torchvision.transforms import v2

    transform = v2.Compose([
        v2.RandomResizedCrop(224), v2.RandomHorizontalFlip(), v2.ToImage(), *normalised(*IMAGENET)
    ])
    return epochs(ImageFolder(os.path.join(ROOT, f"target/bench/photographs-{images}"), transform))


def mnist_files(images):
    """No library reads these files as they are published; this is what Python's gzip needs for them."""

    def compute():
        for name, header in (
            ("train-images-idx3-ubyte.gz", 16), ("train-labels-idx1-ubyte.gz", 8),
            ("t10k-images-idx3-ubyte.gz", 16), ("t10k-labels-idx1-ubyte.gz", 8),
        ):
            idx(name, header)
        return ()

    return compute


def rand_augment(images):
    """On tensors of bytes, on one thread as ours."""
    from torchvision.transforms import v2

    augment = v2.RandAugment()
    pictures = noise(-(-images // 8), 224).permute(0, 3, 1, 2).contiguous()

    def compute():
        with torch.inference_mode():
            for number in range(images):
                augment(pictures[number % len(pictures)])
        return ()

    return compute


def epochs(images):
    """A loader that delivers an epoch each time, with a worker process for each thread."""
    loader = torch.utils.data.DataLoader(
        images, BATCH, shuffle=True, num_workers=torch.get_num_threads(), persistent_workers=True
    )

    def compute():
        for _ in loader:
            pass
        return ()

    return compute


def normalised(mean, std):
    from torchvision.transforms import v2

    return v2.ToDtype(torch.float32, scale=True), v2.Normalize(mean, std)


def idx(name, header):
    with gzip.open(os.path.join(MNIST, name)) as file:
        return np.frombuffer(file.read(), dtype=np.uint8, offset=header)


def noise(count, side):
    """Colour pictures of noise around grey, bytes, [count, side, side, 3]."""
    return (tensor(INPUT, count, side, side, 3) * 64.0 + 128.0).to(torch.uint8)


class Images(torch.utils.data.Dataset):
    def __init__(self, images, transform):
        self.images, self.transform = images, transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.transform(self.images[index]), index % 10
