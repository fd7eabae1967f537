import numpy as np


def test_the_pictures_of_a_report_hold_maps_of_each_query_and_its_neighbours(done):
    with np.load(done.report.with_name("gallery.npz")) as gallery:
        pairs = gallery["neighbour_similarity"]
        assert gallery["query_position"].shape == pairs.shape[:1]
        assert gallery["neighbour_position"].shape == pairs.shape
        for name in ("query_map", "neighbour_map"):
            assert gallery[name].shape[:2] == pairs.shape and gallery[name].ndim == 4
            np.testing.assert_allclose(gallery[name].sum((2, 3)), pairs, atol=1e-5)
