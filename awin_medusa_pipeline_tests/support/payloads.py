"""Reads Slack payloads for tests of messages."""

import json

from awin_medusa_pipeline.core.messages import BLOCK_LIMIT, SECTION_LIMIT, TEXT_LIMIT, Payload


def text_of_blocks(payload: Payload) -> str:
    """The blocks as text."""
    return json.dumps(payload["blocks"], ensure_ascii=False)


def within_limits(payload: Payload) -> bool:
    """Whether Slack accepts it."""
    sections = [block["text"]["text"] for block in payload["blocks"] if block["type"] == "section"]
    short = all(0 < len(text) <= SECTION_LIMIT for text in sections)
    return short and len(payload["blocks"]) <= BLOCK_LIMIT and len(payload["text"]) <= TEXT_LIMIT
