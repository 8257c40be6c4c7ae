"""A CA that the chart made is changed in two steps, and whoever trusts what was there before is never cut off."""

from __future__ import annotations

import base64
from itertools import pairwise
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from .charts import Object, only, rendered
from .test_certificates_are_kept import SECRETS, data, upgraded

FURTHER = ("--set", "tls.generated.ca=2")
SIGNING = (*FURTHER, "--set", "tls.generated.signer=2")


def trusted(objects: list[Object], name: str = "headwater-server-tls") -> list[x509.Certificate]:
    """The CAs that callers are told."""
    return x509.load_pem_x509_certificates(base64.b64decode(data(objects, name)["ca.crt"]))


def shown(objects: list[Object], component: str) -> x509.Certificate:
    """What a program shows."""
    return x509.load_pem_x509_certificate(base64.b64decode(data(objects, f"headwater-{component}-tls")["tls.crt"]))


def believed(certificate: x509.Certificate, authorities: list[x509.Certificate]) -> bool:
    """Whether one of them signed it."""
    for each in authorities:
        try:
            certificate.verify_directly_issued_by(each)
        except (InvalidSignature, ValueError):
            continue
        return True
    return False


def test_callers_of_every_step_believe_what_is_shown_in_that_and_the_next_one(program: str, tmp_path: Path) -> None:
    steps = [rendered(program)]
    for options in (FURTHER, SIGNING, ("--set", "tls.generated.ca=3", "--set", "tls.generated.signer=2")):
        steps.append(upgraded(program, steps[-1], tmp_path, *options))
    for component in ("server", "webhook"):
        for before, after in pairwise(steps):
            assert believed(shown(before, component), trusted(after)), "the program may not have read the new one yet"
            assert believed(shown(after, component), trusted(before)), "the caller may not have read the new CA yet"
    assert [len(trusted(step)) for step in steps] == [1, 2, 2, 2]
    assert not believed(shown(steps[0], "server"), trusted(steps[3])), "the first CA is forgotten with the third"


def test_a_further_ca_changes_no_certificate(program: str, tmp_path: Path) -> None:
    installed = rendered(program)
    after = upgraded(program, installed, tmp_path, *FURTHER)
    for component in ("server", "webhook"):
        assert shown(after, component) == shown(installed, component)
    assert data(after, "headwater-ca")["tls.crt"] == data(installed, "headwater-ca")["tls.crt"]
    (webhook,) = only(after, "MutatingWebhookConfiguration", "headwater-webhook")["webhooks"]
    assert webhook["clientConfig"]["caBundle"] == data(after, "headwater-ca")["ca.crt"]


def test_the_further_ca_is_the_one_that_signs_then(program: str, tmp_path: Path) -> None:
    further = upgraded(program, rendered(program), tmp_path, *FURTHER)
    after = upgraded(program, further, tmp_path, *SIGNING)
    assert data(after, "headwater-ca")["tls.crt"] == data(further, "headwater-ca")["next.crt"]
    assert data(after, "headwater-ca")["previous.crt"] == data(further, "headwater-ca")["tls.crt"]
    assert shown(after, "server") != shown(further, "server")
    assert shown(after, "server").subject == shown(further, "server").subject


def test_every_step_is_kept_by_upgrades(program: str, tmp_path: Path) -> None:
    now = rendered(program)
    for options in (FURTHER, SIGNING):
        now = upgraded(program, now, tmp_path, *options)
        again = upgraded(program, now, tmp_path, *options)
        for name in SECRETS:
            assert data(again, name) == data(now, name)


def test_a_key_that_leaked_is_changed_at_once(program: str, tmp_path: Path) -> None:
    installed = rendered(program)
    after = upgraded(program, installed, tmp_path, *SIGNING)
    assert not believed(shown(after, "server"), trusted(installed))
    assert believed(shown(installed, "server"), trusted(after))


def test_authorities_have_names_of_their_own(program: str, tmp_path: Path) -> None:
    after = upgraded(program, rendered(program), tmp_path, *FURTHER)
    assert len({each.subject for each in trusted(after)}) == 2
