"""What a client is told of a failure that nobody expected: an id, under which the log holds the cause."""

from __future__ import annotations

import logging
import uuid

from ..domain.errors import HeadwaterError

logger = logging.getLogger(__name__)


def report_failure(error: Exception, what: str) -> HeadwaterError:
    """Logs why something failed; the error to tell in its place."""
    error_id = uuid.uuid4().hex
    logger.error("%s failed, error_id=%s", what, error_id, exc_info=error)
    return HeadwaterError(f"the server failed: its log says why, under {error_id}", error_id=error_id)
