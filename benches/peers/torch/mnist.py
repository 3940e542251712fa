"""The MNIST images of this checkout, augmented as in configs/mnist.toml by torchvision."""
import gzip
import os

import numpy as np
import torch

IMAGES = os.path.join(os.path.dirname(__file__), "../../../data/mnist/train-images-idx3-ubyte.gz")


def loader(batch, workers):
    from torchvision.transforms import v2

    with gzip.open(IMAGES) as file:
        pixels = np.frombuffer(file.read(), dtype=np.uint8, offset=16).reshape(-1, 1, 28, 28)
    transform = v2.Compose([
        v2.RandomAffine(10.0, translate=(0.07, 0.07), scale=(0.9, 1.1), shear=(-5.0, 5.0),
                        interpolation=v2.InterpolationMode.BILINEAR),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize([0.1307], [0.3081]),
    ])
    return torch.utils.data.DataLoader(
        Images(pixels, transform), batch, shuffle=True, num_workers=workers, persistent_workers=True
    )


class Images(torch.utils.data.Dataset):
    def __init__(self, pixels, transform):
        self.pixels, self.transform = pixels, transform

    def __len__(self):
        return len(self.pixels)

    def __getitem__(self, index):
        return self.transform(torch.from_numpy(self.pixels[index].copy()))
