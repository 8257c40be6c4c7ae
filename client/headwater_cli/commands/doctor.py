"""`headwater doctor`."""

import os
from collections.abc import Iterator
from dataclasses import asdict

import click

from headwater import InvalidSettings

from ..checkup.finding import Finding
from ..checkup.local import check_connection, check_tls, check_token
from ..checkup.remote import check_health, check_store
from ..failures import REFUSED
from ..screen import BAD, CHANGED, DIM, GOOD, note, show_table, styled
from ..session import FORMATS, Session, answering

# Each check looks at what the next one needs.
CHECKS = (check_token, check_connection, check_tls, check_health, check_store)
STYLES = {"ok": GOOD, "warning": CHANGED, "failed": BAD, "skipped": DIM}


@click.command()
@answering(*FORMATS)
@click.pass_obj
def doctor(session: Session) -> int:
    """Checks the way to the server, step by step, and says what to do at the first that fails.

    Looks at the settings, the token, the connection, TLS, the server's health, version, clock and services, and its
    store.
    Ends with 1 where something is wrong.
    """
    findings = list(_findings(session))
    rows = [(styled(each.state, STYLES[each.state]), each.check, each.detail) for each in findings]
    session.write({"findings": [asdict(each) for each in findings]}, lambda: show_table(("", "CHECK", "FOUND"), rows))
    for each in findings:
        if each.remedy:
            note(f"{each.check}: {each.remedy}")
    return REFUSED if any(each.state == "failed" for each in findings) else 0


def _findings(session: Session) -> Iterator[Finding]:
    try:
        settings = session.settings
    except InvalidSettings as error:
        yield Finding("settings", "failed", str(error), "correct the variables HEADWATER_*, or the options")
        return
    yield Finding("settings", "ok", f"address {settings.address} ({_origin(session)})")
    for check in CHECKS:
        has_failed = False
        for finding in check(settings):
            yield finding
            has_failed |= finding.state == "failed"
        if has_failed:
            return


def _origin(session: Session) -> str:
    if session.address:
        return "from --address"
    return "from HEADWATER_ADDRESS" if os.environ.get("HEADWATER_ADDRESS") else "the default"
