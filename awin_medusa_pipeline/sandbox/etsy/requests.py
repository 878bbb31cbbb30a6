"""Parses queries, forms, multipart and JSON as Etsy parses them."""

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
    """An HTTP request. Header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    content: bytes = field(default=b"", repr=False)

    @property
    def path(self) -> str:
        """Path without the query."""
        return urlsplit(self.target).path

    @property
    def content_type(self) -> str:
        """Content type without parameters, in lower case; "" if there is none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def query_pairs(self) -> list[tuple[str, str]]:
        """The query as sent, repeated names included."""
        return parse_qsl(urlsplit(self.target).query, keep_blank_values=True)

    @property
    def query(self) -> dict[str, str]:
        """The query with only the last value of a repeated name."""
        return dict(self.query_pairs)

    @property
    def form_pairs(self) -> list[tuple[str, str]]:
        """The form as sent, repeated names included; empty if the body is no form."""
        if self.content_type != FORM:
            return []
        return parse_qsl(self.content.decode("utf-8", "replace"), keep_blank_values=True)

    @property
    def form(self) -> dict[str, str]:
        """The form with only the last value of a repeated name, as Etsy keeps it; lists use commas (open-api #291)."""
        return dict(self.form_pairs)

    @property
    def json(self) -> Any:
        """The JSON body; None for another kind of body or broken JSON."""
        if self.content_type != APPLICATION_JSON:
            return None
        try:
            return json.loads(self.content)
        except ValueError:
            return None

    @property
    def parts(self) -> tuple[dict[str, str], dict[str, File]]:
        """Fields and files of a multipart body; both empty if the body is not multipart or has no boundary."""
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
    """List the names that occur more than once."""
    names = [name for name, _ in pairs]
    return sorted({name for name in names if names.count(name) > 1})
