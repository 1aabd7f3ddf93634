"""Kinds of findings about what a valid config comes to: rows of the table in ``codes``.

An error here keeps a config from being opened; the others are told by ``router check`` alone. Those
that begin with ``live-`` need the provider's answer: ``router check --live``.
"""

from __future__ import annotations

from typing import Final

from router.config.code import Code

POLICY_CODES: Final[dict[str, Code]] = {
    "unservable-group": Code(
        "Nothing can ever serve a group",
        "No target of it or of its `on_error` fallbacks has the tags that it requires: every request would "
        "be refused.",
        "Give the tags to a target, its group or its provider, or require fewer.",
    ),
    "unreachable-target": Code(
        "A target can never be asked",
        "It lacks tags that its group requires, or cannot do what its group forces: it looks like a spare "
        "and is none.",
        "Give it what it lacks, or remove it.",
        severity="warning",
    ),
    "unreachable-group": Code(
        "Nobody can ask a group",
        "No caller may ask it, and it is no fallback of a group that one may ask: the gateway never uses it.",
        "Add it to a caller's `groups` or to `fallbacks`, or remove it.",
        severity="warning",
    ),
    "duplicate-target": Code(
        "One target stands twice in a group",
        "Both share one health: the second is no spare for the first, and a failure asks the same model "
        "again at once.",
        "Keep one of them; a larger share is written as `weight`.",
        severity="warning",
    ),
    "zero-weight": Code(
        "Every target of a tier has weight 0",
        "0 means: only when no other of the tier is left. With nothing else there they share equally.",
        "Give at least one of them a weight above 0, or leave the weights out.",
        severity="warning",
    ),
    "overridden-param": Code(
        "A param never takes effect",
        "Every target that could take it up has another value for it, or it is forced or dropped there.",
        "Remove it, or what overrides it.",
        severity="warning",
    ),
    "beyond-bound": Code(
        "A configured param violates its own bound",
        "It never goes up as it is written: it is moved to the bound, or, where it is no number, every "
        "request that it is for is refused.",
        "Write a value within the bound, or change the bound.",
        severity="warning",
    ),
    "no-room-for-reply": Code(
        "The configured reply fills the whole context window",
        "Together with the request it does not fit: the target is never asked unless a caller gives a "
        "smaller `max_tokens`.",
        "Lower `max_tokens` or its bound, or correct `context_window`.",
        severity="warning",
    ),
    "useless-fallback": Code(
        "A fallback adds nothing",
        "All of its targets have been tried in the groups before it: it asks the same models once more.",
        "Name a group with other targets, or remove it.",
        severity="warning",
    ),
    "out-of-reach": Code(
        "A target or fallback comes too late",
        "When what comes before it fails slowly, or uses up `max_attempts`, nothing is left for it.",
        "Lengthen `timeout`, shorten `attempt_timeout`, raise `max_attempts`, or shorten the chain.",
        severity="warning",
    ),
    "fallback-lacks": Code(
        "A fallback lacks what its group promises",
        "Requests that the group takes, by its tags, its declared capabilities or its context window, cannot "
        "go on to it: for them it does not exist.",
        "Name a group that has what is missing, or declare what its targets can do.",
        severity="warning",
    ),
    "overflow-not-larger": Code(
        "A fallback for long requests is not larger",
        "What was too long for the group is too long for it too, by their declared context windows, so it is "
        "never tried.",
        "Name a group with a larger `context_window`, or correct what is declared.",
        severity="warning",
    ),
    "one-credential": Code(
        "A whole chain hangs on one credential",
        "One revoked key, or one empty account, takes the group and all its fallbacks down together. Where "
        "no key is written, Bytez's built-in one is no finding: nobody chose it.",
        "Give the provider several `api_keys`, or name a fallback at another provider.",
        severity="note",
    ),
    "shadowed-wildcard": Code(
        "A name hides a model of a wildcard",
        "The wildcard would serve that name by the model of that name; the group or alias wins, and never "
        "asks it.",
        "Choose another name or alias, or add the model to the group's targets.",
        severity="warning",
    ),
    "resolved-by-wildcard": Code(
        "A name close to a group's falls to a wildcard",
        "A misspelt name is not refused where a wildcard matches it: it then asks for a model of that name.",
        "Correct the spelling.",
        severity="warning",
    ),
    "caller-without-groups": Code(
        "A caller may ask nothing",
        "Its key is accepted, and every request of it refused.",
        "List groups, leave `groups` out for all of them, or remove the caller.",
        severity="warning",
    ),
    "unused-provider": Code(
        "No target uses a provider",
        "Its keys must exist when a router opens, and nothing is ever sent to it.",
        "Name it in a target, or remove it.",
        severity="warning",
    ),
    "unused-profile": Code(
        "No group uses a profile",
        "What it says holds for nobody.",
        "Name it in a group's `profile`, or remove it.",
        severity="warning",
    ),
    "useless-timeout": Code(
        "A time never runs out",
        "Another limit always ends what it bounds before.",
        "Make it shorter, or the other longer.",
        severity="warning",
    ),
    "useless-hedge": Code(
        "A hedge can never start",
        "It needs another target of its group, and an attempt that is still allowed to run when it is due.",
        "Add a target, shorten `after`, or remove `hedge`.",
        severity="warning",
    ),
    "useless-cache": Code(
        "A cache can never give an answer",
        "What it would keep no request can come to: nothing is saved, though it looks so.",
        "Change what the message names, or remove the setting.",
        severity="warning",
    ),
    "live-key-refused": Code(
        "The provider refuses a key",
        "Every request with it would fail.",
        "Give a key that is valid, or look at the account.",
    ),
    "live-unknown-model": Code(
        "The provider does not know a model",
        "Every request for it would fail.",
        "Correct the name, or choose a model that the provider lists.",
    ),
    "live-unreachable": Code(
        "The provider cannot be reached",
        "Nothing can be asked of it from this machine now.",
        "Look at `base_url`, the network, and whether the server runs.",
    ),
    "live-unknown": Code(
        "The provider does not say",
        "Whether the key is valid, or the model exists, cannot be told from its answers.",
        "Ask one question with `router chat`.",
        severity="note",
    ),
}
