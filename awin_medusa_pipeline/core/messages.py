"""Builds Slack payloads (`text` and `blocks`) from messages, within Slack's limits.

Slack: 3,000 characters per section, 50 blocks per message; & < > escaped. Phones and screen readers get `text` alone,
as does everybody when Slack refuses the blocks, so it says everything that matters.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from awin_medusa_pipeline.core.errors import Action

SECTION_LIMIT = 3000
BLOCK_LIMIT = 50
TEXT_LIMIT = 3500  # Slack asks for at most 4,000
TITLE_LIMIT = SECTION_LIMIT - 40  # room for an icon and the asterisks
ERROR_LINES = 12
CUT = "\n… (shortened) …\n"

Payload = dict[str, Any]
HowTo: TypeAlias = Callable[[Action, str], str]
"""Returns the command or link that carries out an action on a target."""


@dataclass(frozen=True)
class Hint:
    """A line that asks a person to do something; the command or link is added after a colon."""

    text: str
    action: Action
    target: str = ""


Line: TypeAlias = str | Hint


@dataclass(frozen=True)
class Message:
    """A title and some lines for the shop owner; `url`: the page of the run, where there is one."""

    icon: str
    title: str
    lines: Sequence[Line] = ()
    url: str | None = None


def line_text(line: Line, how: HowTo) -> str:
    """A line as text; a hint with the way to carry it out."""
    return line if isinstance(line, str) else f"{line.text}: {how(line.action, line.target)}"


def message_payload(message: Message, how: HowTo) -> Payload:
    """Build the payload of a message; of too many lines the head and the tail stay."""
    lines = [line_text(line, how) for line in message.lines]
    blocks = [section(f"{message.icon} *{fit(message.title, TITLE_LIMIT)}*")]
    if lines:
        blocks.append(section(fit("\n".join(lines), SECTION_LIMIT)))
    url = message.url or ""
    return payload([message.title, *lines], blocks, link(url) if url else "", url)


def escape(text: str) -> str:
    """Escape text for Slack (& < > and nothing else)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def fit(text: str, limit: int) -> str:
    """Escape text and cut it to `limit` characters, keeping head and tail, two to one."""
    escaped, length = escape(text), limit - len(CUT)
    while len(escaped) > limit:
        tail = length // 3
        escaped = escape(text[: length - tail] + CUT + text[len(text) - tail :])
        length = length * 9 // 10
    return escaped


def duration_text(seconds: float) -> str:
    """A duration as text: `3 min 20 s`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (rest, "s")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "under 1 s"


def first_lines(error: str, lines: int = ERROR_LINES) -> str:
    """The first lines of an error that are not blank, and the last one, which names the cause in a traceback."""
    filled = [line.rstrip() for line in error.strip().splitlines() if line.strip()]
    short = filled if len(filled) <= lines else [*filled[: lines - 1], CUT.strip(), filled[-1]]
    return "\n".join(short) or "no error text"


def payload(lines: Sequence[str], blocks: list[Payload], footer: str, url: str) -> Payload:
    """Build a payload from lines and blocks, with a footer that links to the run when there is a `url`."""
    text = fit("\n".join(lines), TEXT_LIMIT - len(url) - 20)
    if not url:
        return {"text": text, "blocks": blocks[:BLOCK_LIMIT]}
    context = {"type": "context", "elements": [{"type": "mrkdwn", "text": footer}]}
    return {"text": f"{text}\n{link(url)}", "blocks": [*blocks[: BLOCK_LIMIT - 1], context]}


def link(url: str) -> str:
    """A link to the page of a run: a button needs an interactivity address, which a webhook does not have."""
    return f"<{escape(url)}|Open run>"


def section(text: str) -> Payload:
    """A block of text that the caller has escaped."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}
