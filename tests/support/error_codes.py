"""Which errors a single request to a server causes."""

NEEDS_FAULTS = (
    "token_replayed",
    "ambiguous_account",
    "repository_renamed",
    "name_renamed",
    "quota_exceeded",
    "too_many_requests",
    "internal_error",
    "storage_full",
    "store_unavailable",
    "draining",
)
"""The codes of errors that require other requests before, or a fault."""
