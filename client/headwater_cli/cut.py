"""What to do about an answer that was cut. Pure."""

import shlex
from collections.abc import Iterator

from headwater.v1.lineage_service_pb2 import GetLineageResponse, TruncationReason

from .words import address, count, word

MOST_NODES = 20_000
MOST_DEPTH = 1_000
SHOWN_STARTS = 3


def how_to_go_on(answer: GetLineageResponse, command: str) -> Iterator[str]:
    """Says why a walk ended before the graph did, and how to see the rest; nothing where it did not."""
    if not answer.summary.truncated:
        return
    for reason in answer.summary.reasons:
        yield f"cut: {_why(answer, word(TruncationReason, reason))}"
    starts = [shlex.quote(address(name)) for name in answer.summary.frontier]
    if starts:
        more = f"   (and {count(len(starts) - SHOWN_STARTS, 'start')} more)" if len(starts) > SHOWN_STARTS else ""
        yield f"go on from where it was cut: {command} {' '.join(starts[:SHOWN_STARTS])}{more}"


def _why(answer: GetLineageResponse, reason: str) -> str:
    nodes, depth = answer.summary.node_count, max((node.depth for node in answer.nodes), default=0)
    match reason:
        case "MAX_DEPTH":
            return f"the graph goes on beyond depth {depth}; --depth {min(2 * depth or 1, MOST_DEPTH)} shows more"
        case "MAX_NODES":
            more = f"--max-nodes {min(10 * nodes, MOST_NODES)} shows more" if nodes < MOST_NODES else "that is the most"
            return f"there are more than {count(nodes, 'asset')}; {more}"
        case "MAX_LINKS":
            return f"there are more than {count(answer.summary.link_count, 'link')}; --depth or --kind asks for less"
        case "DEADLINE":
            return "the time was over; --timeout 120 waits longer, --depth asks for less"
        case _:
            return reason
