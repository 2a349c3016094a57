"""docs/webhooks.md: its example is what is sent, and its code takes our signature and nothing else."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from msgspec.structs import replace
from workbench import ROOT

from feedwatch.alerts import webhook
from feedwatch.alerts.message import EXAMPLE_TIME, Item, Message, example_change
from feedwatch.routes import Route, Webhook

PAGE = (ROOT / "docs" / "webhooks.md").read_text("utf-8")
SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
OTHER = "whsec_" + base64.b64encode(b"another secret of thirty-two byte").decode()

#: How each language runs its block: the interpreter, the file's name, and what is put behind the block. Each program
#: reads cases as JSON from stdin and answers with a list of true and false.
RUNNERS = {
    "python": (
        sys.executable,
        "verify.py",
        "import json, sys\n"
        "cases = json.load(sys.stdin)\n"
        "print(json.dumps([verify(c['secret'], c['headers'], base64.b64decode(c['body'])) for c in cases]))\n",
    ),
    "javascript": (
        "node",
        "verify.js",
        "const cases = JSON.parse(require('fs').readFileSync(0));\n"
        "console.log(JSON.stringify(cases.map((c) => verify(c.secret, c.headers, Buffer.from(c.body, 'base64')))));\n",
    ),
    "php": (
        "php",
        "verify.php",
        "$cases = json_decode(file_get_contents('php://stdin'), true);\n"
        "echo json_encode(array_map("
        "fn($c) => verify($c['secret'], $c['headers'], base64_decode($c['body'])), $cases));\n",
    ),
    "go": (
        "go",
        "verify.go",
        "",
    ),
}
GO_MAIN = """package main

import (
	"encoding/json"
	"net/http"
	"os"
)

func main() {
	var cases []struct {
		Secret  string
		Headers map[string]string
		Body    []byte
	}
	json.NewDecoder(os.Stdin).Decode(&cases)
	found := []bool{}
	for _, c := range cases {
		headers := http.Header{}
		for name, value := range c.Headers {
			headers.Set(name, value)
		}
		found = append(found, Verify(c.Secret, headers, c.Body))
	}
	json.NewEncoder(os.Stdout).Encode(found)
}
"""


def _message() -> Message:
    change = replace(example_change("edited", EXAMPLE_TIME), size="major")
    return Message("msg_1", Route("hook", Webhook("https://hooks.example.org/")), (Item("d", change, "Example blog"),))


def _case(
    secrets: tuple[str, ...] = (SECRET,), at: datetime | None = None, **changed: str | bytes
) -> dict[str, object]:
    body = webhook.render(_message())
    post = webhook.post(Webhook("https://hooks.example.org/", secrets), "msg_1", body, at or datetime.now(UTC))
    headers: Mapping[str, str | bytes] = dict(post.headers)
    body = changed.pop("body", body)  # type: ignore[assignment]
    named = {name.replace("_", "-"): value for name, value in changed.items()}
    return {"secret": SECRET, "headers": {**headers, **named}, "body": base64.b64encode(body).decode()}


def _block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


@pytest.mark.parametrize("language", RUNNERS)
def test_the_code_takes_our_signature_and_nothing_else(tmp_path: Path, language: str) -> None:
    interpreter, name, behind = RUNNERS[language]
    if shutil.which(interpreter) is None:
        pytest.skip(f"{interpreter} is not installed")
    (tmp_path / name).write_text(_block(language) + behind)
    command = [interpreter, name]
    if language == "go":
        (tmp_path / "main.go").write_text(GO_MAIN)
        command = ["go", "run", "verify.go", "main.go"]
    now = datetime.now(UTC)
    good = [_case(), _case((OTHER, SECRET)), _case(at=now - timedelta(minutes=4))]
    bad = [
        _case((OTHER,)),
        _case(body=webhook.render(_message()) + b" "),
        _case(webhook_id="msg_2"),
        _case(webhook_timestamp=str(int(now.timestamp()) - 1)),
        _case(webhook_timestamp="soon"),
        _case(webhook_signature="v1,"),
        _case(at=now - timedelta(minutes=6)),
        _case(at=now + timedelta(minutes=6)),
    ]

    done = subprocess.run(
        command, cwd=tmp_path, input=json.dumps([*good, *bad]), capture_output=True, text=True, timeout=55, check=False
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [True] * len(good) + [False] * len(bad)


def test_at_least_three_languages_are_shown_and_each_is_run() -> None:
    shown = re.findall(r"^### .*\n\n```(\w+)$", PAGE, re.MULTILINE)

    assert shown == list(RUNNERS)
    assert len(shown) >= 3


def test_the_body_shown_is_one_that_is_sent() -> None:
    shown = json.loads(_block("json"))
    sent = json.loads(webhook.render(_message()))
    schema = json.loads((ROOT / "feedwatch" / "webhook.schema.json").read_text("utf-8"))

    assert list(Draft202012Validator(schema).iter_errors(shown)) == []
    # Abridged: the entry before, and one of the two fields that changed.
    assert (shown["data"].pop("before"), sent["data"].pop("before")["title"]) == (None, "Safer rollouts")
    assert shown["data"].pop("diff") == sent["data"].pop("diff")[:1]
    assert shown == sent


def test_every_type_of_the_schema_is_named() -> None:
    schema = json.loads((ROOT / "feedwatch" / "webhook.schema.json").read_text("utf-8"))
    types = [
        name
        for kind in ("entry_event", "incident_event", "digest")
        for said in [schema["$defs"][kind]["properties"]["type"]]
        for name in said.get("enum", [said.get("const")])
    ]

    assert len(types) == 9
    assert [name for name in types if f"`{name}`" not in PAGE] == []
