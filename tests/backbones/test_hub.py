import socket
import time

import pytest
from huggingface_hub import constants

from manyviews import backbones
from manyviews.backbones import hub
from manyviews.errors import ConfigError


@pytest.fixture
def silent():
    """The address of a server that accepts connections and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def nowhere():
    """An address at which nobody listens."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("refuses", [True, False])
def test_pretrained_weights_without_a_network_are_one_line_after_seconds(
    refuses, silent, monkeypatch, tmp_path
):
    monkeypatch.setattr(constants, "ENDPOINT", nowhere() if refuses else silent)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(hub, "PATIENCE", 0.5)
    backbones.build("timm/test_vit")  # imports take their time, too
    began = time.monotonic()
    with pytest.raises(ConfigError, match=r"no answer.*type backbone.weights=FILE") as told:
        backbones.build("timm/test_vit", pretrained=True)
    assert time.monotonic() - began < 8
    assert "\n" not in str(told.value)
    assert constants.HF_HUB_OFFLINE is False


def test_a_hub_that_answers_is_used(monkeypatch):
    monkeypatch.setattr(hub, "_ask", lambda address: True)
    with hub.without_retries() as reached:
        assert reached and not constants.HF_HUB_OFFLINE


def test_a_name_that_is_looked_up_for_ever_is_no_answer(monkeypatch):
    monkeypatch.setattr(hub, "PATIENCE", 0.2)
    monkeypatch.setattr(hub, "_ask", lambda address: bool(time.sleep(2)) or True)
    began = time.monotonic()
    assert not hub._answers("https://example.org")
    assert time.monotonic() - began < 1.5


def test_whoever_set_the_hub_offline_is_not_asked_again(monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub, "_ask", None)  # asking would fail
    with hub.without_retries() as reached:
        assert not reached
    assert constants.HF_HUB_OFFLINE is True
