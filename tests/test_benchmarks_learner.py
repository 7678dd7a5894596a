"""The learner's benchmark: bounds worked by hand, and a small case that is exact."""

import pytest
import torch

from benchmarks.learner import SETTINGS, Bench, bounds, flops, measure

torch.set_num_threads(1)
CPU = SETTINGS["cpu"]


def test_arithmetic_by_hand() -> None:
    # A layer: queries and output 256 · 256 each, keys and values 256 · 128 each, three matrices 256 · 768.
    weights = 2 * 256 * 256 + 2 * 256 * 128 + 3 * 256 * 768
    # Ten tokens and two copies of three that follow them; four positions predicted. A multiply-add is two,
    # the backward pass twice the forward pass.
    linear, attention = flops(CPU.network, [(10, 0, 1), (3, 10, 2)], 4)
    assert linear == 6 * (4 * weights * 16 + 256 * 4096 * 4)
    # Pairs of query and key: 10²/2 + 2 · (3 · 10 + 3²/2) = 119, each 256 wide, in two products a layer.
    assert attention == 3.5 * 4 * 2 * 2 * 256 * 119


def test_bounds_by_hand() -> None:
    tokens, attention, both = bounds(CPU.network, 2048, 128, 8)
    assert tokens == pytest.approx(8 * 2176 / (2048 + 1024))
    # 8 · 2176² / 2 over 2048² / 2 + 8 · (2048 · 128 + 128² / 2)
    assert attention == pytest.approx(18_939_904 / (2_097_152 + 2_162_688))
    assert attention < both < tokens


def test_a_small_case_is_exact() -> None:
    bench = Bench(CPU, torch.device("cpu"))
    assert sum(p.numel() for p in bench.scorer.parameters()) == pytest.approx(5.2e6, rel=0.05)
    case = measure(bench, 24, 8, 3, 1, bench.matmul_flops())
    assert 0 < case.max_logprob_diff < 1e-5
    assert 0 < case.grad_rel_diff < 1e-5
    assert case.speedup == pytest.approx(case.baseline_s / case.ours_s, rel=0.01)
    assert case.tokens_per_s == pytest.approx(3 * 32 / case.ours_s, rel=0.01)
    assert CPU.network["num_attention_heads"] != CPU.network["num_key_value_heads"]
