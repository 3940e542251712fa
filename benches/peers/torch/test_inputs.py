"""The numbers that every engine has: those of the test in benches/common/src/inputs.rs.

usage: python -m unittest, in this folder
"""
import unittest

import torch

import inputs


class Inputs(unittest.TestCase):
    def test_every_engine_has_these_numbers(self):
        def equal(values, expected):
            self.assertTrue(torch.equal(values, torch.tensor(expected)), values.tolist())

        equal(inputs.tensor(inputs.INPUT, 65_537)[[0, 1, 65_536]], [-0.75105464, -0.95396626, 0.8688834])
        equal(inputs.labels(3, 10), [1, 1, 6])
        equal(inputs.sample_positions(1000)[:3], [752, 807, 273])
        equal(inputs.parameter("conv1.weight", (8, 3, 5, 5)).reshape(-1)[:2], [-0.18485507, 0.081339])
        equal(inputs.parameter("bn1.weight", (8,))[:2], [0.98863006, 1.0870097])
        equal(inputs.parameter("fc.bias", (10,))[:2], [-0.068521135, -0.07642505])


if __name__ == "__main__":
    unittest.main()
