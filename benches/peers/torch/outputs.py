"""What came out of a work, in brief, to be compared between engines."""
import torch

from inputs import sample_positions


def computed(compute, *names, by_sum=False):
    """A job of `compute`, which gives tensors of these names and computes once here."""
    return compute, [digest(name, value, by_sum) for name, value in zip(names, compute())]


def digest(name, value, by_sum=False):
    """A tensor in brief; no numbers of it where its sum alone is compared."""
    flat = value.detach().contiguous().reshape(-1)
    samples = [] if by_sum else flat[sample_positions(flat.numel())].tolist()
    # Summed in pieces, so that no copy of the output in double precision is made.
    total = sum(float(piece.abs().sum(dtype=torch.float64)) for piece in flat.split(1 << 16))
    return {"name": name, "len": flat.numel(), "sum": total, "samples": samples}
