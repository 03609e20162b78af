"""The peer of the wires' benchmark: `AuthService.GetMe` as the usual Python libraries serve it, each in a process.

    python3 peer.py rest|connect|grpc PORT STUBS TOKEN

`rest` is FastAPI on uvicorn, `connect` is connectrpc's ASGI application on uvicorn, `grpc` is grpcio's asyncio server.
STUBS is the folder of the modules that protoc made (wires.py makes them). Each looks the bearer token up in a dictionary
and answers with the same account; there is no database, no log line and no metric. Needs requirements.txt.
"""

import asyncio
import sys


def account(auth_pb2):
    """The answer, the same for all three."""
    user = auth_pb2.User(
        id="019ac000-0000-7000-8000-000000000001", email="bench@example.org", display_name="Bench",
        role=auth_pb2.USER_ROLE_ADMIN, organization_id="019ac000-0000-7000-8000-000000000002")
    return auth_pb2.GetMeResponse(user=user)


def rest(port, sessions):
    import fastapi
    import uvicorn
    from google.protobuf.json_format import MessageToDict

    application = fastapi.FastAPI()

    @application.get("/api/v1/auth/me")
    async def get_me(request: fastapi.Request):
        found = sessions.get(request.headers.get("authorization"))
        if found is None:
            raise fastapi.HTTPException(401)
        return MessageToDict(found)

    uvicorn.run(application, host="127.0.0.1", port=port, log_level="error", access_log=False)


def connect(port, sessions):
    import uvicorn
    from connectrpc.code import Code
    from connectrpc.compat import google_protobuf_codecs
    from connectrpc.errors import ConnectError
    from connectrpc.method import IdempotencyLevel, MethodInfo, StreamType
    from connectrpc.server import ConnectASGIApplication, Endpoint
    from opentier.v1 import auth_pb2

    async def get_me(request, context):
        found = sessions.get(context.request_headers.get("authorization"))
        if found is None:
            raise ConnectError(Code.UNAUTHENTICATED, "sign in")
        return found

    class Application(ConnectASGIApplication):
        path = "/opentier.v1.AuthService"

    method = MethodInfo(
        name="GetMe", service_name="opentier.v1.AuthService", input=auth_pb2.GetMeRequest,
        output=auth_pb2.GetMeResponse, idempotency_level=IdempotencyLevel.NO_SIDE_EFFECTS,
        stream_type=StreamType.UNARY)
    endpoints = {"/opentier.v1.AuthService/GetMe": Endpoint.unary(method=method, function=get_me)}
    application = Application(service=None, endpoints=lambda _: endpoints, codecs=google_protobuf_codecs())
    uvicorn.run(application, host="127.0.0.1", port=port, log_level="error", access_log=False)


async def grpc(port, sessions):
    import grpc
    from opentier.v1 import auth_pb2_grpc

    class Service(auth_pb2_grpc.AuthServiceServicer):
        async def GetMe(self, request, context):
            found = sessions.get(dict(context.invocation_metadata()).get("authorization"))
            if found is None:
                await context.abort(grpc.StatusCode.UNAUTHENTICATED, "sign in")
            return found

    server = grpc.aio.server()
    auth_pb2_grpc.add_AuthServiceServicer_to_server(Service(), server)
    if not server.add_insecure_port(f"127.0.0.1:{port}"):
        sys.exit("the port is taken")
    await server.start()
    await server.wait_for_termination()


def main():
    wire, port, stubs, token = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
    sys.path.insert(0, stubs)
    from opentier.v1 import auth_pb2

    sessions = {f"Bearer {token}": account(auth_pb2)}
    if wire == "grpc":
        asyncio.run(grpc(port, sessions))
    else:
        {"rest": rest, "connect": connect}[wire](port, sessions)


main()
