"""Every example does what its README says, run as its README prints it."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.examples.readme import EXAMPLES, blocks, run, run_readme, serving

if TYPE_CHECKING:
    from router.emulator.serve import EmulatorServer

TIDES = "The Moon pulls at the sea, and twice a day the sea follows it ashore."
EARTH = re.escape('You said: "What do you know about Earth?"')
# For each folder what each of its commands prints, servers aside.
PRINTED: dict[str, list[str]] = {
    "quickstart": [
        r"router\.yaml",
        EARTH,
        rf"{EARTH}.*max_new_tokens\":200.*\ntarget=bytez/google/gemma-3-4b-it attempts=1\n$",
        r"x-router-target: bytez/google/gemma-3-4b-it.*\"object\":\"chat\.completion\".*about Earth\?",
    ],
    "swap-model": [
        r"^bytez/google/gemma-3-4b-it says: .*Who are you\?.*\nbytez/Qwen/Qwen3-4B says: .*Who are you\?"
    ],
    "weighted-tiers": [
        (
            r"^chat     6 of 8 by bytez/google/gemma-3-4b-it\n"
            r"chat     2 of 8 by bytez/google/gemma-3-12b-it\n"
            r"fragile  attempt 1: spare/gemma: connection\n"
            r"fragile  attempt 2: spare/gemma: connection\n"
            r"fragile  attempt 3: bytez/google/gemma-3-4b-it: ok\n$"
        )
    ],
    "strategies": [
        r"^bytez/google/gemma-3-12b-it  3  .*\nbytez/google/gemma-3-4b-it   9  .*\n$",
        r"^bytez/google/gemma-3-12b-it  [5-7]  .*\nbytez/google/gemma-3-4b-it   [5-7]  .*\n$",
        r"^bytez/google/gemma-3-12b-it  +\d+  .*\nbytez/google/gemma-3-4b-it  +\d+  .*\n$",
        r"^bytez/google/gemma-3-4b-it  12  alice, dave, grace\n$",
        (
            r"^bytez/google/gemma-3-12b-it  4  dave\n"
            r"bytez/google/gemma-3-27b-it  4  alice\n"
            r"bytez/google/gemma-3-4b-it   4  grace\n$"
        ),
        (
            r"^a word     bytez/Qwen/Qwen3-4B\n"
            r"a picture  bytez/google/gemma-3-4b-it\n"
            r"a book     bytez/google/gemma-3-27b-it\n"
            r"tag: large bytez/google/gemma-3-27b-it\n$"
        ),
    ],
    "hedging": [
        (
            r"^chat: answered after \d\.\d s\n"
            r"  attempt at 0\.0 s: slow/gemma: cancelled\n"
            r"  hedge at 0\.5 s: bytez/google/gemma-3-4b-it: ok\n"
            r"patient: answered after [2-5]\.\d s\n"
            r"  attempt at 0\.0 s: slow/gemma: timeout\n"
            r"  attempt at 2\.0 s: bytez/google/gemma-3-4b-it: ok\n$"
        )
    ],
    "explain": [
        (
            r"^chat is the group chat, by its name\n.*"
            r"max_tokens   4096  router\.yaml:12  written max_completion_tokens, clamped, "
            r"sent as max_new_tokens"
        ),
        (
            r"with these outcomes: answered by local/gemma\n"
            r"  1\.  at 0s    bytez/google/gemma-3-4b-it   server_error  after 0s\n"
            r"  2\.  at 0s    bytez/google/gemma-3-12b-it  timeout       after 150s\n"
            r"  3\.  at 150s  local/gemma                  ok            after 0s\n"
            r"  150s in all\n$"
        ),
        r"authorization: \*\*\*  \(env:BYTEZ_API_KEY\)\n.*Hello!",
        (
            r"^\[\] -> bytez/google/gemma-3-4b-it\n\['house'\] -> local/gemma\n"
            r"\['moon'\] -> no target that could serve 'chat' has the tag 'moon'\n$"
        ),
    ],
    "replay": [
        (
            r"^4 lines; \{'max_tokens': 20\} "
            r"\[\{'role': 'user', 'parts': \['string'\], 'calls': False\}\] False\n"
            r"bytez/google/gemma-3-4b-it \[0\.75, 0\.25, 0\.0\]\n$"
        ),
        r"^24 requests, .*\nno request would have been decided otherwise\n$",
        (
            r"\n  by local/gemma                  2              16\n.*"
            r"\n1 request would have ended otherwise\n.*"
            r"\nyesterday\.jsonl:3  chat  req_7d12bf4fe994378088b4a52c  elsewhere, cost  \(supposed\)\n"
            r"  logged    ok  bytez/google/gemma-3-12b-it: ok  \$0\.0034\n.*and 15 more"
        ),
    ],
    "policy-tests-in-config": [
        r"^ok    the small model .*\n5 passed\n$",
        r"\n6 passed\n$",
        (
            r"\nFAIL  two bad minutes .*wrong\.yaml:4:5\n      wrong\.yaml:8:17: attempts\n.*"
            r"3\. bytez/google/gemma-3-4b-it    3\. local/gemma: ok after 0s\n.*1 failed, 5 passed\n$"
        ),
    ],
    "diff": [
        (
            r"^old\.yaml -> new\.yaml\n"
            r".*chat, far-away: abroad  may go to  none -> https://llm\.example  new\.yaml:20"
            r".*75 % of tier 1 -> 50 % of tier 1.*at-home -> at-home, far-away  old\.yaml:15 -> new\.yaml:19"
        ),
        r"\n  ! chat, far-away: abroad .*; 2 not allowed: destination, worst_case\nexit code 1\n$",
        r"^### Routing: `old\.yaml` → `new\.yaml`\n.*\| `chat` \|  \| `attempts` \| `5` \| `8` \|  \|\n",
    ],
    "limits": [
        (
            r"^one at a time: 4 answers, 1 of them without a wait\n"
            r"elsewhere: 3 by bytez/Qwen/Qwen3-4B, 1 by bytez/google/gemma-3-4b-it\n"
            r"two a minute: 2 answers, 2 told to come back in (?:59|60) s\n"
            r"    'hasty' was not answered: the limits of group 'hasty' leave no room now \(rpm: 2\)\n$"
        )
    ],
    "cache": [
        (
            r"^twice: miss hit\n"
            r"as a stream: hit in 3 chunks\n"
            r"eight at once: \{'hit': 7, 'miss': 1\}\n"
            r"alice and bob: miss miss\n"
            r"shared: miss hit\n"
            r"exact: bypass miss\n"
            r"refresh, off: bypass bypass\n$"
        )
    ],
    "streams": [
        r"^The Moon pulls at the sea, and \[broken: stream_interrupted\]\nstand-in/shaky: connection\n$",
        *[rf"^{TIDES}\nstand-in/shaky: connection; stand-in/steady: ok\n$"] * 3,
    ],
    "multi-modal": [
        (
            r"--- sees: .*image \(image/png, \d+ bytes\).*"
            r"--- hears: .*audio \(audio/wav, \d+ bytes\).*"
            r"--- watches: .*video \(video/mp4, \d+ bytes\)"
        )
    ],
    "several-providers": [
        (
            r"^cloud    You said: .*\(bytez/google/gemma-3-4b-it ok\)\n"
            r"at-home  At home you said: Hello!  \(local/gemma ok\)\n"
            r"either   At home you said: Hello!  \(local/gemma ok\)\n"
            r"either   You said: .*\(local/gemma connection, bytez/google/gemma-3-4b-it ok\)\n$"
        )
    ],
    "streaming-terminal": [rf"^{EARTH}\n"],
    "fastapi-service": [r'"answer":"You said:.*"target":"bytez/google/gemma-3-4b-it"}\n' + EARTH],
    "faults": [
        (
            r"^1: bytez/google/gemma-3-4b-it server_error, bytez/google/gemma-3-4b-it server_error,"
            r" bytez/Qwen/Qwen3-4B ok\n"
            r"2: bytez/google/gemma-3-4b-it ok\n"
            r"3: bytez/google/gemma-3-4b-it ok\n"
            r"4: bytez/google/gemma-3-4b-it ok\n$"
        )
    ],
    "policy-tests": [
        r"flawed\.yaml: ok",
        (
            r"^flawed\.yaml breaks stays_within\('eu'\)\.on\('eu-chat'\): attempt 5 went to .*"
            r"\n  -> 5 .*written    eu-chat at flawed\.yaml:13, chat at flawed\.yaml:9\n.*"
            r"\nflawed\.yaml breaks never_before\('paid', 'free'\): .*"
            r"\nflawed\.yaml breaks pays_twice_at_most: 3 attempts were paid for\n"
        ),
        r"^router\.yaml keeps its promises in 300 stories, \d+ requests, \d+ attempts \(seed 0\)\n$",
        r"3 passed.*2 failed, 1 passed",
    ],
    "simulate": [
        (
            r"^outage\.yaml · 10m of requests · seed 7\n.*\nsuccess +100\.0 %\n.*"
            r"\nexpected +seen\nsuccess >= 99\.9% +100\.0 %  ok\np99 <= 8s +7\.95 s  ok\n"
            r"attempts_per_request <= 1\.2 +1\.033  ok\n.*\nevery expectation holds\n$"
        ),
        r"success >= 99\.9% +79\.4 %  NOT MET\n.*2 of 4 expectations not met\nexit code 1\n$",
        r"router\.yaml  before\.yaml\n",
        (
            r"^weight 1: \$5\.12, success 100\.00%, ok: True\n"
            r"weight 3: \$4\.23, success 100\.00%, ok: True\n"
            r"weight 9: \$3\.\d\d, success 100\.00%, ok: False\n$"
        ),
    ],
    "seed-config": [
        r"config\.yaml",
        r"^ChatCompletion\(.*What do you know about earth\?",
        r'"object":"chat\.completion".*What do you know about earth\?',
    ],
    "ci": [
        r"^router\.yaml:4:\d+: note\[missing-reference\].*router\.yaml: ok \(2 model groups, 2 notes\)\n$",
        r'"version": "2\.1\.0".*"level": "note"',
    ],
    "flawed": [r"^mistyped\.yaml:3:1: error\[unknown-key\] defualts: .*not ok \(.*exit code 1\n$"],
    "from-litellm": [
        r"config\.yaml: ok \(2 model groups, 7 notes\)",
        EARTH,
        r"version: 1\n.*gemma:\n.*aliases: \[gpt-4o-mini\]",
    ],
    "seed-params": [
        (
            r'^From code:\n.*{"max_new_tokens":20,"temperature":0\.5}.*'
            r'\nFrom config\.yaml:\n.*{"max_new_tokens":20,"temperature":0\.5}'
        )
    ],
    "seed-huggingface": [
        r'^From code:\n.*{"repetition_penalty":1\.2}.*\nFrom config\.yaml:\n.*{"repetition_penalty":1\.2}'
    ],
}


APART = "local-model"
"""Run by ``make test-local``, for the size of what it needs."""

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
WITH_CURL = {"quickstart", "fastapi-service", "seed-config"}


@pytest.mark.parametrize(
    "folder", [pytest.param(name, marks=needs_curl) if name in WITH_CURL else name for name in PRINTED]
)
def test_a_readme_runs_as_printed(folder: str, environment: dict[str, str]) -> None:
    """Every command of the README ends with 0 and prints what the README promises."""
    printed = run_readme(folder, environment)
    assert len(printed) == len(PRINTED[folder])
    for text, pattern in zip(printed, PRINTED[folder], strict=True):
        assert re.search(pattern, text, re.DOTALL), text


def test_every_example_is_tested_and_listed() -> None:
    """A folder without commands, without a test or missing from the list of examples is a mistake."""
    folders = {path.name for path in EXAMPLES.iterdir() if path.is_dir()}
    assert folders == PRINTED.keys() | {APART}
    assert all(blocks(EXAMPLES / folder / "README.md") for folder in PRINTED)
    assert set(re.findall(r"\]\(([\w-]+)\)", (EXAMPLES / "README.md").read_text())) == folders


def test_ctrl_c_stops_a_stream(bytez_emulator: EmulatorServer, environment: dict[str, str]) -> None:
    """streaming-terminal: Ctrl-C in the middle of an answer ends the program at once, and politely."""
    bytez_emulator.fail("google/gemma-3-4b-it", "stream-stall")
    with subprocess.Popen(
        ["python", "stream.py"],
        cwd=EXAMPLES / "streaming-terminal",
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as program:
        assert program.stdout is not None
        begin = program.stdout.read(9)
        program.send_signal(signal.SIGINT)
        rest, complaints = program.communicate(timeout=20)
    assert begin == b"You said:"
    assert rest.endswith(b"\n[stopped]\n")
    assert (program.returncode, complaints) == (130, b"")


@needs_curl
def test_the_service_answers_errors_with_their_status(
    bytez_emulator: EmulatorServer, environment: dict[str, str]
) -> None:
    """fastapi-service: when every target fails, plain and streamed requests both get an error status."""
    for model in ("google/gemma-3-4b-it", "Qwen/Qwen3-4B"):
        bytez_emulator.fail(model, "401")
    ask = 'curl -s -o /dev/null -w "%{http_code} " "http://127.0.0.1:$UVICORN_PORT/{ask,stream}?question=Hi"'
    with serving("uvicorn main:app", "fastapi-service", environment) as port:
        printed = run(ask, "fastapi-service", {**environment, "UVICORN_PORT": port})
    assert printed == "502 502 "


def test_a_server_of_ones_own(environment: dict[str, str]) -> None:
    """several-providers: with LOCAL_BASE_URL that server is asked, and stays on."""
    program = (
        "import os, runpy; from local_server import local_server\n"
        "with local_server() as url:\n"
        "    os.environ['LOCAL_BASE_URL'] = url\n"
        "    runpy.run_path('ask_both.py')\n"
    )
    printed = run(f'python -c "{program}"', "several-providers", environment).splitlines()
    assert len(printed) == 4
    assert printed[3] == printed[2] == "either   At home you said: Hello!  (local/gemma ok)"
