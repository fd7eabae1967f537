import math

import pytest
import torch
from golden import chirp

from manyviews.losses import moco

QUERY, KEY = chirp((6, 5), 0.011, 0.37, 0.25), chirp((6, 5), 0.017, 0.91, 1.5)


def test_it_is_the_loop_over_rows():
    total = 0.0
    for i in range(6):
        s = [float(torch.cosine_similarity(QUERY[i], k, dim=0) / 0.2) for k in KEY]
        total += math.log(sum(map(math.exp, s))) - s[i]
    assert float(moco(QUERY, KEY, temperature=0.2)) == pytest.approx(total / 6, rel=1e-10)


def test_keys_have_no_gradient():
    query, key = (z.clone().requires_grad_() for z in (QUERY, KEY))
    moco(query, key, temperature=0.2).backward()
    assert query.grad is not None and key.grad is None
