"""HTTP/1.1 both ways: `HttpServer` with its `Request` and `Response`, `HttpClient` with its errors."""

from gateway.transports.http.client import HttpClient
from gateway.transports.http.connection import Handler
from gateway.transports.http.errors import BadAnswer, HttpError, NoAnswer, NotSent
from gateway.transports.http.limits import ClientLimits, ServerLimits
from gateway.transports.http.messages import Headers, HttpResponse, Request, Response, media_type
from gateway.transports.http.server import HttpServer
from gateway.transports.http.tls import ClientTls, ServerTls, server_context

__all__ = [
    "BadAnswer",
    "ClientLimits",
    "ClientTls",
    "Handler",
    "Headers",
    "HttpClient",
    "HttpError",
    "HttpResponse",
    "HttpServer",
    "NoAnswer",
    "NotSent",
    "Request",
    "Response",
    "ServerLimits",
    "ServerTls",
    "media_type",
    "server_context",
]
