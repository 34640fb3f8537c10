"""User data of the servers behind a load balancer. Pure."""

from __future__ import annotations

import base64

# cloud-init waits for its scripts, so the server goes to the background.
DEFAULT = """\
#!/bin/sh
cat >/tmp/webserver.py <<'EOF'
import http.server
import socket


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"@NAME@"
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET


Server(("", @PORT@), Answer).serve_forever()
EOF
nohup python3 /tmp/webserver.py >/tmp/webserver.log 2>&1 </dev/null &
"""


def script(name: str, port: int, template: str = DEFAULT) -> str:
    """The script for one server."""
    return template.replace("@NAME@", name).replace("@PORT@", str(port))


def user_data(name: str, port: int, template: str = DEFAULT) -> str:
    """The same as Nova wants it: in base64."""
    return base64.b64encode(script(name, port, template).encode()).decode()
