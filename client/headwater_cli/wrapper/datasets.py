"""What --reads and --writes say. Pure, save for the current folder."""

from pathlib import Path

from headwater.names import DatasetName, dataset_name


def said_dataset(text: str) -> DatasetName:
    """Names a dataset as the options do: an address, or a file as `/path` or `./path`. Raises InvalidName.

    >>> said_dataset("s3://raw/orders")
    DatasetName(namespace='s3://raw', dataset='orders')
    """
    # A relative path needs its dot: of `data/users`, `data` is the namespace.
    return dataset_name(Path(text).absolute() if text.startswith(("./", "../")) else text)
