"""The invariants by number: what each says, and why a few have no test yet.

A test that holds one is named ``test_invariant_NN_…`` and stands anywhere under ``tests/``.
"""

from __future__ import annotations

SAYS: dict[int, str] = {
    1: "No request makes more calls than `max_attempts`, nor a group more than `retries` + 1 and its hedges.",
    2: "No target of a group is asked twice while an eligible one of it is untried.",
    3: "A target that would answer is reached, unless a cap or the deadline comes before it.",
    4: "A request ends by its deadline; in virtual time exactly.",
    5: "No attempt starts with less than 50 ms left, or lasts longer than its time and what is left.",
    6: "No wait after the last attempt, and none longer than the time left.",
    7: "The n-th backoff is uniform in [0, min(cap, base · 2^(n-1))).",
    8: "A retry does not ask the same target before its hint is over, nor after a hint beyond the cap.",
    9: "Any bytes in a hint's place are no hint or a bounded one; a past date is 0.",
    10: "Every answer has exactly one class, the same each time.",
    11: "A refusal is not sent to the same target with the same credential again.",
    12: "A good status whose body is no completion is a failure.",
    13: "Callers' faults and cancels teach nothing of targets, and one caller cannot eject one for all.",
    14: "An ejected target is left alone while another is ready, but for its one trial.",
    15: "When nothing is ready the least bad ejected target is tried once; a cooling one never.",
    16: "Ejections grow by step up to a cap, with jitter, and shrink with health.",
    17: "One trial of an ejected target at a time.",
    18: "What has healed is found by the next request.",
    19: "A target's health depends on its own results alone.",
    20: "A chain is the asked group's own list, each group once; a list that repeats is refused at load.",
    21: "A later tier only after the earlier ones.",
    22: "A target that lacks what a request needs is never asked.",
    23: "Weighted round robin gives each target exactly its weight in every aligned window.",
    24: "One key goes to one target; taking a target away moves its own keys only.",
    25: "The same inputs make the same attempts, in virtual time and through either driver.",
    26: "Second tries are at most 3 + 0.2 of the recent requests; first tries are free.",
    27: "The retry budget is never overdrawn and never blocks.",
    28: "Of hedged attempts one result is delivered; the rest are cancelled and closed.",
    29: "Delivered content is a prefix of one attempt's content.",
    30: "After the first content no attempt starts; before it a failure is invisible.",
    31: "Every stream ends in a finish reason or in one error event.",
    32: "Server-sent events are the same for every split; what is written is read back.",
    33: "A client that stops reading stops the upstream's reader.",
    34: "One cache key, the same upstream bytes.",
    35: "A cache hit is the stored answer, and nobody else's.",
    36: "What must not be stored is not; nothing is served past its time.",
    37: "A damaged kept answer is a miss, never an error.",
    38: "Identical requests at once make one upstream call; leaving disturbs nobody.",
    39: "Each param comes from the highest layer that sets it; merging obeys its laws.",
    40: "No request changes an address, a credential, a retry count, a proxy, or a timeout upward.",
    41: "No secret, in whole or part, plain or encoded, is shown anywhere.",
    42: "Any bytes give a config or errors, in time; load(dump(c)) = c; unknown keys are refused.",
    43: "A request sees one config from first to last byte.",
    44: "Cancelling anywhere gives back what was held.",
    45: "No jump of the wall clock changes a decision.",
    46: "Merging shared state is commutative, associative and idempotent.",
    47: "Replicas that share limits keep to them together.",
    48: "started = answered + failed + cancelled; attempts are the calls that upstreams saw.",
}

LATER: dict[int, str] = {
    43: "comes with reloading",
    46: "comes with shared state",
    47: "comes with shared state",
}
"""Why an invariant has no test yet."""
