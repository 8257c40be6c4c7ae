"""Runs that came and went unseen, as far as what is left shows it. Does no I/O.

A schedule says for which time it last started a run. What it started since the last run that was accounted for, and of
which no object is there and none was seen, was missed:

- The last of them is known to have been started: it is always counted.
- Those before it are an estimate: the times of the schedule. A time counts only where a run of it can have gone: where
  runs go after a while by themselves, or before the oldest of the runs that are kept, where so many are there that an
  earlier one had to make room. What is later than those was never started: the run before it had not ended, or nobody
  was there to start it. The same can be true of an earlier time, so that the estimate may be too high; where the
  schedule counts the runs that ended, it is no higher than that. What people deleted may make it too low.

What was accounted for is remembered, in the cluster's times: over restarts nothing is counted twice, and clocks that
differ change nothing. Where a watch missed something while the operator was there, it is found in the same way. A run
that is seen after it was counted is no longer missed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from time import monotonic

from .kinds.adapter import Adapter, Body, Resource
from .kinds.schedule import Schedule, ScheduleSource, scheduled_at
from .ledger import Account
from .observation import RunState
from .records import Record

SETTLING_SECONDS = 30.0
"""How long after a start, or a change, nothing is said yet: schedules may be seen before their runs."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Known:
    """What is known of one schedule."""

    schedule: Schedule
    account: Account
    changed_at: float
    guessed: set[datetime] = field(default_factory=set)
    """The times that were counted as missed by this process."""


@dataclass(slots=True)
class _Runs:
    """What is known of the runs of one schedule, by the times for which they were started."""

    there: dict[datetime, RunState | None] = field(default_factory=dict)
    seen: set[datetime] = field(default_factory=set)
    """Those that were seen since the schedule was last accounted for, there or not."""


class Absences:
    """Counts the runs of each schedule that nobody saw.

    `accounts` are those of the process before, and `watched_until` is when it was last there.
    """

    def __init__(
        self,
        adapters: Iterable[Adapter],
        accounts: Mapping[str, Account],
        watched_until: datetime | None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._sources = {each.resource.name: each for each in adapters if isinstance(each, ScheduleSource)}
        self._accounts = dict(accounts)
        self._watched_until = watched_until
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._runs: dict[str, _Runs] = {}

    def missed(self, uid: str) -> int:
        """How many runs of a schedule were missed."""
        known = self._known.get(uid)
        account = known.account if known else self._accounts.get(uid)
        return account.missed if account else 0

    def see(self, resource: Resource, body: Body, *, is_deleted: bool = False) -> None:
        """Takes note of an object, if it is a schedule."""
        source = self._sources.get(resource.name)
        if source is None or is_deleted:
            return
        uid = body["metadata"]["uid"]
        try:
            schedule = source.schedule(body)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            logger.warning("the schedule of %s is not understood: %s", body["metadata"]["name"], error)
            return
        known = self._known.get(uid)
        if known is None:
            self._known[uid] = _Known(schedule, self._accounts.get(uid) or self._open(uid, schedule), self._clock())
        else:
            if known.schedule.last is None or known.schedule.last <= known.account.until:
                known.changed_at = self._clock()
            known.schedule = schedule

    def note(self, record: Record) -> None:
        """Takes note of what an object shows, if it is a run of a schedule."""
        chain = record.observations[0].chain if record.observations else ()
        if len(chain) < 2 or chain[1].kind not in self._sources:
            return
        time, uid = scheduled_at(chain[0], chain[1]), chain[1].uid
        if time is None:
            return
        runs, run = self._runs.setdefault(uid, _Runs()), record.observations[0].run
        runs.seen.add(time)
        if record.gone_at is None:
            runs.there[time] = run.state if run else None
        else:
            runs.there.pop(time, None)
        known = self._known.get(uid)
        if known and time in known.guessed:
            known.guessed.discard(time)
            known.account = replace(known.account, missed=known.account.missed - 1)

    def forget(self, uid: str) -> bool:
        """Forgets an object that is gone; whether it was a schedule."""
        self._runs.pop(uid, None)
        self._known.pop(uid, None)
        return self._accounts.pop(uid, None) is not None

    def settle(self) -> dict[str, Account]:
        """Accounts for what has been the same for a while; gives the accounts that are others now, by UID."""
        now, changed = self._clock(), {}
        for uid, known in self._known.items():
            last = known.schedule.last
            if last is not None and last > known.account.until and now - known.changed_at >= SETTLING_SECONDS:
                runs = self._runs.setdefault(uid, _Runs())
                lost = _lost(known.schedule, known.account, last, runs)
                known.guessed |= lost
                missed = known.account.missed + len(lost)
                known.account = Account(uid, last, missed, known.schedule.ended)
                runs.seen = {each for each in runs.seen if each > last}
            if self._accounts.get(uid) != known.account:
                changed[uid] = self._accounts[uid] = known.account
        return changed

    def _open(self, uid: str, schedule: Schedule) -> Account:
        """The account of a schedule that was not seen before: what nobody was there to see is missed."""
        if self._watched_until is None:
            return Account(uid, schedule.last or schedule.created, 0, schedule.ended)
        return Account(uid, max(self._watched_until, schedule.created), 0, None)


def _lost(schedule: Schedule, account: Account, last: datetime, runs: _Runs) -> set[datetime]:
    """The times after the account's of which a run was missed."""
    seen = runs.seen | runs.there.keys()
    newest = {last} - seen
    before = _gone_before(schedule, last, runs.there)
    try:
        times = schedule.times(account.until, last)
    except ValueError as error:
        logger.warning("only the last run is known: %s", error)
        return newest
    earlier = [each for each in times if each not in seen and each < last and before is not None and each < before]
    if schedule.ended is not None and account.ended is not None:
        ended = {time for time, state in runs.there.items() if time > account.until and state and state.is_final}
        most = max(0, schedule.ended - account.ended - len(ended) - len(newest))
        earlier = earlier[-most:] if most else []
    return newest | set(earlier)


def _gone_before(schedule: Schedule, last: datetime, there: Mapping[datetime, RunState | None]) -> datetime | None:
    """Before which time runs may have made room for later ones; None where none has."""
    if schedule.expires:
        return last
    succeeded = [time for time, state in there.items() if state is RunState.SUCCEEDED]
    failed = [time for time, state in there.items() if state in (RunState.FAILED, RunState.ABORTED)]
    bounds = [
        min(kept, default=last)
        for kept, most in ((succeeded, schedule.keeps_succeeded), (failed, schedule.keeps_failed))
        if len(kept) >= most
    ]
    return max(bounds, default=None)
