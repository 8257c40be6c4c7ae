"""The commands about tokens: `headwater-server token create|list|revoke`."""

from __future__ import annotations

import argparse
import sys

from .access.token_hashes import create_token, read_tokens, revoke_token
from .config import Settings, settings_parser
from .domain.callers import Role

TOKENS = "Make, list and revoke tokens, for callers whom no issuer knows."
TOKEN_WORDS = ("name", "role")
"""What the commands are given beside settings."""
TOKEN_SETTINGS = ("data_dir", "token_hashes_file")


def add_token_commands(parser: argparse.ArgumentParser) -> None:
    """Makes the parser of `headwater-server token` that of its three commands."""
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    made: dict[str, argparse.ArgumentParser] = {}
    for name, command in (("create", create), ("list", list_all), ("revoke", revoke)):
        words = (command.__doc__ or "").strip()
        parents = [settings_parser(only=TOKEN_SETTINGS)]
        made[name] = commands.add_parser(name, parents=parents, help=words, description=words)
        made[name].set_defaults(command=command)
    roles = [role.value for role in Role]
    made["create"].add_argument("--role", required=True, choices=roles, help="what its bearer may do")
    made["create"].add_argument("--name", required=True, help="who its bearer is, kept with each event that it sends")
    made["revoke"].add_argument("name", metavar="NAME", help="its name, or its id where several have that name")


def create(settings: Settings, *, name: str, role: str) -> int:
    """Make a token and write it to standard output, once; only its hash is kept."""
    path = settings.token_hashes_file
    token, made = create_token(path, name, Role(role))
    told = f"token:{made.name} is {_with_article(made.role)} (id {made.id}). Keep the token: it is not shown again."
    sys.stderr.write(f"{told}\nIts hash is in {path}; a server that is started with this file asks who calls.\n")
    return _say(token)


def list_all(settings: Settings) -> int:
    """List the tokens, with when they were made and revoked; the tokens themselves are not known."""
    tokens = read_tokens(settings.token_hashes_file)
    rows = [("NAME", "ROLE", "ID", "CREATED", "REVOKED")]
    rows += [
        (each.name, each.role.value, each.id, f"{each.created:%F %R}", f"{each.revoked:%F %R}" if each.revoked else "-")
        for each in tokens
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return _say("\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows))


def revoke(settings: Settings, *, name: str) -> int:
    """Have a token refused from now on."""
    revoked = revoke_token(settings.token_hashes_file, name)
    return _say(f"the token {revoked.id} of {revoked.name} is refused from now on")


def _with_article(role: Role) -> str:
    return f"{'a' if role is Role.READER else 'an'} {role.value}"


def _say(text: str) -> int:
    sys.stdout.write(f"{text}\n")
    return 0
