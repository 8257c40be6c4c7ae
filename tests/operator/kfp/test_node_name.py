"""Tasks by Argo's names of their nodes."""

from __future__ import annotations

import pytest

from headwater_operator.kfp.node_name import TaskNode, parse_node_name

NAMES = {
    "w.root.train.executor": TaskNode("train"),
    "w(0).root(0).train(0).executor(0)": TaskNode("train", (), 0),
    "w.root.fragile.executor(2)": TaskNode("fragile", (), 2),
    "w(0).root(0).importer(0)": TaskNode("importer", (), 0),
    "w.root.importer": TaskNode("importer"),
    "w.root.inner-2.preprocess.executor": TaskNode("inner-2.preprocess"),
    "w(0).root(0).condition-branches-1(0).condition-2(0).say(0).executor(0)": TaskNode(
        "condition-branches-1.condition-2.say", (), 0
    ),
    "w(0).root(0).for-loop-2(0).iteration-iterations(0:0)(0).make-shard(0).executor(0)": TaskNode(
        "for-loop-2.make-shard", (0,), 0
    ),
    "w.root.for-loop-2.iteration-iterations(1:1).make-shard.executor": TaskNode("for-loop-2.make-shard", (1,)),
    "w.root.a.iteration-iterations(0:0).iteration-item.b.iteration-iterations(3:3).iteration-item.c.executor": TaskNode(
        "a.b.c", (0, 3)
    ),
    "w.root.iteration-item.executor": TaskNode("iteration-item"),
    "w.root.executor.executor": TaskNode("executor"),
    "w.root.exit-handler-1.onExit.cleanup.executor": TaskNode("cleanup"),
    "w(0).root(0).exit-handler-1.onExit(0).cleanup(0).executor(0)": TaskNode("cleanup", (), 0),
    "w.root.inner.exit-handler-1.onExit.cleanup.executor": TaskNode("inner.cleanup"),
    "w.root.root.executor": TaskNode("root"),
}


@pytest.mark.parametrize(("name", "expected"), NAMES.items())
def test_a_node_is_a_task_by_its_name(name: str, expected: TaskNode) -> None:
    assert parse_node_name(name, "w") == expected


def test_a_workflow_may_have_dots_in_its_name() -> None:
    assert parse_node_name("train.v2-x7f.root.fit.executor", "train.v2-x7f").path == "fit"


@pytest.mark.parametrize("name", ["w", "w.entry.train", "other.root.train.executor", "w.root", ""])
def test_other_nodes_are_no_tasks(name: str) -> None:
    with pytest.raises(ValueError, match="root of Workflow 'w'"):
        parse_node_name(name, "w")
