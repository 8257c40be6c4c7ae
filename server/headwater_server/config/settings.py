"""The settings of the server, each declared once: its flag, its environment variable and its help follow from here."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from headwater.program.settings import setting
from headwater.program.values import (
    Address,
    LogLevel,
    read_address,
    read_choice,
    read_path,
    read_switch,
    read_whole,
)

from .dsn import Dsn, read_dsn
from .processes import read_processes

MIB = 1 << 20


@dataclass(frozen=True, kw_only=True)
class IngestSettings:
    """What bounds the events that are taken."""

    max_event_bytes: int = setting(8 * MIB, read_whole(1024), "Bytes of the largest event that is accepted.")
    max_request_bytes: int = setting(
        64 * MIB, read_whole(1024), "Bytes of the largest request that is read, after decompression."
    )
    max_events_in_flight: int = setting(
        20_000, read_whole(1), "Events that may wait for their commit; more are refused, to be sent again later."
    )
    max_bytes_in_flight: int = setting(256 * MIB, read_whole(1024), "Bytes of the events that may wait.")
    max_batch_events: int = setting(1_000, read_whole(1, 100_000), "Events that one transaction commits at most.")
    linger_milliseconds: int = setting(
        3, read_whole(0, 1_000), "How long events wait for others to share their transaction, while many call at once."
    )
    write_connections: int = setting(4, read_whole(1, 1_000), "Connections to PostgreSQL that write.")


@dataclass(frozen=True, kw_only=True)
class QuerySettings:
    """What bounds a question, so that no question can starve ingestion or another one."""

    query_timeout_seconds: int = setting(30, read_whole(1, 3_600), "Longest time that an answer may take.")
    max_nodes: int = setting(20_000, read_whole(1), "Nodes that one answer holds at most; a request is cut to it.")
    max_queries_in_flight: int = setting(64, read_whole(1), "Questions that are answered or wait at a time.")
    graph_memory_mib: int = setting(
        256,
        read_whole(0, 65_536),
        "MiB of memory for the graph of datasets, to answer from it, and for fields in what it leaves; 0 for none."
        " What does not fit is asked of PostgreSQL alone.",
    )
    read_connections: int = setting(8, read_whole(1, 1_000), "Connections to PostgreSQL that read.")


@dataclass(frozen=True, kw_only=True)
class AccessSettings:
    """Who may call, and over what."""

    tls_certificate_file: Path | None = setting(
        None, read_path, "The server's certificate and those of its issuers (PEM); with it, gRPC and HTTP are TLS."
    )
    tls_key_file: Path | None = setting(None, read_path, "The private key of the certificate (PEM).")
    client_ca_file: Path | None = setting(
        None, read_path, "The CA certificates that those of clients are checked with (PEM); over HTTP one is asked for."
    )
    grpc_mtls_address: Address | None = setting(
        None, read_address, "Where gRPC is served to clients with a certificate, and to no others."
    )
    access_file: Path | None = setting(
        None, read_path, "The issuers whose tokens are believed, and the roles of callers (TOML)."
    )
    token_hashes_file: Path | None = setting(
        None, read_path, "The tokens that `headwater-server token` made; `token-hashes` in the data dir without it."
    )
    allow_anonymous: bool = setting(
        False, read_switch, "Whether a call without credentials is anyone's, who may do everything."
    )
    allow_plaintext: bool = setting(
        False,
        read_switch,
        "Whether other machines may call without TLS, because something in front of the server has it.",
    )


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that can be set. The second argument of each declaration is its documentation."""

    data_dir: Path = field(
        metadata={"read": read_path, "meaning": "Where the server's own PostgreSQL lives; used without a DSN."}
    )
    dsn: Dsn | None = setting(
        None, read_dsn, "The PostgreSQL to use; without it the server runs one of its own.", secret=True
    )
    read_dsn: Dsn | None = setting(None, read_dsn, "A replica that answers questions.", secret=True)
    pg_bin: Path | None = setting(
        None, read_path, "Folder of the PostgreSQL programs for the server's own; without it the newest found is taken."
    )
    grpc_address: Address = setting(Address("127.0.0.1", 4970), read_address, "Where gRPC is served.")
    http_address: Address = setting(Address("127.0.0.1", 4971), read_address, "Where HTTP is served.")
    metrics_address: Address | None = setting(
        None,
        read_address,
        "Where /metrics, /healthz and /readyz are served to anyone without TLS, too: counts, and nothing of lineage.",
    )
    processes: int = setting(
        1,
        read_processes,
        "Processes that serve at these addresses, each a core's worth; `auto` is one for each core that may be used"
        " (Linux). A connection stays with one of them. What is bounded is bounded for each of them: connections to"
        " PostgreSQL, what waits, questions, the graph in memory.",
    )
    access: AccessSettings = AccessSettings()
    ingest: IngestSettings = IngestSettings()
    query: QuerySettings = QuerySettings()
    keep_events_days: int | None = setting(
        None,
        read_whole(1, 36_500),
        "Days for which events are kept; for ever without it. Older ones are refused, and dropped a week at a time:"
        " assets, links, versions and runs stay, the facets of those runs do not.",
    )
    rejected_days: int = setting(7, read_whole(0, 3_650), "Days for which rejected events are kept.")
    drain_timeout_seconds: int = setting(
        20, read_whole(0, 3_600), "How long calls may still take when the server has been told to stop."
    )
    log_level: LogLevel = setting(LogLevel.INFO, read_choice(LogLevel), "Least important messages that are logged.")

    @property
    def token_hashes_file(self) -> Path:
        """Where the hashes of static tokens are, whether there are any or not."""
        return self.access.token_hashes_file or self.data_dir / "token-hashes"
