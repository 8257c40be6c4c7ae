"""`headwater completion`."""

import click
from click.shell_completion import get_completion_class

VARIABLE = "_HEADWATER_COMPLETE"
SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS), help="The shell to complete in.")
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Writes the script that completes this command in a shell.

    \b
    bash:  eval "$(headwater completion bash)"     in ~/.bashrc
    zsh:   eval "$(headwater completion zsh)"      in ~/.zshrc
    fish:  headwater completion fish > ~/.config/fish/completions/headwater.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(ctx.find_root().command, {}, "headwater", VARIABLE).source())
