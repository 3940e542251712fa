"""Prints what torch.optim makes of twenty steps, for src/optim/tests.rs.

Made with PyTorch 2.15 in double precision:  python3 crates/cnn-train/tests/optim.py

The loss is sum(scale * (parameter - target)^2) / 2, so that the gradient is scale * (parameter - target).
"""

import torch

STEPS = 20
WEIGHT = [[0.5, -1.5], [2.0, 0.25], [-0.75, 1.0]]
BIAS = [1.0, -2.0]
SCALE, TARGET = 0.7, 0.3

CASES = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.05),
    "sgd momentum": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9),
    "sgd dampening, decay": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, dampening=0.3, weight_decay=0.02),
    "sgd nesterov, decay": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.8, nesterov=True, weight_decay=0.02),
    "adam": lambda p: torch.optim.Adam(p, lr=0.03),
    "adam decay": lambda p: torch.optim.Adam(p, lr=0.03, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.03),
    "adamw decay": lambda p: torch.optim.AdamW(p, lr=0.03, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1),
}

for name, make in CASES.items():
    weight = torch.nn.Parameter(torch.tensor(WEIGHT, dtype=torch.float64))
    bias = torch.nn.Parameter(torch.tensor(BIAS, dtype=torch.float64))
    optimizer = make([weight, bias])
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = sum((SCALE * (p - TARGET) ** 2).sum() / 2 for p in (weight, bias))
        loss.backward()
        optimizer.step()
    print(name, [float(v) for v in torch.cat([weight.flatten(), bias]).detach()])
