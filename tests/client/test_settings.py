"""Settings: from the environment, checked all at once, and never a token in the clear."""

from pathlib import Path

import pytest

from headwater import InvalidSettings, Settings


def test_the_environment_is_read() -> None:
    settings = Settings.from_environment(
        {
            "HEADWATER_ADDRESS": "headwater.lineage:4970",
            "HEADWATER_TOKEN_FILE": "/run/token",
            "HEADWATER_CA_FILE": "/run/ca.pem",
            "HEADWATER_CA": "PEM",
            "HEADWATER_CERTIFICATE_FILE": "/run/own.pem",
            "HEADWATER_KEY_FILE": "/run/own.key",
        }
    )
    assert settings == Settings(
        address="headwater.lineage:4970",
        token_file=Path("/run/token"),
        ca_file=Path("/run/ca.pem"),
        ca="PEM",
        certificate_file=Path("/run/own.pem"),
        key_file=Path("/run/own.key"),
    )


def test_an_empty_variable_is_not_set() -> None:
    names = ("ADDRESS", "TOKEN_FILE", "CA_FILE", "CA", "CERTIFICATE_FILE", "KEY_FILE")
    assert Settings.from_environment({f"HEADWATER_{name}": "" for name in names}) == Settings()
    assert Settings().address == "127.0.0.1:4970"
    assert not Settings().is_secure


def test_all_problems_are_told_together() -> None:
    with pytest.raises(InvalidSettings, match=r"timeout_seconds.*max_attempts.*address"):
        Settings(address="", timeout_seconds=0, max_attempts=-1)


@pytest.mark.parametrize("address", ["10.0.0.1:4970", "headwater:4970", "dns:///headwater:4970", "localhost.evil:1"])
def test_a_token_never_goes_to_another_machine_in_the_clear(address: str) -> None:
    with pytest.raises(InvalidSettings, match="HEADWATER_CA"):
        Settings(address=address, token_file=Path("token"))
    Settings(address=address, token_file=Path("token"), ca="PEM")


@pytest.mark.parametrize("address", ["127.0.0.1:1", "localhost:1", "[::1]:1", "unix:/run/x", "dns:///localhost:1"])
def test_a_token_goes_to_this_machine_without_tls(address: str) -> None:
    assert Settings(address=address, token_file=Path("token")).address == address


def test_a_certificate_has_its_key_and_is_shown_over_tls_only() -> None:
    own, key = Path("own.pem"), Path("own.key")
    for halves in ({"certificate_file": own}, {"key_file": key}):
        with pytest.raises(InvalidSettings, match="HEADWATER_KEY_FILE"):
            Settings(ca="PEM", **halves)
    with pytest.raises(InvalidSettings, match="HEADWATER_CA"):
        Settings(certificate_file=own, key_file=key)
    assert Settings(ca="PEM", certificate_file=own, key_file=key).is_secure


def test_certificates_are_left_out_of_the_representation() -> None:
    assert "PEM" not in repr(Settings(ca="PEM"))
