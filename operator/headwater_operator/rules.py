"""Kinds that a pipeline's rules describe: JMESPath over an object says how far it is and what it reads and writes.

A rule that cannot be understood, or fails on an object, is a problem of that rule alone: it says which expression, and
nothing else stops.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import jmespath
from jmespath.exceptions import ArityError, JMESPathError, UnknownFunctionError

from .kinds.adapter import Body, Cluster, Resource
from .kinds.reading import created_at, items, read_time
from .kinds.subject import Life, Subject
from .observation import ObjectRef, Observation, RunState
from .pipeline.spec import Rule

_EXPRESSIONS = ("started", "succeeded", "failed", "started_at", "ended_at", "inputs", "outputs")
_NOTHING: tuple[object, ...] = (None, "", [], {})


class InvalidRule(ValueError):
    """A rule with an expression that is no JMESPath."""

    def __init__(self, rule: Rule, name: str, problem: str) -> None:
        super().__init__(_told(rule, name, problem))
        self.kind = rule.kind
        self.expression = name


class RuleFailed(ValueError):
    """An expression that failed on an object, or found what it must not find."""

    def __init__(self, rule: Rule, name: str, problem: str) -> None:
        super().__init__(_told(rule, name, problem))
        self.kind = rule.kind
        self.expression = name


class RuleAdapter:
    """The adapter that a rule amounts to. Raises InvalidRule."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self.resource = Resource(rule.group, rule.version, rule.plural, rule.kind)
        given = ((name, str(getattr(rule, name))) for name in _EXPRESSIONS)
        self._expressions = {name: _compile(rule, name, text) for name, text in given if text.strip()}

    def observe(self, body: Body, owners: Sequence[ObjectRef], cluster: Cluster) -> Iterable[Observation]:
        """The object. Raises RuleFailed."""
        one = Subject.of(body, self.resource, owners, cluster)
        life = self._life(one)
        flow = one.flow()
        if life:
            flow.add_listed(self._source("inputs"), self._find("inputs", body), flow.inputs)
            flow.add_listed(self._source("outputs"), self._find("outputs", body), flow.outputs)
        yield one.observe(one.job(), one.run(life, flow, one.facets()))

    def _life(self, one: Subject) -> Life | None:
        succeeded, failed = self._holds("succeeded", one.body), self._holds("failed", one.body)
        if not (succeeded or failed or self._holds("started", one.body)):
            return None
        started_at = self._time("started_at", one.body) or created_at(one.body)
        if not succeeded and not failed:
            return Life(RunState.RUNNING, started_at)
        ended_at = self._time("ended_at", one.body) or _last_change(one.body)
        return Life(RunState.FAILED if failed else RunState.SUCCEEDED, started_at, ended_at=ended_at)

    def _holds(self, name: str, body: Body) -> bool:
        found = self._find(name, body)
        return found is not False and found not in _NOTHING

    def _time(self, name: str, body: Body) -> datetime | None:
        """A time as text, or in seconds since 1970."""
        found = self._find(name, body)
        try:
            if isinstance(found, int | float) and not isinstance(found, bool):
                return datetime.fromtimestamp(found, UTC)
            return read_time(found)
        except (ValueError, OverflowError, OSError):
            problem = f"finds {str(found)[:100]!r}, which is no time such as 2026-03-01T12:00:00Z"
            raise RuleFailed(self._rule, name, problem) from None

    def _find(self, name: str, body: Body) -> Any:
        expression = self._expressions.get(name)
        if expression is None:
            return None
        try:
            return expression.search(body)
        except (JMESPathError, ValueError, TypeError, RecursionError) as error:
            raise RuleFailed(self._rule, name, f"fails: {_first_line(error)}") from None

    def _source(self, name: str) -> str:
        return f"the {name} of the rule for {self._rule.kind}"


def _compile(rule: Rule, name: str, text: str) -> Any:
    try:
        expression = jmespath.compile(text)
    except (JMESPathError, RecursionError) as error:
        raise InvalidRule(rule, name, f"is no JMESPath: {_first_line(error)}") from None
    try:
        expression.search({})
    except (UnknownFunctionError, ArityError) as error:
        raise InvalidRule(rule, name, f"is no JMESPath: {_first_line(error)}") from None
    except (JMESPathError, ValueError, TypeError):
        pass  # what fails on an empty object may hold for a real one
    return expression


def _last_change(body: Body) -> datetime | None:
    times = [read_time(each.get("lastTransitionTime")) for each in items(body, "status", "conditions")]
    return max((each for each in times if each), default=None)


def _first_line(error: BaseException) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__


def _told(rule: Rule, name: str, problem: str) -> str:
    words = name.split("_")
    field = words[0] + "".join(word.capitalize() for word in words[1:])
    return f"the rule for {rule.kind}.{rule.group}: {field} `{str(getattr(rule, name))[:200]}` {problem}"
