"""The softmax of many codes in compiled code: what torch says, row by row and in place."""

import math

import pytest
import torch
import torch.nn.functional as F

from pellucid.networks import _softmax
from pellucid.networks._cross_entropy import token_nats

pytestmark = pytest.mark.skipif(
    _softmax.code() is None, reason="needs a C compiler and a processor with bfloat16"
)


def asked(rows, codes):
    logits = (3 * torch.randn(rows, codes)).bfloat16()
    return logits, torch.randn(codes), torch.randint(0, codes, (rows,)), torch.rand(rows)


@pytest.mark.parametrize("codes", [2, 16, 37, 1003])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_sweep_gives_what_torch_gives(codes, threads):
    logits, bias, wanted, shares = asked(50, codes)
    whole = (logits.float() + bias).requires_grad_()
    nats = F.cross_entropy(whole, wanted, reduction="none")
    (slope,) = torch.autograd.grad((nats * shares).sum(), whole)

    torch.set_num_threads(threads)
    found, change = _softmax.swept(logits, bias, wanted, shares, learning=True)
    torch.set_num_threads(1)

    torch.testing.assert_close(found, nats.detach(), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(change, slope.sum(dim=0), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(logits.float() * shares[:, None], slope, rtol=1e-2, atol=1e-4)


def test_logits_stay_as_they_are_where_nothing_is_learned():
    logits, bias, wanted, shares = asked(9, 40)
    before = logits.clone()
    _softmax.swept(logits, bias, wanted, shares, learning=False)
    assert torch.equal(logits, before)


def test_what_is_no_number_stays_so_and_what_is_large_is_one():
    logits, bias, wanted, shares = asked(3, 50)
    logits[0, 7] = math.nan
    logits[1] = 1e30
    wanted[2], logits[2, wanted[2]] = 5, -1e4
    nats, _ = _softmax.swept(logits, bias * 0, wanted, shares, learning=False)
    assert nats[0].isnan()
    assert nats[1].item() == pytest.approx(math.log(50), rel=1e-4)
    assert 30 < nats[2] < math.inf


@pytest.mark.parametrize("harm", ["code", "strided"])
def test_what_does_not_fit_together_is_refused(harm):
    logits, bias, wanted, shares = asked(6, 20)
    if harm == "code":
        wanted[3] = 20
    logits = logits[:, ::2] if harm == "strided" else logits
    bias = bias[:10] if harm == "strided" else bias
    with pytest.raises(ValueError, match=r"code|logits"):
        _softmax.swept(logits, bias, wanted, shares, learning=True)


def test_learning_a_large_vocabulary_compiled_is_learning_it_in_plain_torch(monkeypatch):
    weight = (torch.randn(3000, 32) * 0.2).requires_grad_()
    bias = torch.zeros(3000, requires_grad=True)
    hidden = torch.randn(4, 30, 32, requires_grad=True)
    wanted = torch.randint(0, 3000, (4, 30))

    def slopes():
        with torch.autocast("cpu", torch.bfloat16):
            loss = token_nats(hidden, weight, bias, wanted).mean()
        return loss.detach(), *torch.autograd.grad(loss, (hidden, weight, bias))

    compiled = slopes()
    monkeypatch.setattr(_softmax, "suits", lambda rows: False)
    for ours, plain in zip(compiled, slopes(), strict=True):
        assert (ours - plain).norm() < 0.02 * plain.norm()
