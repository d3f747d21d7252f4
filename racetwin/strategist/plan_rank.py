"""Which plan a sentence calls, and which it turns down: the call is the first, and what was called before it no longer stands."""

from __future__ import annotations

import re

from racetwin.strategist.plan_order import CONDITION
from racetwin.strategist.plan_talk import BEFORE, CALL, GOVERNS, REFERENCE, Plans
from racetwin.strategist.track_talk import states_in

_STOPPING = (
    r"(?: (?:to|the|a|one|with|stop|stopping|box|pit|in|on|at|end|of|going|for|soft|medium|hard|intermediate|wet))*"
)
_NAMED_BEST = re.compile(
    r"(?<!from the )(?<!than the )(?<!as the )(?<!with the )(?<!next )(?<!next-)(?<!second )(?<!second-)\b"
    r"(?:first|best|top|preferred|recommended|favou?rite|main)\b"
    rf"(?: [a-z]+)?(?: is|,|:){_STOPPING} '?$|\bplan a(?: is|,|:)?{_STOPPING} '?$"
    rf"|\b(?:likes?|prefers?|favou?rs?|recommends?|picks?|chooses?|wants?){_STOPPING} '?$"
    rf"|(?<!second )(?<!third )(?<!next )(?<!other )\b(?:recommendation|decision|choice)(?: is"
    rf"|:)(?: to)?{_STOPPING} '?$"
    rf"|\bone (?:that )?we (?:go|are going|want|take|call)(?: for| with)?(?: is|:){_STOPPING} '?$"
    rf"|^\W*(?:call|plan|strategy):{_STOPPING} '?$"
    r"|\b(?:the|our) (?:plan|call) is (?:to |a |for |the )?(?:[a-z]+ ){0,4}'?$",
    re.IGNORECASE,
)
"""What stands before the plan that is called."""
_WE_WAIT = re.compile(
    r"\W*(?:so |then |yes,? )?(?:(?:we|you)(?:['’](?:re|ll)| are| will)?(?: going to| now)?"
    r" (?:wait|hold|stay out|run on|go on|carry on)(?:ing)?|wait|hold|stay out|stay out (?:this lap"
    r"|now) and go on)(?: on| out)?(?: until| till| for| to| with)?(?: the end of)? '?$",
    re.IGNORECASE,
)
_WEIGHED = re.compile(r"\?|\b(?:points?|pts|if|would|could|lose|losing|cost\w*)\b|%", re.IGNORECASE)
_SECOND_OF = re.compile(
    r"\b(?:second|third|fourth|next)[- ]best of\b|^\W*of (?:the |all )?\d+ [a-z]+,? (?:it|this|that) (?:one )?"
    r"(?:came|comes|ranks|is) (?:out )?(?:last|second|third)\b",
    re.IGNORECASE,
)
"""Said of no plan in particular this is said of the call."""
_RANKED_FIRST = re.compile(
    r"^(?: for [a-z]+(?: tyres)?,)?[^,;?]*?\b(?:ranks? first|on top|is (?:the )?(?:best|call|plan"
    r"|preferred|recommended|favou?rite)"
    r"|scores most)\b",
    re.IGNORECASE,
)
_LEADS = re.compile(
    r"^[^,;]*\b(?:leads|tops|heads) the (?:ranking|list|plans|table)\b|^[^,;]*\branks first\b", re.IGNORECASE
)
_RANKED_LAST = re.compile(
    r"^[^,;?]*?\b(?:(?:ranks?|ranked|com(?:e|es|ing)|came|finish\w*) (?:out )?(?:in )?(?:last|lowest"
    r"|second|third|bottom)"
    r"|is (?:the )?(?:worst|second|weakest))\b|^ (?:\w+ )?least\b",
    re.IGNORECASE,
)
_DO = re.compile(r"do (?:wait|hold|delay|stay|hang)\b", re.IGNORECASE)
_AGAINST = re.compile(
    r"\b(?:skip|avoid|refus\w+|forget|scrap|ignor\w+|reject|abandon|don['’]t touch|do not touch"
    r"|decid\w+ against|steer clear of|argues? against)\b"
    r"(?: (?:to|the|a|stop|stopping|box|pit|on|at|for|of|idea|plan|about))* '?$",
    re.IGNORECASE,
)
_DOES = re.compile(
    r"\W*(?:(?:we|you)(?:['’](?:re|ll)| are| will)? |now )?(?:(?:box|pit|stop|come in|coming in|stay"
    r"|wait|go)(?:ting|ping|ing)?\b|(?:call changed|new call): ) ?",
    re.IGNORECASE,
)
_IN_PLACE = re.compile(r"\b(?:instead of|rather than|in place of|not)\b[^,;]*$", re.IGNORECASE)
_AGAINST_IT = re.compile(
    r"\b(?:com(?:e|es|ing)|came|speaks?|goes|went|turn(?:s|ed)|counts?) (?:out )?against (?:the|our|this)"
    r" (?:recommended |preferred |best )?(?:plan|call|recommendation|stop)\b"
    r"|\b(?:difference|margin|balance|evidence|numbers?|figures?|argument|case)\b[^,;]{0,30}?\bagainst (?:the|our|this)"
    r" (?:recommended |preferred |best )?(?:plan|call|recommendation|stop)\b|\bdifference\b[^,;]{0,30}\bagainst us\b",
    re.IGNORECASE,
)
_A_MISTAKE = re.compile(
    r"(?: (?:for|on) [a-z]+)?'?(?:['’]s| is| was| looks| would be"
    r"| seems)(?: like)?(?: \w+ly)? (?:out of the question|an? (?:mistake|error|blunder|bad|poor"
    r"|wrong|terrible)|wrong|the wrong|pointless|too (?:early|late)|no good|rejected|madness|useless)\b",
    re.IGNORECASE,
)
_GONE = re.compile(
    r"^[^,;]{0,24}?\b(?:no longer|is off|is out|has passed|is gone|withdrawn|rejected|cancelled|scrapped)\b"
    r"|^[^,;]{0,24}?\b(?:is|are) (?:abandoned|dropped)\b",
    re.IGNORECASE,
)
_STILL = re.compile(
    r"^[^,;]{0,12}?\bstill (?:stands?|on|holds?|valid)\b|^[^,;]{0,24}?\b(?:is|are) not (?:abandoned|dropped|cancelled"
    r"|withdrawn)\b",
    re.IGNORECASE,
)


def turned_down(plans: Plans, clause: str) -> str | None:
    """Return the call where a clause turns it down: "skip lap 24", "lap 24 is a mistake", "box now instead of on lap 24"."""
    done = _DOES.match(clause) if not states_in(clause) and not _WEIGHED.search(clause) else None
    for m in plans.by_stop(clause):
        if done is not None and m.key == CALL and _IN_PLACE.search(clause[done.end() - 1 : m.start]):
            return clause[m.start : m.end]
    for m in plans.mentions(clause):
        if m.key == CALL and (_AGAINST.search(clause[: m.start]) or _A_MISTAKE.match(clause[m.end :])):
            return clause[m.start : m.end]
    return None


def wrong_rank(plans: Plans, clause: str) -> str | None:
    """Return where a clause calls another plan the call, or the call less than the first."""
    mentions = plans.mentions(clause)
    if (
        all(m.key is None for m in mentions)
        and plans.worth.get(CALL) == 0
        and (found := _SECOND_OF.search(clause)) is not None
    ):
        return found[0]
    supposed = CONDITION.match(clause)
    for m in mentions:
        if m.key == CALL and m not in plans.by_stop(clause):
            if _RANKED_LAST.search(clause[m.end :]):
                return clause[m.start : m.end]
            continue
        if supposed is not None and m.start < supposed.end():
            continue
        same = plans.labels.get(m.key or "") == plans.labels.get(CALL)
        if not same and m.key is not None and _WE_WAIT.match(clause[: m.start]) and not _WEIGHED.search(clause):
            return clause[m.start : m.end]
        first = _NAMED_BEST.search(clause[: m.start]) or _RANKED_FIRST.search(clause[m.end :]) or _DO.match(clause)
        if m.key is None and plans.worth.get(CALL) == 0 and _LEADS.search(clause[m.end :]):
            return clause[m.start : m.end]
        if not same and m.key not in (None, "desk") and first and not REFERENCE.search(clause[: m.start]):
            return clause[m.start : m.end]
        if same and _RANKED_LAST.search(clause[m.end :]):
            return clause[m.start : m.end]
    return None


def against_the_call(plans: Plans, clause: str) -> str | None:
    """Return the words by which a clause says that a comparison speaks against the call."""
    found = _AGAINST_IT.search(clause)
    return found[0] if found is not None and CALL in plans.labels and not plans.worth.get(CALL) else None


def old_call(plans: Plans, clause: str) -> str | None:
    """Return what a clause says wrongly of the call that was changed: that it stands, or that the new one does not."""
    if BEFORE not in plans.labels or plans.labels[BEFORE] == plans.labels.get(CALL):
        return None
    for m in plans.mentions(clause):
        if m.key not in (CALL, BEFORE) and plans.labels.get(m.key or "") != plans.labels[BEFORE]:
            continue
        if m.key is None or REFERENCE.search(clause[: m.start]):
            continue
        governing = None
        for match in GOVERNS.finditer(clause[: m.start]):
            governing = match
        old = bool(_GONE.search(clause[m.end :])) or (governing is not None and governing["old"] is not None)
        is_call = m.key == CALL and plans.labels[CALL] != plans.labels[BEFORE]
        if is_call and old:
            return clause[m.start : m.end]
        if not is_call and (
            _STILL.search(clause[m.end :]) or (governing is not None and governing["new"] is not None and not old)
        ):
            return clause[m.start : m.end]
    return None
