"""Threads of the libraries that multiply numpy's and SciPy's matrices."""

from threadpoolctl import threadpool_info


def blas_threads():
    return {p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas"}
