"""Which kinds are understood now: those of the table, and those of the rules of the pipelines. Does no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from .kinds.adapter import Adapter, Body, Resource, Slimmer
from .observation import ObjectRef
from .pipeline.coverage import Coverage
from .pipeline.pipeline import Pipeline
from .pipeline.spec import Rule
from .rules import InvalidRule, RuleAdapter

PipelineKey = tuple[str, str]


class WatchedKinds:
    """The adapters of every resource that is watched."""

    def __init__(self, adapters: Sequence[Adapter]) -> None:
        self._adapters: dict[str, list[Adapter]] = {}
        for each in adapters:
            self._adapters.setdefault(each.resource.name, []).append(each)
        self._rules: dict[PipelineKey, dict[str, RuleAdapter]] = {}
        self._editions: dict[PipelineKey, tuple[Rule, ...]] = {}

    @property
    def resources(self) -> frozenset[Resource]:
        """What has to be watched, each resource once."""
        by_rules = {name: each.resource for rules in self._rules.values() for name, each in rules.items()}
        return frozenset([*(_shared(each) for each in self._adapters.values()), *by_rules.values()])

    def slim(self, resource: Resource, body: Body) -> Body:
        """An object without what none of its adapters reads."""
        for each in self._adapters.get(resource.name, ()):
            body = each.slim(body) if isinstance(each, Slimmer) else body
        return body

    @property
    def edition(self) -> object:
        """Differs when the rules differ, so that everything is looked at anew."""
        return frozenset(self._editions.items())

    def set_rules(self, pipeline: Pipeline) -> Sequence[str]:
        """Takes the rules of a pipeline for those that hold in its namespace; gives what is wrong with some of them."""
        problems = []
        usable: dict[str, RuleAdapter] = {}
        for rule in pipeline.spec.rules:
            try:
                adapter = RuleAdapter(rule)
            except InvalidRule as error:
                problems.append(str(error))
                continue
            name = adapter.resource.name
            if name in self._adapters:
                problems.append(f"the rule for {name} is not used, since that kind is understood anyway: remove it")
            elif name in usable:
                problems.append(f"there are two rules for {name}: remove one; the first is used")
            else:
                usable[name] = adapter
        self.remove_rules((pipeline.namespace, pipeline.name))
        if pipeline.spec.rules:
            self._rules[pipeline.namespace, pipeline.name] = usable
            self._editions[pipeline.namespace, pipeline.name] = pipeline.spec.rules
        return problems

    def remove_rules(self, key: PipelineKey) -> None:
        """Forgets the rules of a pipeline."""
        self._rules.pop(key, None)
        self._editions.pop(key, None)

    def understands(self, chain: Sequence[ObjectRef]) -> bool:
        """Whether objects of the kind of the first of a chain are understood in its namespace."""
        kind, namespace = chain[0].kind, chain[0].namespace
        return kind in self._adapters or any(kind in rules for (at, _), rules in self._rules.items() if at == namespace)

    def adapters(self, resource: Resource, chain: Sequence[ObjectRef], coverage: Coverage) -> Iterable[Adapter]:
        """The adapters for an object; of rules, that of its pipeline, else the first in the namespace."""
        known = self._adapters.get(resource.name)
        if known or not chain:
            return known or ()
        covering = coverage.match(chain).pipeline
        keys = [(covering.namespace, covering.name)] if covering else []
        keys += sorted(key for key in self._rules if key[0] == chain[0].namespace)
        for key in keys:
            found: Mapping[str, RuleAdapter] = self._rules.get(key, {})
            if resource.name in found:
                return [found[resource.name]]
        return ()


def _shared(adapters: Sequence[Adapter]) -> Resource:
    """The resource of adapters of one kind; the server filters only where all of them want the same."""
    first = adapters[0].resource
    selectors = {each.resource.label_selector for each in adapters}
    return first if len(selectors) == 1 else replace(first, label_selector="")
