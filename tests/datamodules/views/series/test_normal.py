import numpy as np
import pytest
import torch
from scipy.special import ndtri

from manyviews.datamodules.views.series.normal import normals

ENDS = torch.cat([torch.arange(3000), 2**24 - 1 - torch.arange(3000)])


@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 2e-6), (torch.float64, 1e-14)])
def test_normals_are_the_quantiles_of_the_middle_of_every_step_to_the_last_tail(dtype, error):
    step = torch.cat([ENDS, torch.randint(2**24, (50_000,))])
    expected = ndtri((step.double().numpy() + 0.5) / 2**24)
    found = normals((step.float() * 2.0**-24).to(dtype))
    assert found.dtype == dtype
    np.testing.assert_allclose(found.double().numpy(), expected, rtol=0, atol=error)


def test_normals_are_symmetric():
    u = ENDS.float() * 2.0**-24
    assert torch.equal(normals(u), -normals(1 - 2.0**-24 - u))
