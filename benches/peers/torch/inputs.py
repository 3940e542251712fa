"""The same numbers in every engine: SplitMix64 of a stream and a position.

The formula is that of benches/common/src/inputs.rs.
"""
import numpy as np
import torch

INPUT, WEIGHT, GRADIENT, OTHER, BIAS, LABELS, SAMPLES = range(1, 8)

# Numbers made at once: few, so that making inputs does not count as the memory that the work needs.
CHUNK = 1 << 16


def words(stream, start, stop):
    """Words `start..stop` of a stream."""
    step = np.uint64(0x9E3779B97F4A7C15)
    z = np.uint64(stream << 40) + np.arange(start + 1, stop + 1, dtype=np.uint64) * step
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def tensor(stream, *shape, memory_format=torch.contiguous_format):
    """Numbers of a stream in [-1, 1)."""
    count = int(np.prod(shape))
    values = np.empty(count, dtype=np.float32)
    for start in range(0, count, CHUNK):
        stop = min(start + CHUNK, count)
        words_here = words(stream, start, stop) >> np.uint64(40)
        values[start:stop] = words_here.astype(np.float32) * np.float32(1.0 / 8388608.0) - np.float32(1.0)
    result = torch.from_numpy(values).reshape(shape)
    return result.contiguous(memory_format=memory_format) if len(shape) == 4 else result


def parameter(name, shape):
    """The numbers of a network's parameter, by its name."""
    stream = 0
    for byte in name.encode():
        stream = (stream * 31 + byte) % (1 << 24)
    if len(shape) > 1:
        scale, offset = float(np.sqrt(6.0 / np.prod(shape[1:]))), 0.0
    else:
        scale, offset = 0.1, 1.0 if name.endswith("weight") else 0.0
    return tensor(stream, *shape).mul_(scale).add_(offset)


def labels(count, classes):
    """Labels in `0..classes`."""
    return torch.from_numpy((words(LABELS, 0, count) % np.uint64(classes)).astype(np.int64))


def sample_positions(length):
    """The positions of an output that are compared."""
    return torch.from_numpy((words(SAMPLES, 0, 64) % np.uint64(length)).astype(np.int64))
