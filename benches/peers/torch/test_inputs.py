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


if __name__ == "__main__":
    unittest.main()
