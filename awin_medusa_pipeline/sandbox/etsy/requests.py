"""What came in, parsed as Etsy parses it.

What belongs here: queries, forms, multipart and JSON. What does not: what the values may be (rules/).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qsl, urlsplit

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
APPLICATION_JSON = "application/json"


@dataclass(frozen=True)
class File:
    """A part of a multipart body that has a file name."""

    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Request:
    """One HTTP request. `headers` have lower-case names."""

    method: str
    target: str
    headers: Mapping[str, str]
    content: bytes = field(default=b"", repr=False)

    @property
    def path(self) -> str:
        """Without the query."""
        return urlsplit(self.target).path

    @property
    def content_type(self) -> str:
        """Without parameters, in lower case; "" for none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def query_pairs(self) -> list[tuple[str, str]]:
        """As sent, repeated names included."""
        return parse_qsl(urlsplit(self.target).query, keep_blank_values=True)

    @property
    def query(self) -> dict[str, str]:
        """Of a repeated name only the last is kept."""
        return dict(self.query_pairs)

    @property
    def form_pairs(self) -> list[tuple[str, str]]:
        """The form as sent, repeated names included; empty for any other kind of body."""
        if self.content_type != FORM:
            return []
        return parse_qsl(self.content.decode("utf-8", "replace"), keep_blank_values=True)

    @property
    def form(self) -> dict[str, str]:
        """Etsy: of a repeated name only the last is kept (open-api #291), so lists are one value with commas."""
        return dict(self.form_pairs)

    @property
    def json(self) -> Any:
        """The JSON body; None for any other kind of body or a broken one."""
        if self.content_type != APPLICATION_JSON:
            return None
        try:
            return json.loads(self.content)
        except ValueError:
            return None

    @property
    def parts(self) -> tuple[dict[str, str], dict[str, File]]:
        """Fields and files of a multipart body; both empty for any other kind of body, or one without boundary."""
        fields: dict[str, str] = {}
        files: dict[str, File] = {}
        if self.content_type != MULTIPART:
            return fields, files
        head = f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode()
        message = BytesParser(policy=HTTP).parsebytes(head + self.content)
        for part in message.get_payload() if message.is_multipart() else []:
            assert isinstance(part, Message)
            name = part.get_param("name", header="content-disposition")
            content = part.get_payload(decode=True)
            if not isinstance(name, str) or not isinstance(content, bytes):
                continue
            if (file_name := part.get_filename()) is not None:
                files[name] = File(file_name, content)
            else:
                fields[name] = content.decode("utf-8", "replace")
        return fields, files


def repeated(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Names that occur more than once."""
    names = [name for name, _ in pairs]
    return sorted({name for name in names if names.count(name) > 1})
