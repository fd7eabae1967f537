"""The Hugging Face hub, from which timm takes its weights, asked once whether it answers."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from huggingface_hub import constants  # timm requires this package

PATIENCE = 5.0  # seconds


@contextmanager
def without_retries() -> Iterator[bool]:
    """Yield True if the hub answers; otherwise let its library read its cache alone.

    By itself the library retries for more than a minute, also for a file that lies in its cache.
    """
    offline = constants.HF_HUB_OFFLINE
    reached = not offline and _answers(constants.ENDPOINT)
    constants.HF_HUB_OFFLINE = not reached
    try:
        yield reached
    finally:
        constants.HF_HUB_OFFLINE = offline


def _answers(address: str) -> bool:
    """Return True if a server answers within `PATIENCE`."""
    answers: list[bool] = []
    # In a thread, because the look-up of a name knows no time limit.
    asking = threading.Thread(target=lambda: answers.append(_ask(address)), daemon=True)
    asking.start()
    asking.join(PATIENCE)
    return any(answers)


def _ask(address: str) -> bool:
    try:
        urlopen(Request(address, method="HEAD"), timeout=PATIENCE).close()
    except HTTPError as error:
        error.close()  # an answer, too
    except URLError as error:
        return isinstance(error.reason, ssl.SSLError)  # the library may know other certificates
    except (OSError, ValueError):
        return False
    return True
