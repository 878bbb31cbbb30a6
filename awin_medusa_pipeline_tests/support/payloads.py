"""Looks into the payloads of Slack messages."""

import json

from awin_medusa_pipeline.core.messages import BLOCK_LIMIT, SECTION_LIMIT, TEXT_LIMIT, Payload


def said(payload: Payload) -> str:
    """The blocks as text."""
    return json.dumps(payload["blocks"], ensure_ascii=False)


def within_limits(payload: Payload) -> bool:
    """Whether Slack takes it: no section empty or too long, not too many blocks, the text not too long."""
    sections = [block["text"]["text"] for block in payload["blocks"] if block["type"] == "section"]
    short = all(0 < len(text) <= SECTION_LIMIT for text in sections)
    return short and len(payload["blocks"]) <= BLOCK_LIMIT and len(payload["text"]) <= TEXT_LIMIT
