"""All operations of the command line's API with their implementations."""

from __future__ import annotations

from web.rpc import (
    account_operations,
    alert_operations,
    audit_operations,
    event_operations,
    job_operations,
    pairing_operations,
    rules_operations,
    site_operations,
    user_operations,
)
from web.rpc.registry import Registry

REGISTRY = Registry(
    (
        *site_operations.IMPLEMENTATIONS,
        *rules_operations.IMPLEMENTATIONS,
        *pairing_operations.IMPLEMENTATIONS,
        *account_operations.IMPLEMENTATIONS,
        *event_operations.IMPLEMENTATIONS,
        *job_operations.IMPLEMENTATIONS,
        *user_operations.IMPLEMENTATIONS,
        *audit_operations.IMPLEMENTATIONS,
        *alert_operations.IMPLEMENTATIONS,
    )
)
