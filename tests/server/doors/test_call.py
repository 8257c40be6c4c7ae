"""What servicers know of their callers."""

from __future__ import annotations

import pytest

from headwater_server.api.call import LocalCall, seconds_left, sender_of


@pytest.mark.parametrize(
    ("peer", "sender"),
    [
        pytest.param("ipv4:10.1.2.3:50412", "10.1.2.3", id="IPv4"),
        pytest.param("ipv6:%5B2001:db8::1%5D:50412", "2001:db8::1", id="IPv6"),
        pytest.param("ipv6:[::1]:50412", "::1", id="IPv6, not encoded"),
        pytest.param("unix:", "unix", id="unix socket without a name"),
        pytest.param("unix:/run/a.sock", "/run/a.sock", id="unix socket"),
    ],
)
def test_a_sender_is_its_address_without_the_port(peer: str, sender: str) -> None:
    assert sender_of(LocalCall(1, peer)) == sender


class Unhurried(LocalCall):
    """A call whose client set no deadline."""

    def time_remaining(self) -> None:
        """Says that there is none."""


@pytest.mark.parametrize(
    ("call", "seconds"),
    [
        pytest.param(LocalCall(5, ""), 5, id="the client's deadline"),
        pytest.param(LocalCall(500, ""), 30, id="ours"),
        pytest.param(LocalCall(-1, ""), 0, id="over"),
        pytest.param(Unhurried(0, ""), 30, id="none"),
    ],
)
def test_an_answer_takes_no_longer_than_its_client_waits(call: LocalCall, seconds: float) -> None:
    assert seconds_left(call, 30) == seconds
