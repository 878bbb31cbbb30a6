"""Feed server and Slack sink over real sockets."""

import gzip
import json
import os
import threading
from email.utils import formatdate
from pathlib import Path

import httpx
import pytest

from awin_medusa_pipeline.sandbox.etsy.rules.images import size
from awin_medusa_pipeline.sandbox.pictures import SIDE
from awin_medusa_pipeline.sandbox.servers import FEED_NAME, FEED_PATH, SLACK_PATH, Surroundings


@pytest.fixture
def servers(tmp_path: Path):
    with Surroundings(0, tmp_path, tmp_path / "slack.ndjson") as found:
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def write_feed(servers: Surroundings, text: str, name: str = FEED_NAME) -> bytes:
    content = gzip.compress(text.encode())
    (servers.feed_folder / name).write_bytes(content)
    return content


def get(servers: Surroundings, path: str = FEED_PATH, **headers: str) -> httpx.Response:
    return httpx.get(servers.base_url + path, headers={name.replace("_", "-"): text for name, text in headers.items()})


def test_feed_is_served_as_stored(servers: Surroundings):
    assert get(servers).status_code == 404
    content = write_feed(servers, "a,b\n1,2\n")
    answer = get(servers)
    assert answer.content == content
    assert "content-encoding" not in answer.headers
    assert httpx.head(servers.base_url + FEED_PATH).headers["content-length"] == str(len(content))


def test_every_image_is_a_picture_of_its_own(servers: Surroundings):
    first, again, other = (get(servers, f"/images/{name}.png") for name in ("lamp", "lamp", "mug"))
    assert first.headers["content-type"] == "image/png"
    assert size(first.content) == (SIDE, SIDE)
    assert first.content == again.content != other.content


def test_other_feed_of_the_folder_is_served_by_name(servers: Surroundings):
    write_feed(servers, "first")
    second = write_feed(servers, "second", "second.csv.gz")
    assert get(servers, "/datafeed/second.csv.gz").content == second
    assert get(servers, "/../../etc/passwd").content != second


def test_unchanged_feed_is_304_until_it_changes(servers: Surroundings):
    write_feed(servers, "today")
    first = get(servers)
    tag, changed = first.headers["etag"], first.headers["last-modified"]
    for condition in ({"If_None_Match": tag}, {"If_Modified_Since": changed}):
        answer = get(servers, **condition)
        assert (answer.status_code, answer.content) == (304, b"")
    long_ago = formatdate(1, usegmt=True)
    assert get(servers, If_Modified_Since=long_ago).status_code == 200
    assert get(servers, If_None_Match='"other"', If_Modified_Since=changed).status_code == 200
    tomorrow = write_feed(servers, "tomorrow")
    os.utime(servers.feed_folder / FEED_NAME, (2**31, 2**31))
    assert get(servers, If_None_Match=tag, If_Modified_Since=changed).content == tomorrow


def test_slack_keeps_messages_and_fails_as_told(servers: Surroundings):
    address = servers.base_url + SLACK_PATH
    assert httpx.put(servers.base_url + "/fail/2").status_code == 200
    answers = [httpx.post(address, json={"text": f"né {n}"}) for n in range(4)]
    assert [a.status_code for a in answers] == [500, 500, 200, 200]
    assert answers[-1].text == "ok"
    kept = [json.loads(line) for line in servers.slack_file.read_text().splitlines()]
    assert kept == [{"text": "né 2"}, {"text": "né 3"}]
    refused = httpx.post(address, content=b"not json")
    assert (refused.status_code, refused.text) == (400, "invalid_payload")
