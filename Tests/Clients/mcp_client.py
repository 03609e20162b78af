"""Runs one of the SDKs of the Model Context Protocol as a client, in a process of its own: the SDKs do not agree with each
other, nor with what else the tests need, about the versions of what they use.

Standard input is JSON: the address, the token, the mode (`auto` or `legacy` of the SDK 2, `v1` for the SDK 1) and the calls.
Standard output is a line of JSON: what was negotiated, and for each call its result or its error.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any


def plain(value: Any) -> Any:
    return value.model_dump(by_alias=True, mode="json", exclude_none=True)


async def run(calls: list[list[Any]], client: Any, error: type[Exception]) -> list[dict[str, Any]]:
    results = []
    for name, *arguments in calls:
        try:
            results.append({"result": plain(await getattr(client, name)(*arguments))})
        except error as failure:
            results.append({"error": plain(failure.error)})
    return results


async def modern(order: dict[str, Any]) -> dict[str, Any]:
    import httpx2
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client
    from mcp.shared.exceptions import MCPError

    headers = {"Authorization": f"Bearer {order['token']}"}
    async with httpx2.AsyncClient(headers=headers, timeout=30) as http:
        transport = streamable_http_client(order["url"], http_client=http)
        async with Client(transport, mode=order["mode"]) as client:
            return {
                "version": client.protocol_version, "server": plain(client.server_info),
                "capabilities": plain(client.server_capabilities), "instructions": client.instructions,
                "results": await run(order["calls"], client, MCPError)}


async def first(order: dict[str, Any]) -> dict[str, Any]:
    from mcp import ClientSession, McpError
    from mcp.client.streamable_http import streamablehttp_client

    headers = {"Authorization": f"Bearer {order['token']}"}
    async with streamablehttp_client(order["url"], headers=headers) as (reader, writer, session_id):
        async with ClientSession(reader, writer) as session:
            started = await session.initialize()
            assert session_id()
            return {
                "version": started.protocolVersion, "server": plain(started.serverInfo),
                "capabilities": plain(started.capabilities), "instructions": started.instructions,
                "results": await run(order["calls"], session, McpError)}


if __name__ == "__main__":
    given = json.load(sys.stdin)
    json.dump(asyncio.run(first(given) if given["mode"] == "v1" else modern(given)), sys.stdout)
