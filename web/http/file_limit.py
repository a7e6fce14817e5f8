"""The limit of open files, each connection being one."""

from __future__ import annotations

import resource

import structlog

logger = structlog.get_logger(__name__)


def raise_file_limit() -> None:
    """Raise the soft limit of this process and those that it starts to the hard one, and log it.

    Many systems set the soft limit to 1,024, for programs that use `select`: https://0pointer.net/blog/file-descriptor-limits.html
    """
    before, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    except (OSError, ValueError) as error:
        logger.warning("file_limit_not_raised", limit=before, reason=str(error))
    else:
        logger.info("file_limit", limit=most, before=before)
