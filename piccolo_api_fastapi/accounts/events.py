"""Events about accounts and their addresses."""

import logging

from piccolo_api_fastapi.core.events.declared import EventKind, declare_events

EVENTS = declare_events(
    EventKind(
        "user_register_fail",
        "A registration was refused, or the name or address is taken.",
        ("error",),
        outcome="failure",
    ),
    EventKind("user_updated", "A user changed their own columns."),
    EventKind("user_deleted", "A user closed their account.", level=logging.WARNING),
    EventKind("user_registration_lapsed", "A registration that nobody verified was deleted."),
    EventKind(
        "authn_password_change_fail",
        "The new password of a signed-in user was refused.",
        ("error",),
        outcome="failure",
    ),
    EventKind("authn_password_reset_requested", "A link to reset a password was sent."),
    EventKind(
        "authn_password_reset_request_fail",
        "No user has the address, or the user may not reset the password.",
        outcome="failure",
    ),
    EventKind(
        "authn_password_reset",
        "A link to reset a password was used; `authn_password_change` is emitted as well.",
    ),
    EventKind(
        "authn_password_reset_fail",
        "A link to reset a password was invalid, or the new password was refused.",
        ("error",),
        outcome="failure",
    ),
    EventKind("user_email_verified", "A user verified an address."),
    EventKind(
        "user_email_verify_fail",
        "A link or a code to verify an address was invalid.",
        ("error",),
        outcome="failure",
    ),
    EventKind("user_email_change_requested", "A user asked to change their address."),
    EventKind("user_email_changed", "A user changed their address."),
    EventKind(
        "user_email_change_fail",
        "The new address is invalid or taken, or the link to confirm it was.",
        ("error",),
        outcome="failure",
    ),
    EventKind(
        "user_email_change_undone",
        "The owner of an address undid a change of it, or a new second factor.",
        ("ended_factors",),
    ),
    EventKind(
        "user_email_undo_fail",
        "A link to undo a change of the account was invalid.",
        ("error",),
        outcome="failure",
    ),
)
