"""The settings of the server. Nothing else in the server reads arguments or the environment.

`max_event_bytes` is `--max-event-bytes` and `HEADWATER_MAX_EVENT_BYTES`; the flag goes first.
"""

from headwater.program.settings import Mistake, SettingsError
from headwater.program.values import Address, LogLevel

from .dsn import Dsn
from .exposure import exposure_mistakes
from .parsing import default_data_dir, parse_settings, read_settings, settings_parser
from .settings import AccessSettings, IngestSettings, QuerySettings, Settings

__all__ = [
    "AccessSettings",
    "Address",
    "Dsn",
    "IngestSettings",
    "LogLevel",
    "Mistake",
    "QuerySettings",
    "Settings",
    "SettingsError",
    "default_data_dir",
    "exposure_mistakes",
    "parse_settings",
    "read_settings",
    "settings_parser",
]
