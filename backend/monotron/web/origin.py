"""Where a request comes from: a proxy, a web page, or anything else that speaks HTTP."""

from tornado.httputil import HTTPServerRequest

from monotron.errors import Forbidden, InvalidHost
from monotron.web.hosts import is_loopback_host

_PROXY_HEADERS = ("Forwarded", "Via", "X-Real-Ip")
_PROXY_HEADER_PREFIX = "X-Forwarded-"

_OWN_SITES = ("same-origin", "none")
"""Values of `Sec-Fetch-Site` for pages of this server, and for requests without a page."""


def check_local(request: HTTPServerRequest) -> None:
    """Check that a request to an open server was sent on its machine, and to its machine.

    Raises InvalidHost if the Host is not a loopback name, which is the case in a DNS rebinding
    attack, and Forbidden if the request came through a proxy.
    """
    if not is_loopback_host(request.host):
        raise InvalidHost(
            "Without credentials this server only answers requests for localhost. This protects "
            "against DNS rebinding. Use http://127.0.0.1, or set a root key to serve other host "
            "names."
        )
    for name in request.headers:  # normalized names
        if name in _PROXY_HEADERS or name.startswith(_PROXY_HEADER_PREFIX):
            raise Forbidden(
                f"Without credentials this server rejects requests from proxies. The header "
                f"`{name[:64]}` shows that this request came through one. Set a root key "
                "(MONOTRON_ROOT_API_KEY and MONOTRON_ROOT_API_SECRET), or connect directly."
            )


def check_page(request: HTTPServerRequest) -> None:
    """Check that a page of another host did not cause this request. Raises Forbidden.

    Browsers add Basic credentials to requests that pages of other hosts cause. Reading is harmless,
    because such a page cannot read the response, except for expensive reads.
    """
    headers = request.headers
    if "Sec-Fetch-Site" not in headers and "Origin" not in headers:
        return
    if request.method == "GET" and not request.path.startswith("/v1/system/"):
        return
    site = headers.get("Sec-Fetch-Site", "none")
    origin_host = headers["Origin"].rpartition("/")[2] if "Origin" in headers else request.host
    if site not in _OWN_SITES or origin_host.lower() != request.host.lower():
        raise Forbidden(
            "This request was sent by a web page of another host. Send it from a script or a "
            "terminal, without the headers `Origin` and `Sec-Fetch-Site`."
        )
