"""The form in which the body of an event is kept: its holes where it fits a template, else all of it, compressed."""

from __future__ import annotations

import struct
import uuid
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import msgspec

from ..domain.body_templates import Template, read_holes, write_holes
from ..domain.event import Event
from ..domain.remembered import Remembered
from .database import Connection
from .event_bodies import BodyCompressor, read_frames

HOLES, FRAME_OF_HOLES = 1, 2
"""What a body begins with that fits a template; its id follows. Others are zstd frames: they begin with 0x28."""
LONG_HOLES = 256
"""From how many bytes on holes are compressed."""
READ_BYTES = 4 << 20
"""How much text of templates is remembered for reading."""

_HEAD = struct.Struct(">bq")
_decode_pieces = msgspec.msgpack.Decoder(list[bytes]).decode
_templates_read: Remembered[Template] = Remembered(READ_BYTES)


class KeptBody(NamedTuple):
    """A body as it is kept, with its event's subject and time."""

    subject: uuid.UUID
    time: datetime
    kept: bytes


@dataclass(frozen=True, slots=True)
class Kept:
    """Bodies as they are kept, and the templates that have to be kept with them, by id."""

    bodies: list[bytes]
    templates: dict[int, Template]


class BodyKeeper:
    """Makes of bodies what is kept of them."""

    def __init__(self, compressor: BodyCompressor) -> None:
        self.compressor = compressor

    async def keep(self, events: Sequence[Event]) -> Kept:
        """What is kept of the bodies of events, in their order."""
        self.compressor.see(event.body for event in events)
        kept, templates = [b""] * len(events), {}
        heads: list[tuple[int, bytes]] = []
        whole: list[bytes] = []
        for place, event in enumerate(events):
            if event.fitted is None:
                heads.append((place, b""))
                whole.append(event.body)
                continue
            template = event.fitted.template
            templates[template.id] = template
            holes = write_holes(event.fitted.holes, event.subject, event.event_time)
            if len(holes) < LONG_HOLES:
                kept[place] = _HEAD.pack(HOLES, template.id) + holes
            else:
                heads.append((place, _HEAD.pack(FRAME_OF_HOLES, template.id)))
                whole.append(holes)
        for (place, head), frame in zip(heads, await self.compressor.compress(whole), strict=True):
            kept[place] = head + frame
        return Kept(kept, templates)

    async def keep_templates(self, templates: Sequence[Template]) -> list[tuple[int, bytes]]:
        """The ids of templates, each with what is kept of it."""
        frames = await self.compressor.compress([msgspec.msgpack.encode(template.pieces) for template in templates])
        return [(template.id, frame) for template, frame in zip(templates, frames, strict=True)]


async def read_bodies(connection: Connection, bodies: Sequence[KeptBody]) -> list[bytes]:
    """Bodies as they were sent, in their order."""
    parts = [_parts(body.kept) for body in bodies]
    templates = await _get_templates(connection, {template for template, _, _ in parts if template is not None})
    texts = iter(await read_frames(connection, [kept for _, is_frame, kept in parts if is_frame]))
    found = []
    for body, (template, is_frame, kept) in zip(bodies, parts, strict=True):
        text = next(texts) if is_frame else kept
        if template is not None:
            text = templates[template].filled(list(read_holes(text, body.subject, body.time)))
        found.append(text)
    return found


def _parts(kept: bytes) -> tuple[int | None, bool, bytes]:
    """The template, whether the rest is a frame, and the rest."""
    if kept[0] not in (HOLES, FRAME_OF_HOLES):
        return None, True, kept
    form, template = _HEAD.unpack_from(kept)
    return template, form == FRAME_OF_HOLES, kept[_HEAD.size :]


async def _get_templates(connection: Connection, templates: AbstractSet[int]) -> dict[int, Template]:
    found = {key: template for key in templates if (template := _templates_read.get(key))}
    if missing := templates - found.keys():
        rows = await connection.fetch(
            "SELECT template_id, pieces FROM body_templates WHERE template_id = ANY($1::bigint[])", list(missing)
        )
        for (key, _), text in zip(rows, await read_frames(connection, [row[1] for row in rows]), strict=True):
            found[key] = _templates_read.put(key, Template(_decode_pieces(text)), len(text))
    return found
