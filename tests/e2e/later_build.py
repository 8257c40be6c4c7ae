"""A later build of Headwater: the images of this checkout with something further in them, and in the server's a further
migration, which does nothing to builds before it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from headwater_server.storage.migrate import head

from .cluster.images import Builder
from .cluster.layout import CACHE
from .headwater_images import IMAGE_PYTHON, REGISTRY, TARGETS, image_name
from .target import Target

TAG = "e2e-later"
REVISION = f"{int(head()) + 1:04}"
PACKAGES = f"/opt/headwater/lib/python{IMAGE_PYTHON}/site-packages"
DOCKERFILE = """
ARG GROUND
FROM ${GROUND}
ARG PLACE
COPY added ${PLACE}
"""
MIGRATION = f'''
import sqlalchemy as sa
from alembic import op

revision = "{REVISION}"
down_revision = "{head()}"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("jobs", sa.Column("of_a_later_build", sa.Text(), nullable=True))
'''


def load_later_build(target: Target) -> bool:
    """Gives the cluster the images of the later build, whose tag is `TAG`; tells whether it could."""
    return all(target.load(_archive_of(name)) for name in TARGETS)


def _archive_of(name: str) -> Callable[[Builder, str], Path]:
    return partial(_archive, name)


def _archive(name: str, builder: Builder, _ground: str) -> Path:
    image = f"{REGISTRY}/headwater/{name}:{TAG}"
    archive = CACHE / "images" / f"{name}-later.tar"
    place = f"{PACKAGES}/headwater_server/storage/migrations/versions/" if name == "server" else "/opt/headwater/later/"
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        added = Path(folder) / "added"
        added.mkdir()
        added.chmod(0o755)
        (added / f"{REVISION}_later.py").write_text(MIGRATION)
        (added / f"{REVISION}_later.py").chmod(0o644)
        dockerfile = Path(folder) / "Dockerfile"
        dockerfile.write_text(DOCKERFILE)
        builder.build(image, dockerfile, Path(folder), GROUND=image_name(name), PLACE=place)
    archive.unlink(missing_ok=True)
    builder.save(image, archive)
    return archive
