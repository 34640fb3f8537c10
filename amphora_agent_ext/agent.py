"""``sriov-amphora-agent``: the stock amphora agent with our calls added to its application.

It starts what the stock command starts, in the same order and with the same settings, after the
table that drops everything unknown. This module, ``plugging`` and ``interfaces`` alone import
``octavia``.
"""

from __future__ import annotations

import multiprocessing
import ssl
import sys
from pathlib import Path
from typing import Any

from octavia import version
from octavia.amphorae.backends.agent.api_server import server
from octavia.amphorae.backends.health_daemon import health_daemon
from octavia.cmd.agent import AmphoraAgent
from octavia.common import service, utils
from oslo_config import cfg
from oslo_reports import guru_meditation_report, opts

from amphora_agent_ext import blueprint, plugging
from amphora_agent_ext.apply import Firewall
from amphora_agent_ext.configuration import Configuration

_LOG_FILE = "/var/log/amphora-agent.log"


def main() -> None:
    """Entry point: ``sriov-amphora-agent --config-file /etc/octavia/amphora-agent.conf``."""
    service.prepare_service(sys.argv)
    opts.set_defaults(cfg.CONF)
    guru_meditation_report.TextGuruMeditation.setup_autorun(version, conf=cfg.CONF)
    firewall = Firewall()
    firewall.restore()
    AmphoraAgent(application(_start_health_sender(), firewall), server_options(cfg.CONF)).run()


def application(health_queue: Any, firewall: Firewall) -> Any:
    """The stock agent's Flask application with our blueprint."""
    plugging.take_over()
    app = server.Server(health_queue).app
    configuration = Configuration(Path(cfg.CONF.haproxy_amphora.base_path))
    app.register_blueprint(blueprint.create(firewall, configuration))
    return app


def server_options(conf: Any) -> dict[str, Any]:
    """What the stock agent asks of gunicorn: mutual TLS, one worker, its log."""
    protocol = conf.amphora_agent.agent_tls_protocol.replace(".", "_")
    return {
        "bind": utils.ip_port_str(conf.haproxy_amphora.bind_host, conf.haproxy_amphora.bind_port),
        "workers": 1,
        "timeout": conf.amphora_agent.agent_request_read_timeout,
        "certfile": conf.amphora_agent.agent_server_cert,
        "ca_certs": conf.amphora_agent.agent_server_ca,
        "cert_reqs": ssl.CERT_REQUIRED,
        "ssl_version": getattr(ssl, f"PROTOCOL_{protocol}"),
        "preload_app": True,
        "accesslog": _LOG_FILE,
        "errorlog": _LOG_FILE,
        "loglevel": "debug",
        "syslog": True,
        "syslog_facility": f"local{conf.amphora_agent.administrative_log_facility}",
        "syslog_addr": "unix://run/rsyslog/octavia/log#dgram",
    }


def _start_health_sender() -> Any:
    """Heartbeats come from a process of their own; the queue has it read its settings again."""
    context = multiprocessing.get_context("fork")  # it inherits the parsed settings
    queue = context.Manager().Queue()
    sender = context.Process(
        name="HM_sender", target=health_daemon.run_sender, args=(queue,), daemon=True
    )
    sender.start()
    return queue


if __name__ == "__main__":
    main()
