"""The words of the messages that a shop owner gets, as Slack payloads (`text` and `blocks`).

What belongs here: pure functions from numbers and errors to a payload. What does not: sending it (slack.py).
Limits of Slack: 3,000 characters a section, 50 blocks a message; & < > escaped; `text` is what phones and blind
readers get, and all that is left when Slack refuses the blocks, so it says everything that matters.
"""

from collections.abc import Mapping, Sequence
from typing import Any

SECTION_LIMIT = 3000
BLOCK_LIMIT = 50
TEXT_LIMIT = 3500  # Slack asks for at most 4,000
ERROR_LINES = 12
CUT = "\n… (shortened) …\n"

Payload = dict[str, Any]

FOUND = {
    "missing_in_medusa": "missing in the shop",
    "medusa_only": "only in the shop",
    "stock_mismatches": "stock mismatches",
}
OUTCOMES = ("applied", "failed", "held", "skipped", "unchanged")


def run_url(webserver_url: str, run_id: str) -> str:
    """The page of a run in the Dagster UI."""
    return f"{webserver_url.rstrip('/')}/runs/{run_id}"


def failure_key(run_id: str) -> str:
    """The outbox's key of what is told of a run that failed: one message, by whoever knows more and comes first."""
    return f"failure-{run_id}"


def escape(text: str) -> str:
    """Text that Slack shows as it is (Slack: escape & < > and nothing else)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def fit(text: str, limit: int) -> str:
    """Escaped text of at most `limit` characters; of a longer one head and tail stay, two to one."""
    escaped, kept = escape(text), limit - len(CUT)
    while len(escaped) > limit:
        tail = kept // 3
        escaped = escape(text[: kept - tail] + CUT + text[len(text) - tail :])
        kept = kept * 9 // 10
    return escaped


def duration_text(seconds: float) -> str:
    """`3 min 20 s`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (rest, "s")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "under 1 s"


def sync_message(
    summary: Mapping[str, Any],
    *,
    job: str,
    shop: str,
    seconds: float,
    url: str,
    dry_run: bool = False,
    notes: Sequence[str] = (),
) -> Payload:
    """What a sync found and did. `summary` as in sync-summary.json: counts, and per kind a mapping with `planned`.

    `notes` are sentences of their own, such as why something is held and the command that releases it.
    """
    kinds = {kind: counts for kind, counts in summary.items() if isinstance(counts, Mapping) and "planned" in counts}
    trouble = any(counts.get("failed") or counts.get("held") for counts in kinds.values())
    title = f"{job} on {shop}: " + ("finished, please look" if trouble else "finished")
    if dry_run:
        title += " (dry run, nothing was changed)"
    found = ", ".join(f"{summary.get(key, 0):,} {words}" for key, words in FOUND.items())
    done = [f"{kind}: {_outcomes(counts)}" for kind, counts in kinds.items()]
    took = f"Took {duration_text(seconds)}"
    icon = ":warning:" if trouble else ":white_check_mark:"
    blocks = [
        _section(f"{icon} *{fit(title, SECTION_LIMIT - 40)}*"),
        _section(f"*Found*: {escape(found)}"),
        *([_section("\n".join(f"• *{kind}*: {_outcomes(counts)}" for kind, counts in kinds.items()))] if kinds else []),
        *(_section(fit(note, SECTION_LIMIT)) for note in notes),
    ]
    return _payload([f"{title}. {found}", *done, *notes, took], blocks, f"{took} · {_link(url)}", url)


def failure_message(*, job: str, step: str | None, error: str, url: str, shop: str | None = None) -> Payload:
    """A run that failed: job, step and the first lines of the error."""
    title = f"{job} failed" + (f" on {shop}" if shop else "") + (f" at step {step}" if step else "")
    short = first_lines(error)
    # A fence inside the error would end the block early.
    quoted = fit(short.replace("```", "'''"), SECTION_LIMIT - 8)
    blocks = [_section(f":rotating_light: *{fit(title, SECTION_LIMIT - 40)}*"), _section(f"```\n{quoted}\n```")]
    return _payload([title, short], blocks, _link(url), url)


def plain_message(icon: str, title: str, lines: Sequence[str], *, url: str | None = None) -> Payload:
    """A title and some lines; of too many the head and the tail stay."""
    blocks = [_section(f"{icon} *{fit(title, SECTION_LIMIT - 40)}*")]
    if lines:
        blocks.append(_section(fit("\n".join(lines), SECTION_LIMIT)))
    return _payload([title, *lines], blocks, _link(url) if url else "", url or "")


def first_lines(error: str, lines: int = ERROR_LINES) -> str:
    """The first lines of an error that say something; the last one too, which names the cause in a traceback."""
    kept = [line.rstrip() for line in error.strip().splitlines() if line.strip()]
    return "\n".join(kept if len(kept) <= lines else [*kept[: lines - 1], CUT.strip(), kept[-1]]) or "no error text"


def _outcomes(counts: Mapping[str, int]) -> str:
    named = [f"{counts[name]:,} {name}" for name in OUTCOMES if counts.get(name)]
    return ", ".join(named) or "nothing to do"


def _payload(lines: Sequence[str], blocks: list[Payload], footer: str, url: str) -> Payload:
    text = fit("\n".join(lines), TEXT_LIMIT - len(url) - 20)
    if not url:
        return {"text": text, "blocks": blocks[:BLOCK_LIMIT]}
    context = {"type": "context", "elements": [{"type": "mrkdwn", "text": footer}]}
    return {"text": f"{text}\n{_link(url)}", "blocks": [*blocks[: BLOCK_LIMIT - 1], context]}


def _link(url: str) -> str:
    # A link in the text: a button needs an interactivity address, which a webhook does not have.
    return f"<{escape(url)}|Open run>"


def _section(text: str) -> Payload:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}
