"""The OpenAI-compatible API, with OpenAI's own client and with LiteLLM on either side of the server."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import statistics
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI

from support import DONE, Account, Call, Provider, check_quotations, chunk, clean_environment, running, says
from test_cli import has_model
from test_split import Halves, free_port, halves, started  # noqa: F401  (a fixture)

MARKER = "zanzibar-marker"
RIVER = "A river bends because its outer bank is worn away."
AIM_MILLISECONDS = 100
REPETITIONS = 10
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather", "description": "The weather of a place.",
        "parameters": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
    },
}
PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n not much of a picture").decode()
# LiteLLM would fetch its table of prices from the network.
QUIET = {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
# A stranger's failure at the first word, not the client's patience, is what most tests are about.
UNTRIED = {"max_retries": 0, "timeout": 30.0}


NAMES = ["busy", "fake", "rag:busy", "rag:extractive", "rag:fake"]


def configuration(provider: Provider) -> str:
    """Two models that fail as their provider does: one may be told to rest without the other."""
    config = provider.config().replace("timeout: 2s", "timeout: 60s, attempts: 1, failureThreshold: 1000")
    fake = next(line for line in config.splitlines() if line.startswith("  fake:"))
    return config.replace(fake, fake.replace("fake:", "busy:", 1) + "\n" + fake)


@pytest.fixture(scope="module")
def ada(binary: Path, tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[Account]:
    config = configuration(provider) + "log: { level: trace }\n"
    with running(binary, tmp_path_factory.mktemp("openai"), config=config) as server:
        ada = server.sign_up("ada")
        ada.publish("Rivers", RIVER)
        yield ada


@pytest.fixture(scope="module")
def client(ada: Account) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{ada.server.url}/v1", api_key=ada.key("chat"), **UNTRIED) as client:
        yield client


def ask(text: str = "Say something.") -> list[Any]:
    return [{"role": "user", "content": text}]


def usage_event(prompt: int, completion: int) -> bytes:
    return b"data: " + json.dumps(
        {"choices": [], "usage": {"prompt_tokens": prompt, "completion_tokens": completion}}).encode() + b"\n\n"


def calls_a_tool(call: Call) -> None:
    """Asks for the weather in Ulm, the arguments cut in two, or says what the tool has answered."""
    call.head()
    if any(message["role"] == "tool" for message in call.body["messages"]):
        call.send(chunk(f"It is {call.body['messages'][-1]['content']}."))
        call.send(DONE)
        return
    for part in (
        {"index": 0, "id": "call_7", "type": "function", "function": {"name": "weather", "arguments": ""}},
        {"index": 0, "function": {"arguments": '{"place":'}}, {"index": 0, "function": {"arguments": '"Ulm"}'}},
    ):
        body = {"choices": [{"index": 0, "delta": {"tool_calls": [part]}, "finish_reason": None}]}
        call.send(b"data: " + json.dumps(body).encode() + b"\n\n")
    call.send(chunk(finish="tool_calls"))
    call.send(b"data: [DONE]\n\n")


def refuses(status: int, **headers: str) -> Callable[[Call], None]:
    def behave(call: Call) -> None:
        call.head(status, "application/json", **headers)
        call.send(json.dumps({"error": {"message": MARKER, "code": "some_code"}}).encode())

    return behave


# Models


def test_models_are_listed_and_found(client: OpenAI, ada: Account) -> None:
    names = [model.id for model in client.models.list()]
    assert names[:5] == NAMES
    assert ("all-MiniLM-L6-v2" in names) == has_model(ada.server)
    model = client.models.retrieve("rag:fake")
    assert (model.id, model.object, model.owned_by) == ("rag:fake", "model", "opentier")
    with pytest.raises(openai.NotFoundError) as refused:
        client.models.retrieve("gpt-99")
    assert refused.value.code == "model_not_found"


# Chat completions


def test_a_chat_completion(client: OpenAI, provider: Provider) -> None:
    def behave(call: Call) -> None:
        call.head()
        for text in ("Grüße ", "aus 😀"):
            call.send(chunk(text))
        call.send(chunk(finish="stop"))
        call.send(usage_event(25, 15))
        call.send(b"data: [DONE]\n\n")

    provider.behave = behave
    answer = client.chat.completions.with_raw_response.create(model="fake", messages=ask())
    assert answer.request_id
    completion = answer.parse()
    assert completion.object == "chat.completion" and completion.id.startswith("chatcmpl-")
    assert abs(completion.created - time.time()) < 60 and completion.model == "fake"
    choice = completion.choices[0]
    assert (choice.index, choice.finish_reason, choice.message.role) == (0, "stop", "assistant")
    assert choice.message.content == "Grüße aus 😀" and choice.message.tool_calls is None
    assert completion.usage and completion.usage.model_dump(exclude_none=True) == {
        "prompt_tokens": 25, "completion_tokens": 15, "total_tokens": 40}


def test_a_stream_with_usage(client: OpenAI, provider: Provider) -> None:
    provider.behave = says("one ", "two ", "three")
    chunks = list(client.chat.completions.create(
        model="fake", messages=ask(), stream=True, stream_options={"include_usage": True}))
    assert len({chunk.id for chunk in chunks}) == 1
    assert all(chunk.object == "chat.completion.chunk" for chunk in chunks)
    assert chunks[0].choices[0].delta.role == "assistant"
    texts = [chunk.choices[0].delta.content for chunk in chunks[1:-2]]
    assert texts == ["one ", "two ", "three"]
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].choices == [] and chunks[-1].usage and chunks[-1].usage.total_tokens > 0
    without = list(client.chat.completions.create(model="fake", messages=ask(), stream=True))
    assert all(chunk.usage is None for chunk in without) and without[-1].choices[0].finish_reason == "stop"


def test_the_stream_is_one_of_events_with_an_end(ada: Account, provider: Provider) -> None:
    provider.behave = says("one")
    answer = httpx.post(
        f"{ada.server.url}/v1/chat/completions", headers={"Authorization": f"Bearer {ada.token}"}, timeout=30,
        json={"model": "fake", "messages": ask(), "stream": True})
    assert answer.headers["content-type"] == "text/event-stream"
    lines = [line for line in answer.text.split("\n\n") if line]
    assert all(line.startswith("data: ") for line in lines) and lines[-1] == "data: [DONE]"


def test_every_option_reaches_the_provider(client: OpenAI, provider: Provider) -> None:
    provider.behave = says("{}")
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    client.chat.completions.create(
        model="fake", messages=[{"role": "developer", "content": "Be brief."}, *ask()], temperature=0.25, top_p=0.5,
        frequency_penalty=-0.5, presence_penalty=0.75, reasoning_effort="low", seed=42, stop=["END", "\n\n"],
        max_tokens=77,
        response_format={"type": "json_schema", "json_schema": {"name": "a_b", "schema": schema, "strict": True}},
        tools=[WEATHER], tool_choice={"type": "function", "function": {"name": "weather"}}, parallel_tool_calls=False,
        user="somebody", metadata={"a": "b"}, extra_body={"no_such_field": [1]})
    body = provider.calls[-1].body
    assert body["messages"] == [{"role": "system", "content": "Be brief."}, *ask()]
    assert {name: body[name] for name in (
        "temperature", "top_p", "frequency_penalty", "presence_penalty", "reasoning_effort", "seed", "stop",
        "max_tokens", "parallel_tool_calls", "tool_choice", "tools", "response_format")} == {
            "temperature": 0.25, "top_p": 0.5, "frequency_penalty": -0.5, "presence_penalty": 0.75,
            "reasoning_effort": "low", "seed": 42,
            "stop": ["END", "\n\n"], "max_tokens": 77, "parallel_tool_calls": False,
            "tool_choice": {"type": "function", "function": {"name": "weather"}}, "tools": [WEATHER],
            "response_format": {
                "type": "json_schema", "json_schema": {"name": "a_b", "schema": schema, "strict": True}}}
    assert not {"user", "metadata", "no_such_field"} & set(body)
    client.chat.completions.create(model="fake", messages=ask(), max_completion_tokens=5, stop="X")
    body = provider.calls[-1].body
    assert (body["max_completion_tokens"], body["stop"]) == (5, ["X"]) and "max_tokens" not in body


def test_pictures_reach_the_provider_and_addresses_are_not_fetched(client: OpenAI, provider: Provider) -> None:
    provider.behave = says("A pixel.")
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
    client.chat.completions.create(
        model="fake", messages=[{"role": "user", "content": [{"type": "text", "text": "What?"}, picture]}])
    assert provider.calls[-1].body["messages"][0]["content"] == [{"type": "text", "text": "What?"}, picture]
    count = len(provider.calls)
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="fake", messages=[{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": "http://127.0.0.1/secret.png"}}]}])
    assert refused.value.param == "messages[0].content[0].image_url" and len(provider.calls) == count


@pytest.mark.parametrize("streaming", [False, True])
def test_a_round_of_tools(client: OpenAI, provider: Provider, streaming: bool) -> None:
    provider.behave = calls_a_tool
    messages = ask("How is the weather in Ulm?")
    if streaming:
        with client.chat.completions.stream(model="fake", messages=messages, tools=[WEATHER]) as stream:
            completion = stream.get_final_completion()
    else:
        completion = client.chat.completions.create(model="fake", messages=messages, tools=[WEATHER])
    choice = completion.choices[0]
    assert choice.finish_reason == "tool_calls" and not choice.message.content
    call = choice.message.tool_calls[0]
    assert (call.id, call.type, call.function.name) == ("call_7", "function", "weather")
    assert json.loads(call.function.arguments) == {"place": "Ulm"}
    messages += [
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": call.id, "type": "function", "function": {
                "name": call.function.name, "arguments": call.function.arguments}}]},
        {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    final = client.chat.completions.create(model="fake", messages=messages, tools=[WEATHER])
    assert final.choices[0].message.content == "It is sunny." and final.choices[0].finish_reason == "stop"
    sent = provider.calls[-1].body["messages"]
    assert sent[-1] == {"role": "tool", "tool_call_id": "call_7", "content": "sunny"}
    assert json.loads(sent[-2]["tool_calls"][0]["function"]["arguments"]) == {"place": "Ulm"}


# Errors

BAD_REQUESTS: list[tuple[dict[str, Any], str | None]] = [
    ({"messages": []}, "messages"), ({"messages": "hello"}, "messages"), ({"model": 7}, "model"),
    ({"temperature": "hot"}, "temperature"), ({"temperature": 2.01}, "temperature"), ({"top_p": -0.1}, "top_p"),
    ({"n": 2}, "n"), ({"reasoning_effort": "much"}, "reasoning_effort"), ({"seed": 1.5}, "seed"), ({"stream": "yes"}, "stream"), ({"max_tokens": 0}, "max_tokens"),
    ({"stop": ["a", "b", "c", "d", "e"]}, "stop"), ({"stop": ""}, "stop"), ({"logprobs": True}, "logprobs"),
    ({"messages": [{"role": "user"}]}, "messages[0].content"),
    ({"messages": [{"content": "x"}]}, "messages[0].role"),
    ({"messages": [{"role": "king", "content": "x"}]}, "messages[0].role"),
    ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "messages[0].content[0].type"),
    ({"messages": [{"role": "tool", "tool_call_id": "x", "content": "y"}]}, "messages[0].tool_call_id"),
    ({"tools": [{"type": "retrieval"}]}, "tools[0].type"), ({"tool_choice": "auto"}, "tool_choice"),
    ({"tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "x"}}}, "tool_choice"),
    ({"response_format": {"type": "xml"}}, "response_format.type"), ({"logit_bias": {"1": 2}}, "logit_bias"),
    ({"functions": []}, "functions"), ({"modalities": ["audio"]}, "modalities"),
]


@pytest.mark.parametrize(("change", "param"), BAD_REQUESTS, ids=[json.dumps(change)[:60] for change, _ in BAD_REQUESTS])
def test_a_bad_request_names_the_field(
    client: OpenAI, provider: Provider, change: dict[str, Any], param: str | None
) -> None:
    count = len(provider.calls)
    with pytest.raises(openai.BadRequestError) as refused:
        client.post("/chat/completions", cast_to=object, body={"model": "fake", "messages": ask()} | change)
    error = refused.value
    assert (error.type, error.param) == ("invalid_request_error", param), error
    assert error.body and set(error.body) == {"message", "type", "param", "code"}
    assert len(provider.calls) == count


def test_a_missing_field_a_broken_body_and_a_strange_path(ada: Account) -> None:
    headers = {"Authorization": f"Bearer {ada.token}", "Content-Type": "application/json"}

    def post(path: str, content: bytes, status: int) -> dict[str, Any]:
        answer = httpx.post(f"{ada.server.url}/v1/{path}", headers=headers, content=content, timeout=30)
        assert answer.status_code == status and answer.headers["x-request-id"], answer.text
        return answer.json()["error"]

    assert post("chat/completions", b'{"model":"fake"}', 400)["param"] == "messages"
    for broken in (b"", b"{", b"[]", b'"x"', b"\xff", b"[" * 100_000):
        assert post("chat/completions", broken, 400)["type"] == "invalid_request_error", broken[:9]
    assert "Invalid URL" in post("no/such/path", b"{}", 404)["message"]
    assert httpx.get(f"{ada.server.url}/v1/chat/completions", headers=headers).json()["error"]["type"]
    # One byte more than the limit of 16 MiB.
    large = b'{"model":"fake","messages":[{"role":"user","content":"' + b"x" * (16 << 20)
    assert post("chat/completions", large, 413)["code"] == "request_too_large"


def test_keys_are_refused_in_openais_words(ada: Account, provider: Provider) -> None:
    def refused(key: str, kind: type[openai.APIStatusError], code: str) -> None:
        with OpenAI(base_url=f"{ada.server.url}/v1", api_key=key, **UNTRIED) as client:
            with pytest.raises(kind) as error:
                client.chat.completions.create(model="fake", messages=ask())
            assert error.value.code == code

    count = len(provider.calls)
    refused("sk-from-elsewhere", openai.AuthenticationError, "invalid_api_key")
    refused("otk_" + "a" * 48, openai.AuthenticationError, "invalid_api_key")
    refused(ada.key("search"), openai.PermissionDeniedError, "insufficient_permissions")
    assert len(provider.calls) == count
    provider.behave = says("Hello.")
    with OpenAI(base_url=f"{ada.server.url}/v1", api_key=ada.token, **UNTRIED) as client:
        assert client.chat.completions.create(model="fake", messages=ask()).choices[0].message.content == "Hello."


def test_the_models_failures_raise_the_right_exceptions(client: OpenAI, provider: Provider) -> None:
    cases: list[tuple[Callable[[Call], None], type[openai.APIStatusError], int]] = [
        (refuses(500), openai.InternalServerError, 503), (refuses(401), openai.InternalServerError, 503),
        (refuses(400), openai.BadRequestError, 400),
    ]
    for behave, kind, status in cases:
        provider.behave = behave
        with pytest.raises(kind) as failed:
            client.chat.completions.create(model="fake", messages=ask(), stream=True)
        assert failed.value.status_code == status and MARKER not in str(failed.value)
    provider.behave = refuses(429, Retry_After="7")
    # The second is refused by the model's rest, which has some of the time left.
    for _ in range(2):
        with pytest.raises(openai.InternalServerError) as failed:
            client.chat.completions.create(model="busy", messages=ask())
        assert failed.value.status_code == 503 and 6 <= int(failed.value.response.headers["retry-after"]) <= 7
    with pytest.raises(openai.NotFoundError) as unknown:
        client.chat.completions.create(model="gpt-99", messages=ask())
    assert (unknown.value.code, unknown.value.param) == ("model_not_found", "model")


def test_a_client_tries_again_what_may_go_better(ada: Account, provider: Provider) -> None:
    first = len(provider.calls)

    def behave(call: Call) -> None:
        (refuses(503, Retry_After="1") if len(provider.calls) == first + 1 else says("At last."))(call)

    provider.behave = behave
    started_at = time.monotonic()
    with OpenAI(base_url=f"{ada.server.url}/v1", api_key=ada.token, max_retries=2) as client:
        answer = client.chat.completions.create(model="fake", messages=ask())
    assert answer.choices[0].message.content == "At last."
    assert len(provider.calls) == first + 2 and 1 <= time.monotonic() - started_at < 10


def test_a_stream_that_breaks_off_ends_in_an_error(client: OpenAI, provider: Provider) -> None:
    def breaks(call: Call) -> None:
        call.head()
        call.send(chunk("Half of "))

    provider.behave = breaks
    texts = []
    with pytest.raises(openai.APIError) as failed:
        for part in client.chat.completions.create(model="fake", messages=ask(), stream=True):
            texts.append(part.choices[0].delta.content)
    assert texts == ["", "Half of "] and "broke off" in str(failed.value)
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(model="fake", messages=ask())


# Answers from the knowledge base


@pytest.mark.parametrize("model", ["rag:extractive", "rag:fake"])
@pytest.mark.parametrize("streaming", [False, True])
def test_a_grounded_answer_cites_what_it_rests_on(
    client: OpenAI, ada: Account, provider: Provider, model: str, streaming: bool
) -> None:
    provider.behave = says("Über Flüsse: its outer bank is worn away [1]. And nothing else [9].")
    messages = ask("Why does a river bend?")
    if streaming:
        chunks = list(client.chat.completions.create(model=model, messages=messages, stream=True))
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        last = next(chunk for chunk in chunks if "opentier" in (chunk.model_extra or {}))
        annotations = last.choices[0].delta.model_extra["annotations"]
        grounds = last.model_extra["opentier"]
        assert chunks[-1].choices[0].finish_reason == "stop"
    else:
        completion = client.chat.completions.create(model=model, messages=messages)
        text = completion.choices[0].message.content or ""
        annotations = [note.model_dump() for note in completion.choices[0].message.annotations or []]
        grounds = completion.model_extra["opentier"]
    assert "[1]" in text and annotations
    for note in annotations:
        citation = note["url_citation"]
        assert note["type"] == "url_citation" and citation["title"] == "Rivers"
        assert text[citation["start_index"]:citation["end_index"]] == "[1]"
        document = grounds["citations"][0]["documentId"]
        assert citation["url"] == f"{ada.server.url}/#/documents/{document}"
    assert [citation["marker"] for citation in grounds["citations"]] == [1]
    assert grounds["citations"][0]["submittedBy"] == "Ada" and grounds["citations"][0]["approvedBy"] == "Ada"
    check_quotations(ada, grounds["citations"])
    check_quotations(ada, grounds["sources"])
    if model == "rag:fake":
        sent = provider.calls[-1].body["messages"]
        assert RIVER in sent[-1]["content"] and sent[0]["role"] == "system"


def test_a_grounded_dialogue_keeps_its_history_without_old_marks(client: OpenAI, provider: Provider) -> None:
    provider.behave = says("Worn away [1].")
    client.chat.completions.create(model="rag:fake", messages=[
        {"role": "system", "content": "Speak like a pirate."}, {"role": "user", "content": "What is a river?"},
        {"role": "assistant", "content": "Water that flows [3]."}, {"role": "user", "content": "Why does it bend?"}])
    sent = provider.calls[-1].body["messages"]
    assert [message["role"] for message in sent] == ["system", "user", "assistant", "user"]
    assert "pirate" in sent[0]["content"] and sent[2]["content"] == "Water that flows."
    assert RIVER in sent[3]["content"] and "Why does it bend?" in sent[3]["content"]


def test_nothing_found_cites_nothing(client: OpenAI) -> None:
    answer = client.chat.completions.create(model="rag:extractive", messages=ask("Who won the chess olympiad?"))
    assert answer.choices[0].message.content and not answer.choices[0].message.annotations


def test_a_tenants_passages_are_found_by_its_members_alone(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="extractive", messages=ask())
    assert "rag:extractive" in str(refused.value)
    for body in ({"tools": [WEATHER]}, {"stop": ["x"]}, {"response_format": {"type": "json_object"}}):
        with pytest.raises(openai.BadRequestError):
            client.chat.completions.create(model="rag:extractive", messages=ask(), **body)  # type: ignore[call-overload]
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="rag:", messages=ask())


# Completions


@pytest.mark.parametrize("streaming", [False, True])
def test_a_completion_of_a_text(client: OpenAI, provider: Provider, streaming: bool) -> None:
    def behave(call: Call) -> None:
        call.head()
        for text, finish in (("upon ", None), ("a time", None), ("", "length")):
            body = {"choices": [{"index": 0, "text": text, "finish_reason": finish}]}
            call.send(b"data: " + json.dumps(body).encode() + b"\n\n")
        call.send(b"data: [DONE]\n\n")

    provider.behave = behave
    asked: dict[str, Any] = {"model": "fake", "prompt": "Once", "suffix": "END", "max_tokens": 9, "temperature": 0}
    if streaming:
        chunks = list(client.completions.create(**asked, stream=True))
        text, reason = "".join(chunk.choices[0].text for chunk in chunks), chunks[-1].choices[0].finish_reason
    else:
        completion = client.completions.create(**asked)
        assert completion.object == "text_completion" and completion.usage
        text, reason = completion.choices[0].text, completion.choices[0].finish_reason
    assert (text, reason) == ("upon a time", "length")
    call = provider.calls[-1]
    assert call.path == "/v1/completions" and "messages" not in call.body
    assert {name: call.body[name] for name in ("prompt", "suffix", "max_tokens", "temperature")} == {
        "prompt": "Once", "suffix": "END", "max_tokens": 9, "temperature": 0}


@pytest.mark.parametrize("change", [
    {"prompt": ["a", "b"]}, {"prompt": [1, 2]}, {"prompt": 5}, {"echo": True}, {"best_of": 3}, {"logprobs": 1}])
def test_a_completion_that_is_not_served(client: OpenAI, change: dict[str, Any]) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.completions.create(**({"model": "fake", "prompt": "Once"} | change))
    assert refused.value.param == next(iter(change))


# Embeddings


@pytest.fixture
def embedding(ada: Account, client: OpenAI, unavailable: Callable[[str], None]) -> OpenAI:
    if not has_model(ada.server):
        unavailable("there is no embedding model: run `opentier models fetch`")
    return client


def test_embeddings_are_unit_vectors_in_either_form(embedding: OpenAI, ada: Account) -> None:
    texts = ["A river bends.", "Ein Fluss macht Bögen.", "Stock prices fell."]
    # The client asks for Base64 by itself.
    answer = embedding.embeddings.create(model="all-MiniLM-L6-v2", input=texts)
    assert [item.index for item in answer.data] == [0, 1, 2] and answer.model == "all-MiniLM-L6-v2"
    assert answer.usage.prompt_tokens == answer.usage.total_tokens > 5
    for item in answer.data:
        assert len(item.embedding) == 384 and abs(sum(value * value for value in item.embedding) - 1) < 1e-3
    plain = embedding.embeddings.create(
        model="all-MiniLM-L6-v2", input=texts[0], encoding_format="float", dimensions=384)
    assert max(abs(a - b) for a, b in zip(plain.data[0].embedding, answer.data[0].embedding)) < 1e-6
    raw = httpx.post(
        f"{ada.server.url}/v1/embeddings", headers={"Authorization": f"Bearer {ada.key('search')}"}, timeout=30,
        json={"model": "all-MiniLM-L6-v2", "input": texts[0], "encoding_format": "base64"}).json()
    values = struct.unpack("<384f", base64.b64decode(raw["data"][0]["embedding"]))
    assert max(abs(a - b) for a, b in zip(values, plain.data[0].embedding)) < 1e-6


def test_more_texts_than_a_batch_keep_their_order(embedding: OpenAI) -> None:
    texts = [f"text number {number}" for number in range(300)]
    answer = embedding.embeddings.create(model="all-MiniLM-L6-v2", input=texts)
    assert [item.index for item in answer.data] == list(range(300))
    single = embedding.embeddings.create(model="all-MiniLM-L6-v2", input=texts[299])
    assert sum(a * b for a, b in zip(single.data[0].embedding, answer.data[299].embedding)) > 0.999


@pytest.mark.parametrize(("change", "param"), [
    ({"input": [1, 2, 3]}, "input"), ({"input": [[1, 2]]}, "input"), ({"input": ""}, "input"), ({"input": []}, "input"),
    ({"input": ["x"] * 2049}, "input"), ({"dimensions": 128}, "dimensions"),
    ({"encoding_format": "hex"}, "encoding_format"), ({"input": {}}, "input")])
def test_embeddings_that_are_refused(embedding: OpenAI, change: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        embedding.post(
            "/embeddings", cast_to=object, body={"model": "all-MiniLM-L6-v2", "input": "x"} | change)
    assert refused.value.param == param


def test_an_unknown_embedding_model(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        client.embeddings.create(model="text-embedding-3-small", input="x")
    assert refused.value.code == "model_not_found"


# Cancellation


@pytest.mark.parametrize("streaming", [True, False])
def test_a_client_that_leaves_cancels_the_providers_call(
    ada: Account, provider: Provider, streaming: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    provider.behave = provider.talks_until_left
    body = json.dumps({"model": "fake", "messages": ask(), "stream": streaming}).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {ada.token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n").encode()
    milliseconds = []
    for _ in range(REPETITIONS):
        count = len(provider.calls)
        with socket.create_connection(ada.server.address) as connection:
            connection.sendall(head + body)
            if streaming:
                received = b""
                while b"word2" not in received:
                    received += connection.recv(65_536)
            else:
                patience = time.monotonic() + 10
                while len(provider.calls) == count:
                    assert time.monotonic() < patience
                    time.sleep(0.001)
            left_at = time.monotonic()
        call = provider.calls[-1]
        assert call.closed.wait(2)
        milliseconds.append((call.closed_at - left_at) * 1000)
    assert statistics.median(milliseconds) < AIM_MILLISECONDS
    with capsys.disabled():
        print(
            f"\nthe provider's call ended, {'streaming' if streaming else 'whole'}: median "
            f"{statistics.median(milliseconds):.1f} ms, at most {max(milliseconds):.1f} ms, {REPETITIONS} times")


def test_openais_stream_closed_early_ends_the_providers_call(client: OpenAI, provider: Provider) -> None:
    provider.behave = provider.talks_until_left
    with client.chat.completions.create(model="fake", messages=ask(), stream=True) as stream:
        next(iter(stream))
    assert provider.calls[-1].closed.wait(2)


# LiteLLM


def test_litellm_as_a_client(ada: Account, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in QUIET.items():
        monkeypatch.setenv(name, value)
    import litellm

    def complete(**more: Any) -> Any:
        return litellm.completion(
            model="openai/fake", api_base=f"{ada.server.url}/v1", api_key=ada.key("chat", name="litellm"),
            messages=ask(), num_retries=0, max_retries=0, **more)

    provider.behave = says("Hello ", "there.")
    answer = complete(temperature=0.5, drop_params=True)
    assert answer.choices[0].message.content == "Hello there." and answer.usage.total_tokens > 0
    texts = [part.choices[0].delta.content or "" for part in complete(stream=True)]
    assert "".join(texts) == "Hello there."
    provider.behave = calls_a_tool
    call = complete(tools=[WEATHER]).choices[0].message.tool_calls[0]
    assert (call.function.name, json.loads(call.function.arguments)) == ("weather", {"place": "Ulm"})
    provider.behave = refuses(500)
    with pytest.raises((litellm.ServiceUnavailableError, litellm.InternalServerError)):
        complete()
    with pytest.raises(litellm.AuthenticationError):
        litellm.completion(
            model="openai/fake", api_base=f"{ada.server.url}/v1", api_key="otk_none", messages=ask(), max_retries=0)
    grounded = litellm.completion(
        model="openai/rag:extractive", api_base=f"{ada.server.url}/v1", api_key=ada.token,
        messages=ask("Why does a river bend?"))
    assert "[1]" in grounded.choices[0].message.content


LITELLM_PROXY = """
model_list:
  - model_name: upstream
    litellm_params: {{ model: openai/fake-1, api_base: "{url}", api_key: none }}
general_settings: {{ master_key: sk-of-the-proxy }}
"""
PROXY_SECONDS = 120


@pytest.fixture
def litellm_proxy(tmp_path: Path, provider: Provider) -> Iterator[str]:
    """LiteLLM's own proxy before the provider."""
    (tmp_path / "litellm.yaml").write_text(LITELLM_PROXY.format(url=provider.url))
    port = free_port()
    with (tmp_path / "litellm.log").open("wb") as log:
        process = subprocess.Popen(
            [Path(sys.executable).parent / "litellm", "--config", tmp_path / "litellm.yaml", "--host", "127.0.0.1",
             "--port", str(port), "--telemetry", "False"],
            cwd=tmp_path, env=clean_environment(**QUIET), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + PROXY_SECONDS
        while True:
            assert process.poll() is None and time.monotonic() < deadline, (tmp_path / "litellm.log").read_text()
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"http://127.0.0.1:{port}/health/liveliness").status_code == 200:
                    break
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait(20)


def test_litellms_proxy_as_an_upstream(
    binary: Path, tmp_path: Path, provider: Provider, litellm_proxy: str
) -> None:
    config = (
        "passwords: { cost: 4 }\nmodels:\n  default: lite\n  lite: { provider: openai, "
        f'baseURL: "{litellm_proxy}", model: "upstream", apiKey: "sk-of-the-proxy" }}\n')
    with running(binary, tmp_path, config=config) as server:
        ada = server.sign_up("ada")
        with OpenAI(base_url=f"{server.url}/v1", api_key=ada.key("chat"), max_retries=0) as client:
            provider.behave = says("Through ", "and ", "through.")
            answer = client.chat.completions.create(model="lite", messages=ask(), temperature=0.5)
            assert answer.choices[0].message.content == "Through and through."
            assert answer.choices[0].finish_reason == "stop" and answer.usage and answer.usage.total_tokens > 0
            assert provider.calls[-1].body["temperature"] == 0.5
            parts = client.chat.completions.create(model="lite", messages=ask(), stream=True)
            assert "".join(part.choices[0].delta.content or "" for part in parts) == "Through and through."
            provider.behave = calls_a_tool
            message = client.chat.completions.create(model="lite", messages=ask(), tools=[WEATHER]).choices[0].message
            assert message.tool_calls and message.tool_calls[0].function.name == "weather"
            assert json.loads(message.tool_calls[0].function.arguments) == {"place": "Ulm"}


def test_one_server_as_the_others_upstream(binary: Path, tmp_path: Path, ada: Account, provider: Provider) -> None:
    provider.behave = says("All the ", "way down.")
    config = (
        "passwords: { cost: 4 }\nmodels:\n  default: other\n  other: { provider: openai, "
        f'baseURL: "{ada.server.url}/v1", model: "fake", apiKey: "{ada.key("chat", name="other")}" }}\n')
    with running(binary, tmp_path, config=config) as server:
        bob = server.sign_up("bob")
        with OpenAI(base_url=f"{server.url}/v1", api_key=bob.token, max_retries=0) as client:
            answer = client.chat.completions.create(model="other", messages=ask())
            assert answer.choices[0].message.content == "All the way down."


# The halves


def test_the_api_through_the_split(halves: Callable[..., Halves], provider: Provider) -> None:  # noqa: F811
    provider.behave = calls_a_tool
    split = halves(config=configuration(provider))
    gateway = started(split)
    ada = gateway.sign_up("ada")
    ada.publish("Rivers", RIVER)
    with OpenAI(base_url=f"{gateway.url}/v1", api_key=ada.key("chat"), **UNTRIED) as client:
        assert [model.id for model in client.models.list()][:5] == NAMES
        message = client.chat.completions.create(
            model="fake", messages=ask(), tools=[WEATHER], seed=3, stop="X").choices[0].message
        assert message.tool_calls and message.tool_calls[0].function.name == "weather"
        assert (provider.calls[-1].body["seed"], provider.calls[-1].body["stop"]) == (3, ["X"])
        grounded = client.chat.completions.create(model="rag:extractive", messages=ask("Why does a river bend?"))
        check_quotations(ada, grounded.model_extra["opentier"]["citations"])
        provider.behave = refuses(429, Retry_After="7")
        with pytest.raises(openai.InternalServerError) as failed:
            client.chat.completions.create(model="busy", messages=ask())
        assert failed.value.response.headers["retry-after"] == "7"
        with pytest.raises(openai.NotFoundError):
            client.chat.completions.create(model="none", messages=ask())
        if has_model(split.intelligence[0]):
            assert len(client.embeddings.create(model="all-MiniLM-L6-v2", input="x").data[0].embedding) == 384
        provider.behave = provider.talks_until_left
        with client.chat.completions.create(model="fake", messages=ask(), stream=True) as stream:
            next(iter(stream))
        assert provider.calls[-1].closed.wait(2)
    inner = split.intelligence[0]
    assert httpx.get(f"{inner.url}/v1/models").status_code == 404


# Silence


def test_nothing_of_prompts_answers_or_keys_is_in_logs_or_metrics(
    client: OpenAI, ada: Account, provider: Provider
) -> None:
    key = ada.key("chat")
    provider.behave = says(f"The answer is {MARKER}.")
    with OpenAI(base_url=f"{ada.server.url}/v1", api_key=key, **UNTRIED) as client:
        for model in ("fake", "rag:fake"):
            client.chat.completions.create(model=model, messages=ask(f"What is {MARKER}?"), stop=[MARKER])
            list(client.chat.completions.create(model=model, messages=ask(MARKER), stream=True))
        provider.behave = refuses(400)
        for body in ({}, {"temperature": MARKER}, {"model": MARKER}, {"messages": [{"role": MARKER}]}):
            with pytest.raises(openai.APIStatusError):
                client.post(
                    "/chat/completions", cast_to=object, body={"model": "fake", "messages": ask(MARKER)} | body)
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve(MARKER)
        with pytest.raises(openai.APIStatusError):
            client.embeddings.create(model=MARKER, input=MARKER)
    metrics = httpx.get(f"{ada.server.url}/metrics").text
    assert "/v1/chat/completions" in metrics and "/v1/chat/completions" in ada.server.log()
    for secret in (MARKER, key, key[4:], ada.token, "sk-very-secret"):
        assert secret not in ada.server.log() and secret not in metrics
