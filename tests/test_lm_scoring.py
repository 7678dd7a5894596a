"""Log-probs in chunks: those of the whole logits, with their gradients, whatever is asked for."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lm import scoring
from lm.nucleus import Nuclei, nucleus_mask
from lm.scoring import Ask, ScoringHead, TokenScores, score

torch.set_num_threads(1)
POSITIONS, VOCABULARY, WIDTH = 11, 30, 6


def _case() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    hidden_ND = torch.randn(POSITIONS, WIDTH, generator=generator, dtype=torch.float64, requires_grad=True)
    weight_VD = torch.randn(VOCABULARY, WIDTH, generator=generator, dtype=torch.float64, requires_grad=True)
    return hidden_ND, weight_VD, torch.randint(VOCABULARY, (POSITIONS,), generator=generator)


def _plain(
    hidden_ND: torch.Tensor, weight_VD: torch.Tensor, targets_N: torch.Tensor, ask: Ask
) -> TokenScores:
    """The same by autograd over all logits at once."""
    logits_NV = hidden_ND @ weight_VD.T / ask.temperature
    logprobs_NV = torch.log_softmax(logits_NV, dim=-1)
    mask_NV = nucleus_mask(logits_NV.detach(), targets_N, ask.top_p)
    if ask.nuclei is not None:
        bits = np.unpackbits(ask.nuclei.bits(slice(None)), axis=1, count=VOCABULARY)
        mask_NV = torch.from_numpy(bits.astype(bool))
    inside_NV = torch.log_softmax(logits_NV.masked_fill(~mask_NV, float("-inf")), dim=-1)
    return TokenScores(
        logprobs_N=inside_NV.gather(1, targets_N[:, None])[:, 0],
        whole_logprobs_N=logprobs_NV.gather(1, targets_N[:, None])[:, 0],
        entropy_N=-(logprobs_NV.exp() * logprobs_NV).sum(dim=-1),
        nuclei=Nuclei.of(np.packbits(mask_NV.numpy(), axis=1)),
    )


BITS = np.packbits(np.random.default_rng(1).random((POSITIONS, VOCABULARY)) < 0.5, axis=1)
ASKS = {
    "plain": Ask(),
    "tempered": Ask(temperature=0.6, entropy=True),
    "nucleus": Ask(temperature=0.6, top_p=0.8, keep_nuclei=True),
    "everything": Ask(temperature=1.7, top_p=0.6, whole=True, entropy=True, keep_nuclei=True),
    "another's nucleus": Ask(top_p=0.6, nuclei=Nuclei.of(BITS), whole=True),
}


@pytest.mark.parametrize("rows", [1, 4, 100])
@pytest.mark.parametrize("ask", list(ASKS.values()), ids=list(ASKS))
def test_values_and_gradients_are_those_of_all_logits(
    ask: Ask, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(scoring.CHUNK_BYTES, "cpu", rows * VOCABULARY * 4)
    weights_N = torch.linspace(-1, 2, POSITIONS, dtype=torch.float64)
    results = []
    for scores in (score, _plain):
        hidden_ND, weight_VD, targets_N = _case()
        if ask.nuclei is not None:  # the target belongs to every nucleus
            mask = np.unpackbits(BITS, axis=1, count=VOCABULARY)
            mask[np.arange(POSITIONS), targets_N.numpy()] = 1
            ask = replace(ask, nuclei=Nuclei.of(np.packbits(mask, axis=1)))
        found = scores(hidden_ND, weight_VD, targets_N, ask)
        total = (found.logprobs_N * weights_N).sum()
        if ask.whole:
            assert found.whole_logprobs_N is not None
            total = total + (found.whole_logprobs_N.square() * weights_N.flip(0)).sum()
        total.backward()  # type: ignore[no-untyped-call]
        results.append((found, hidden_ND.grad, weight_VD.grad))
    (ours, *our_grads), (plain, *plain_grads) = results
    torch.testing.assert_close(ours.logprobs_N, plain.logprobs_N)
    for grad, expected in zip(our_grads, plain_grads, strict=True):
        torch.testing.assert_close(grad, expected)
    if ask.whole:
        torch.testing.assert_close(ours.whole_logprobs_N, plain.whole_logprobs_N)
    if ask.entropy:
        torch.testing.assert_close(ours.entropy_N, plain.entropy_N)
    if ask.keep_nuclei:
        assert ours.nuclei is not None
        assert plain.nuclei is not None
        whole = slice(None)
        np.testing.assert_array_equal(ours.nuclei.bits(whole), plain.nuclei.bits(whole))


def test_what_was_not_asked_for_is_none() -> None:
    found = score(*_case(), Ask())
    assert (found.whole_logprobs_N, found.entropy_N, found.nuclei) == (None, None, None)
    assert score(*_case(), Ask(keep_nuclei=True)).nuclei is None
    # Without a nucleus the whole is all there is.
    whole = score(*_case(), Ask(whole=True))
    assert whole.whole_logprobs_N is whole.logprobs_N


def test_half_precision_is_summed_in_single(monkeypatch: pytest.MonkeyPatch) -> None:
    hidden_ND, weight_VD, targets_N = (x.detach() for x in _case())
    half_ND = hidden_ND.bfloat16().requires_grad_()
    half_VD = weight_VD.bfloat16().requires_grad_()
    for rows in (1, 100):
        monkeypatch.setitem(scoring.CHUNK_BYTES, "cpu", rows * VOCABULARY * 4)
        half_ND.grad = half_VD.grad = None
        found = score(half_ND, half_VD, targets_N, Ask())
        assert found.logprobs_N.dtype == torch.float32
        found.logprobs_N.sum().backward()  # type: ignore[no-untyped-call]
        assert half_ND.grad is not None
        assert half_VD.grad is not None
        assert half_VD.grad.dtype == torch.bfloat16
        exact_VD = half_VD.detach().double().requires_grad_()
        score(half_ND.detach().double(), exact_VD, targets_N, Ask()).logprobs_N.sum().backward()  # type: ignore[no-untyped-call]
        assert exact_VD.grad is not None
        assert (half_VD.grad.double() - exact_VD.grad).norm() < 0.01 * exact_VD.grad.norm()


def test_a_frozen_layer_gets_no_gradient() -> None:
    hidden_ND, weight_VD, targets_N = _case()
    weight_VD.requires_grad_(False)
    score(hidden_ND, weight_VD, targets_N, Ask()).logprobs_N.sum().backward()  # type: ignore[no-untyped-call]
    assert weight_VD.grad is None
    assert hidden_ND.grad is not None


def test_memory_does_not_grow_with_positions_times_vocabulary(monkeypatch: pytest.MonkeyPatch) -> None:
    """The largest tensor that a pass over many positions makes is a chunk."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Largest(TorchDispatchMode):
        bytes = 0

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            out = func(*args, **(kwargs or {}))
            for x in out if isinstance(out, tuple) else (out,):
                if isinstance(x, torch.Tensor):
                    self.bytes = max(self.bytes, x.numel() * x.element_size())
            return out

    vocabulary, width, chunk = 512, 4, 2**16
    monkeypatch.setitem(scoring.CHUNK_BYTES, "cpu", chunk)
    for positions in (100, 1000):
        hidden_ND = torch.randn(positions, width, requires_grad=True)
        weight_VD = torch.randn(vocabulary, width, requires_grad=True)
        with Largest() as largest:
            ask = Ask(top_p=0.9, whole=True, entropy=True)
            found = score(hidden_ND, weight_VD, torch.zeros(positions, dtype=torch.int64), ask)
            (found.logprobs_N.sum() + found.whole_logprobs_N.sum()).backward()  # type: ignore[union-attr,no-untyped-call]
        # Logits are float32; indices of a sort are twice as wide.
        assert chunk / 2 < largest.bytes <= 2 * chunk


def test_a_bias_is_refused() -> None:
    with pytest.raises(ValueError, match="has a bias"):
        ScoringHead.of(torch.nn.Linear(2, 3))
    head = torch.nn.Linear(2, 3, bias=False)
    assert ScoringHead.of(head).weight is head.weight
